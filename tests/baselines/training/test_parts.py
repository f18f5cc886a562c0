"""Several trainings in one run: stopped anywhere and gone on with, they end as if nothing had happened."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from baselines.augmentations import Noise
from baselines.training import Recipe, fit, objective
from baselines.training.parts import Parts
from harness.contract import Mistake
from tests.baselines.training.made import Data, Run, StoppedError, classifier

RECIPE = Recipe(epochs=3, batch_size=16, learning_rate=0.05)
NAMES = ("one", "two", "three")


class Stopping(Run):
    """A run that is stopped when it has kept so many checkpoints."""

    def __init__(self, work: Path, stop_after: int | None = None, kept: object = None) -> None:
        super().__init__(work, kept)  # type: ignore[arg-type]
        self.left = stop_after

    def save(self, state: object) -> None:
        self.stop_after = None
        super().save({**state, "epoch": -1})  # type: ignore[dict-item]
        if self.left is not None:
            self.left -= 1
            if self.left == 0:
                raise StoppedError


def walked(run: Run) -> dict[str, dict[str, Tensor]]:
    """Three networks trained one after the other."""
    parts, data = Parts(run), Data()  # type: ignore[arg-type]
    for seed, name in enumerate(NAMES):
        if name in parts.finished:
            continue
        student, part = classifier(seed=seed), parts.part(name)
        losses = objective(student, RECIPE, (Noise(),), data, part, 2)  # type: ignore[arg-type]
        fit(student, losses, data, part, RECIPE)  # type: ignore[arg-type]
        parts.finish(name, student.network.state_dict())
    return parts.finished


@pytest.mark.parametrize("checkpoints", [1, 3, 4, 5, 8, 11])
def test_a_stopped_run_ends_with_the_same_weights_bit_for_bit(tmp_path: Path, checkpoints: int) -> None:
    whole = walked(Stopping(tmp_path))
    stopped = Stopping(tmp_path, stop_after=checkpoints)
    with pytest.raises(StoppedError):
        walked(stopped)
    resumed = walked(Stopping(tmp_path, kept=stopped.kept))
    for name in NAMES:
        assert all(torch.equal(whole[name][key], resumed[name][key]) for key in whole[name])
        assert (tmp_path / name / "metrics.csv").is_file()


def test_parts_keep_no_snapshots(tmp_path: Path) -> None:
    part = Parts(Run(tmp_path)).part("one")  # type: ignore[arg-type]
    with pytest.raises(Mistake, match="keeps no snapshots"):
        part.snapshot(classifier(), 1)
