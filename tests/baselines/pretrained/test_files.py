"""Weights are read from what frameworks write; what does not fit is said by a sentence, what would run is not run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from baselines import pretrained
from harness.outcomes import Mistake

State = dict[str, Tensor]


def network(width: int = 3) -> nn.Module:
    torch.manual_seed(width)
    return nn.Sequential(nn.Linear(2, width), nn.BatchNorm1d(width))


def same(one: State, other: State) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def prefixed(prefix: str, state: State) -> State:
    return {f"{prefix}{key}": value for key, value in state.items()}


def lightning(state: State) -> dict[str, Any]:
    """What Lightning's ModelCheckpoint writes, in short."""
    return {
        "epoch": 7,
        "global_step": 100,
        "state_dict": prefixed("model.", state),
        "optimizer_states": [{"state": {}, "param_groups": []}],
        "hyper_parameters": {"lr": 0.1},
    }


def misfit(other: nn.Module, path: Path) -> Mistake:
    with pytest.raises(Mistake) as caught:
        pretrained.load_weights(other, path)
    assert str(path) in caught.value.problem
    return caught.value


@pytest.mark.parametrize(
    ("name", "wrapped"),
    [
        ("a.pt", lambda state: state),
        ("a.pth", lambda state: state),
        ("a.ckpt", lightning),
        ("a.pt", lambda state: prefixed("module.", state)),  # DataParallel
        ("a.pt", lambda state: prefixed("net.", state)),
        ("a.pt", lambda state: {"state_dict": state, "epoch": 3}),
        ("a.pt", lambda state: {"state_dict": prefixed("module.", state)}),
    ],
    ids=["pt", "pth", "lightning", "data parallel", "wrapper", "state dict", "state dict of data parallel"],
)
def test_weights_come_back_from_each_framework_s_file(
    tmp_path: Path, name: str, wrapped: Callable[[State], dict[str, Any]]
) -> None:
    expected = network().state_dict()
    torch.save(wrapped(expected), tmp_path / name)
    assert same(pretrained.read_weights(tmp_path / name), expected)
    fresh = network()
    nn.init.zeros_(fresh[0].weight)  # type: ignore[index]
    pretrained.load_weights(fresh, tmp_path / name)
    assert same(fresh.state_dict(), expected)


@pytest.mark.parametrize("prefix", ["", "model.", "module."])
def test_weights_come_back_from_safetensors(tmp_path: Path, prefix: str) -> None:
    expected = network().state_dict()
    save_file(prefixed(prefix, expected), tmp_path / "a.safetensors")
    assert same(pretrained.read_weights(tmp_path / "a.safetensors"), expected)


def test_half_precision_weights_fit_a_single_precision_network(tmp_path: Path) -> None:
    torch.save(network().half().state_dict(), tmp_path / "a.pt")
    fresh, expected = network(), network().half().float()
    pretrained.load_weights(fresh, tmp_path / "a.pt")
    assert {value.dtype for value in fresh.parameters()} == {torch.float32}
    assert same(fresh.state_dict(), expected.state_dict())


def test_a_prefix_that_only_some_keys_have_stays(tmp_path: Path) -> None:
    mixed = {"model.weight": torch.zeros(1), "head.weight": torch.ones(1)}
    torch.save(mixed, tmp_path / "a.pt")
    assert same(pretrained.read_weights(tmp_path / "a.pt"), mixed)


@pytest.mark.parametrize("name", ["model", "net", "module"])
def test_a_network_whose_only_part_has_a_wrapper_s_name_takes_its_own_weights(tmp_path: Path, name: str) -> None:
    """`self.model = …` is a common way to write a network; its keys start with what a wrapper would have put there."""

    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.add_module(name, nn.Linear(2, 3))

    one, other = Named(), Named()
    torch.save(one.state_dict(), tmp_path / "a.pt")
    pretrained.load_weights(other, tmp_path / "a.pt")
    assert same(other.state_dict(), one.state_dict())


def write_text(path: Path) -> None:
    path.write_text("<html>404</html>")


def write_nothing(path: Path) -> None:
    path.write_bytes(b"")


def write_cut(path: Path) -> None:
    torch.save(network().state_dict(), path)
    path.write_bytes(path.read_bytes()[:700])


def write_code(path: Path) -> None:
    torch.save(network(), path)  # a pickled module: reading it would run code


class Bomb:
    """A pickle that writes a file when it is opened."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, tuple[Path]]:
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("name", ["a.pt", "a.ckpt", "a.safetensors"])
@pytest.mark.parametrize("write", [write_text, write_nothing, write_cut])
def test_a_file_that_cannot_be_read_is_a_mistake_of_one_line(
    tmp_path: Path, name: str, write: Callable[[Path], None]
) -> None:
    write(tmp_path / name)
    mistake = misfit(network(), tmp_path / name)
    assert mistake.rule == "checkpoint.unreadable"
    assert "cannot be read: " in mistake.problem
    assert "\n" not in str(mistake)


@pytest.mark.parametrize("name", ["a.pt", "a.ckpt", "a.pth"])
def test_a_pickle_is_never_run_and_its_refusal_says_so(tmp_path: Path, name: str) -> None:
    state = {**network().state_dict(), "bomb": Bomb(tmp_path / "mark")}
    torch.save(state, tmp_path / name)
    assert misfit(network(), tmp_path / name).rule == "checkpoint.unsafe"
    write_code(tmp_path / name)
    mistake = misfit(network(), tmp_path / name)
    assert mistake.rule == "checkpoint.unsafe"
    assert "would run code" in mistake.problem
    assert not (tmp_path / "mark").exists()
    torch.load(tmp_path / name, weights_only=False)  # the file itself is whole


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.with_suffix(".other").touch()], ids=["folder", "none"])
def test_no_file_is_a_mistake(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "a.pt")
    assert misfit(network(), tmp_path / "a.pt").rule == "checkpoint.missing"


@pytest.mark.parametrize("content", [torch.zeros(3), [torch.zeros(3)], 7, {"state_dict": [1, 2]}], ids=type)
def test_a_file_of_something_else_than_weights_is_a_mistake(tmp_path: Path, content: Any) -> None:
    torch.save(content, tmp_path / "a.pt")
    assert misfit(network(), tmp_path / "a.pt").rule.startswith("checkpoint.")


def without_bias(state: State) -> State:
    return {key: value for key, value in state.items() if key != "0.bias"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without_bias, "1 keys are missing, 0.bias first"),
        (lambda state: state | {"2.weight": torch.zeros(1)}, "1 keys are too many, 2.weight first"),
        (lambda state: state | {"0.weight": torch.zeros(4, 2)}, "0.weight is (4, 2) and not (3, 2)"),
        (
            lambda state: without_bias(state) | {"x": torch.zeros(1), "y": torch.zeros(1)},
            "1 keys are missing, 0.bias first; 2 keys are too many, x first",
        ),
    ],
    ids=["a key too few", "a key too many", "another shape", "both"],
)
def test_weights_of_another_network_are_a_mistake_that_names_the_key(
    tmp_path: Path, change: Callable[[State], dict[str, Any]], words: str
) -> None:
    torch.save(change(network().state_dict()), tmp_path / "a.pt")
    mistake = misfit(network(), tmp_path / "a.pt")
    assert mistake.rule == "checkpoint.misfit"
    assert words in mistake.problem
    assert "\n" not in str(mistake)


def test_what_a_training_module_holds_beside_its_model_is_left(tmp_path: Path) -> None:
    """The code of paper 004 keeps its teachers as parts of the module that it saves."""
    expected = network().state_dict()
    torch.save({"state_dict": prefixed("model.", expected) | prefixed("teachers.0.", expected)}, tmp_path / "a.ckpt")
    fresh = network()
    nn.init.zeros_(fresh[0].weight)  # type: ignore[index]
    pretrained.load_weights(fresh, tmp_path / "a.ckpt")
    assert same(fresh.state_dict(), expected)


def test_two_wrappers_are_taken_off(tmp_path: Path) -> None:
    expected = network().state_dict()
    torch.save(prefixed("module.model.", expected), tmp_path / "a.pt")
    pretrained.load_weights(network(), tmp_path / "a.pt")
    assert same(pretrained.read_weights(tmp_path / "a.pt"), expected)


def test_weights_lie_under_model_in_some_files(tmp_path: Path) -> None:
    expected = network().state_dict()
    torch.save({"model": expected, "epoch": 3}, tmp_path / "a.pt")
    assert same(pretrained.read_weights(tmp_path / "a.pt"), expected)


def test_an_empty_state_dict_is_a_mistake(tmp_path: Path) -> None:
    torch.save({}, tmp_path / "a.pt")
    assert misfit(network(), tmp_path / "a.pt").rule == "checkpoint.unreadable"


def test_the_released_checkpoint_is_read(shared: Path, tmp_path: Path) -> None:
    """Its tensors as a Lightning file, as they were released, go into the network of 2023."""
    from baselines.models.cp_mobile import SHAPE_2023, CPMobile  # noqa: PLC0415 - needs the golden file anyway

    tensors = pretrained.read_weights(shared / "golden/cp_mobile_2023_ckpt_c0a7nzin/ckpt.safetensors")
    state = {key.removeprefix("sd."): value for key, value in tensors.items() if key.startswith("sd.")}
    torch.save(lightning(state), tmp_path / "epoch149.ckpt")
    released = CPMobile(SHAPE_2023)
    pretrained.load_weights(released, tmp_path / "epoch149.ckpt")
    assert same(dict(released.state_dict()), state)
