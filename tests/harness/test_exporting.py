"""The verb `export`: the weights of a trained system as a file."""

from __future__ import annotations

from pathlib import Path

import pytest
import safetensors.torch
import torch

from harness import evaluation, exporting
from harness.child.kept import LoadedTeacher
from harness.evaluation import Hands, Places
from harness.outcomes import Mistake
from harness.plan import Choice
from tests import made

PACKED = """
class Packed(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(40, classes))

    def get_extra_state(self):
        return {"scale": 1.0}

    def set_extra_state(self, state):
        pass

    def forward(self, x):
        return x @ self.weight

def build(config, task):
    return Classifier(Energy(), Packed(task.n_classes), 8000)
"""
NOTHING = """
def train(classifier, data, run):
    return classifier
"""


def test_the_file_has_the_weights_that_were_trained(tmp_path: Path, track: str, places: Places, hands: Hands) -> None:
    entry = made.entry_folder(tmp_path / "mine")
    choice = Choice(systems=("S1",), splits=("100",))
    assert evaluation.evaluate(entry, track, choice, places, hands)
    out = tmp_path / "data" / "mine.safetensors"
    exporting.export(entry, "S1", track, choice, places, out, hands)
    found = safetensors.torch.load_file(out)
    cell = next(one.parent for one in places.cache.glob("cells/*/trained.pt") if _of(one, places))
    expected = LoadedTeacher(entry, cell).classifier.network.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in found)


def _of(trained: Path, places: Places) -> bool:
    """Whether a cell in the session's cache is that of this test's result."""
    keys = [path.read_text() for path in places.results.rglob("split*.json")]
    return any(trained.parent.name in text for text in keys)


def test_what_is_not_trained_is_said_with_the_command_that_trains_it(
    tmp_path: Path, track: str, places: Places, hands: Hands
) -> None:
    entry = made.entry_folder(tmp_path / "mine")
    with pytest.raises(Mistake, match=r"S1 is not trained on tiny .*Train it: .*evaluate"):
        exporting.export(entry, "S1", track, Choice(splits=("50",)), places, tmp_path / "x.safetensors", hands)
    assert not (tmp_path / "x.safetensors").exists()


def test_weights_that_are_packed_are_refused(tmp_path: Path, track: str, places: Places, hands: Hands) -> None:
    entry = made.entry_folder(tmp_path / "mine", build=PACKED, train=NOTHING)
    choice = Choice(splits=("50",))
    evaluation.evaluate(entry, track, choice, places, hands)
    with pytest.raises(Mistake, match="packed or quantised"):
        exporting.export(entry, "S1", track, choice, places, tmp_path / "x.safetensors", hands)


def test_a_file_is_of_one_cell_and_called_what_it_is(tmp_path: Path, track: str, places: Places, hands: Hands) -> None:
    entry = made.entry_folder(tmp_path / "mine")
    with pytest.raises(Mistake, match=r"\.safetensors"):
        exporting.export(entry, "S1", track, Choice(), places, tmp_path / "x.pth", hands)
    choice = Choice(splits=("50",), seeds=(0, 1))
    evaluation.evaluate(entry, track, choice, places, hands)
    with pytest.raises(Mistake, match="2 cells of S1 are trained"):
        exporting.export(entry, "S1", track, choice, places, tmp_path / "x.safetensors", hands)
