"""The baselines of 2022 and 2023: what they hold and cost by the rules, and the whole line on a small set."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import evaluation, results
from harness.child.entries import import_entry
from harness.complexity.measuring import evaluate, measure
from harness.contract import Task
from harness.evaluation import Hands, Places
from harness.plan import Choice
from harness.results import Result
from tests import made

SYSTEMS = Path(__file__).resolve().parents[3] / "baselines/systems"
TASK = Task(tuple("abcdefghij"), 1.0, ("a", "b", "s1"))


@pytest.mark.parametrize("name", ["dcase2022", "dcase2023"])
def test_it_costs_what_its_layers_do(name: str) -> None:
    """Published: 46,512 bytes (weights, and biases at four bytes) and 29,234,920 with poolings (models/cnn_2022.py).

    Here biases and the scales of channels hold two bytes each, and five layers the step and zero of their input.
    """
    module = import_entry(SYSTEMS / name)
    classifier = module.build(module.Config(), TASK)  # type: ignore[attr-defined]
    evaluate(classifier)
    found = measure(module, classifier, TASK).complexity
    assert found.parameter_bytes == 45_816 + 174 * (2 + 2) + 5 * (4 + 4)
    assert found.macs == 29_203_560
    assert classifier.sample_rate == 44_100


def test_the_network_is_trained_at_32_bit_and_rounded_at_the_end(tmp_path: Path, places: Places, hands: Hands) -> None:
    folder = made.tau_folder(tmp_path / "tau", rate=44_100, clips_per_cell=4)
    track = made.track_file(tmp_path / "tiny.toml", folder, edition="dcase2022")
    settings = {"epochs": 3, "batch_size": 8, "holdout": 0.5, "calibration_clips": 4}
    assert evaluation.evaluate(SYSTEMS / "dcase2022", str(track), Choice(settings=settings), places, hands)
    found = next(one for _, one in results.read_all([places.results]) if isinstance(one, Result))
    assert found.scores is not None
    assert found.complexity is not None
    assert found.complexity.parameter_bytes == 45_116 + 167 * (2 + 2) + 5 * (4 + 4)  # three classes: 700 weights fewer
