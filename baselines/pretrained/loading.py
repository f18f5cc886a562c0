"""Weights into networks: as they are, or adapted to another task the way the papers do it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from torch import Tensor, nn

from baselines.models.network import Network
from baselines.pretrained.files import State, read_tensors, under_prefix, without_prefixes
from baselines.pretrained.sources import find_file, read_source
from harness.contract import Mistake

Stem = Literal["sum", "mean", "new"]
"""What becomes of a first convolution for three colours when there is one channel.

sum: what a spectrogram repeated three times would give (AST and PaSST as released; what paper 003 means by averaging).
mean: a third of it, as the text of paper 003 says. new: starts untrained, as PSLA's code does with EfficientNet.
"""


@dataclass(frozen=True)
class Loaded:
    """What `load_pretrained` did: keys that start anew, and keys of the source that this network has no place for."""

    anew: tuple[str, ...]
    unused: tuple[str, ...]


def load_weights(network: nn.Module, source: str | Path, folder: Path | None = None) -> None:
    """Puts the weights of a file into `network`; every key and shape must fit, or it is a `Mistake`.

    The prefixes of wrappers are taken away, and what a training module holds beside its model is left.
    """
    path = find_file(source, folder)
    tensors, own = read_tensors(path), network.state_dict()
    state = under_prefix(tensors, set(own)) or without_prefixes(tensors)
    _refuse_other_classes(network, state, own, str(path))
    _refuse_misfits(state, own, set(), str(path))
    network.load_state_dict(state, strict=True)


def load_pretrained(network: Network, source: str | Path, folder: Path | None = None, stem: Stem = "sum") -> Loaded:
    """Starts `network` from weights of another task: of AudioSet, or of an image model for three colours.

    The head starts anew where the number of classes differs, positional embeddings are resized, colours joined to one
    channel. Everything else must fit, or it is a `Mistake`.
    """
    own = network.state_dict()
    state = network.from_image_model(read_source(source, folder))
    state = _one_channel(network.adapt_positions(state), network.STEM, stem)
    unused = sorted(key for key in state if key not in own and key.startswith(network.UNUSED))
    state = {key: value for key, value in state.items() if key not in unused}
    heads = tuple(head.split(".")[0] for head in network.HEAD)
    anew = {key for key, value in own.items() if key.startswith(heads) and _differs(state.get(key), value)}
    if stem == "new":
        anew |= {network.STEM} - state.keys()
    _refuse_misfits({key: value for key, value in state.items() if key not in anew}, own, anew, str(source))
    network.load_state_dict({**own, **{key: value for key, value in state.items() if key not in anew}}, strict=True)
    return Loaded(tuple(sorted(anew)), tuple(unused))


def _one_channel(state: State, key: str, stem: Stem) -> State:
    weight = state.get(key)
    if weight is None or weight.ndim != 4 or weight.shape[1] != 3:
        return state
    if stem == "new":
        return {name: value for name, value in state.items() if name != key}
    joined = weight.sum(1, keepdim=True) if stem == "sum" else weight.mean(1, keepdim=True)
    return {**state, key: joined}


def _refuse_other_classes(network: nn.Module, state: State, own: State, source: str) -> None:
    if not isinstance(network, Network):
        return
    for key, value in state.items():
        if key.startswith(network.HEAD) and key in own and _differs(value, own[key]):
            problem = f"The checkpoint {source} is for {len(value)} classes, this network has {len(own[key])}."
            raise Mistake("checkpoint.classes", problem, "Start from it with load_pretrained, or build that many.")


def _refuse_misfits(state: State, own: State, anew: set[str], source: str) -> None:
    missing = [key for key in own if key not in state and key not in anew]
    surplus = [key for key in state if key not in own]
    shapes = [key for key in state if key in own and _differs(state[key], own[key])]
    reasons = [
        f"{len(keys)} {what}, {keys[0]} first"
        for what, keys in (("keys are missing", missing), ("keys are too many", surplus))
        if keys
    ]
    if shapes:
        first = shapes[0]
        reasons.append(f"{first} is {tuple(state[first].shape)} and not {tuple(own[first].shape)}")
    if reasons:
        problem = f"The checkpoint {source} does not fit the network: {'; '.join(reasons)}."
        raise Mistake("checkpoint.misfit", problem, "Use the checkpoint of this configuration.")


def _differs(one: Tensor | None, other: Tensor) -> bool:
    return one is None or one.shape != other.shape
