"""Stored tensors of the published implementations (../shared/golden), and weights that are made from their names."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from baselines import models
from baselines.models.network import Network

Tensors = Mapping[str, Tensor]


@dataclass(frozen=True)
class Golden:
    """One stored file: its tensors by name, its metadata."""

    tensors: Tensors
    metadata: Mapping[str, str]

    @property
    def features(self) -> Tensor:
        """Inputs (batch, 1, mels, frames); some files have (batch, frames, mels) or (batch, mels, frames)."""
        if "in.x" not in self.tensors:
            return self.tensors["mid.mel"][:, None]
        x = self.tensors["in.x"]
        return x if x.ndim == 4 else x.transpose(1, 2)[:, None]

    @property
    def keys(self) -> dict[str, tuple[int, ...]] | None:
        """State-dict keys and shapes of the published network, where the file names them."""
        if "keys" not in self.metadata:
            return None
        return {key: tuple(shape) for key, shape in json.loads(self.metadata["keys"]).items()}

    def output(self, suffix: str = "") -> Tensor:
        """Logits, or probabilities where the published network gives those."""
        return self.tensors[f"out.logits{suffix}" if f"out.logits{suffix}" in self.tensors else f"out.probs{suffix}"]

    def starting(self, *prefixes: str) -> dict[str, Tensor]:
        """Tensors whose names start with one of the prefixes, which are cut off; stored halves become singles."""
        return {
            name.removeprefix(prefix): value.float() if value.dtype == torch.float16 else value
            for prefix in prefixes
            for name, value in self.tensors.items()
            if name.startswith(prefix)
        }


@dataclass(frozen=True)
class Case:
    """A stored file and the network of the catalogue that it is about.

    `trunk` is another file whose weights come first; `made` says that the weights follow from their names.
    """

    file: str
    name: str
    options: Mapping[str, object] = field(default_factory=dict)
    trunk: str | None = None
    made: bool = False

    def network(self, folder: Path) -> Network:
        """The network in evaluation mode with the stored weights, all of them and no others."""
        with torch.device("meta"):  # no first weights, which take longer than the stored ones
            network = models.build(self.name, **self.options)
        golden = read(folder, self.file)
        state = {} if self.trunk is None else _trunk(read(folder, self.trunk))
        if self.made:
            own = network.state_dict()
            state = {key: torch.tensor(0) for key in own if counter(key)} | procedural(golden.keys or shapes(own))
        network.load_state_dict(state | golden.starting("sd.", "bn."), strict=True, assign=True)
        return network.eval()


def read(folder: Path, name: str) -> Golden:
    """The stored file `name` without its ending."""
    with safe_open(folder / f"{name}.safetensors", "pt") as file:
        return Golden({key: file.get_tensor(key) for key in file.keys()}, file.metadata())  # noqa: SIM118 - no mapping


def shapes(state: Tensors) -> dict[str, tuple[int, ...]]:
    return {key: tuple(value.shape) for key, value in state.items()}


def counter(key: str) -> bool:
    """Whether a key is a batch norm's count of batches."""
    return key.endswith("num_batches_tracked")


def procedural(keys: Mapping[str, Sequence[int]]) -> dict[str, Tensor]:
    """Weights by name and shape, by the recipe of golden/README.md; counts of batches are left out."""
    return {key: _made(key, shape) for key, shape in keys.items() if not counter(key)}


def relative(found: Tensor, expected: Tensor) -> float:
    """The largest difference, relative to the largest expected number; shapes must agree."""
    assert found.shape == expected.shape
    return float((found.double() - expected.double()).abs().max() / expected.double().abs().max())


def _made(key: str, shape: Sequence[int]) -> Tensor:
    stream = np.random.RandomState(zlib.crc32(key.encode()) & 0xFFFFFFFF)  # frozen by numpy, and the recipe's
    z = torch.from_numpy(stream.standard_normal(math.prod(shape)).astype(np.float32)).reshape(tuple(shape))
    match key.rpartition(".")[2]:
        case "running_var":
            return 1 + 0.1 * z.abs()
        case "weight" if len(shape) == 1:  # only layer norms and batch norms have weights of one axis
            return 1 + 0.1 * z
        case "weight" if len(shape) > 1:
            return z * math.sqrt(1 / math.prod(shape[1:]))
        case "bias":
            return 0.05 * z
        case _:
            return 0.1 * z


def _trunk(golden: Golden) -> dict[str, Tensor]:
    return {key: value for key, value in golden.starting("sd.").items() if not key.startswith("attention.")}
