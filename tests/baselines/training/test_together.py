"""One network trained by several processes: against one process, against itself, killed and gone on with."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from baselines.augmentations import FreqMixStyle, LabelSmoothing, Mixup, Noise
from baselines.training import Averaging, Plateau, WarmupCosine
from harness.job import CHECKPOINT, SNAPSHOT
from harness.outcomes import Outcome
from tests.baselines.training.together import Trained, Training, trained

BASE: dict[str, Any] = {
    "epochs": 3,
    "batch_size": 7,
    "learning_rate": 0.02,
    "weight_decay": 1e-2,
    "schedule": WarmupCosine(warmup_steps=4),
}
RANDOM = (Noise(probability=0.5), Mixup(domain="waveform", alpha=0.4), FreqMixStyle(probability=0.5, alpha=0.3))
CROSS_MODEL = {"label_weight": 0.5, "form": "cross_model"}


def training(recipe: dict[str, Any] | None = None, **words: Any) -> Training:
    return Training(BASE | (recipe or {}), **words)


def close(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.allclose(one[name].float(), other[name].float(), atol=1e-5) for name in one)


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def columns(found: Trained, names: Iterable[str]) -> list[list[float]]:
    return [[float(row[name]) for name in names] for row in csv.DictReader(found.metrics)]


LIKE_ONE: dict[str, Training] = {
    "plain": training(),
    "without the last batch": training({"drop_last": True, "gradient_clip": 0.1, "snapshots": 1}),
    "balanced": training({"sampling": "balanced", "averaging": Averaging(kind="ema", decay=0.8)}),
    "best": training({"holdout": 0.3, "keep": "best", "optimiser": "adam", "schedule": Plateau(patience=1)}),
    "smoothed and averaged": training({"averaging": Averaging(kind="swa")}, steps=(LabelSmoothing(amount=0.1),)),
    "two heads and a teacher": training(two_heads=True, taught=CROSS_MODEL | {"separate_head": True}),
    "an offline teacher": training(taught=CROSS_MODEL | {"teaching": "offline"}),
}
"""No random augmentation, no batch norm: nothing that looks at a whole batch."""


@pytest.mark.parametrize("case", LIKE_ONE)
def test_two_processes_end_with_the_weights_of_one(tmp_path: Path, case: str) -> None:
    one, two = (trained(tmp_path / str(processes), LIKE_ONE[case], processes) for processes in (1, 2))
    assert two.answer.outcome is Outcome.OK
    assert close(one.weights[0], two.weights[0])
    assert same(two.weights[0], two.weights[1])
    names = [name for name in next(csv.DictReader(one.metrics)) if name != "seconds"]
    assert "loss" in names
    assert torch.allclose(torch.tensor(columns(one, names)), torch.tensor(columns(two, names)), atol=1e-5)
    kept = [path.name for path in two.folder.glob(SNAPSHOT.format(epoch="*"))]
    assert kept == [path.name for path in one.folder.glob(SNAPSHOT.format(epoch="*"))]


def test_an_offline_teacher_hears_every_clip_once_in_all(tmp_path: Path) -> None:
    assert trained(tmp_path, LIKE_ONE["an offline teacher"], 2).asked == [18, 18]


def test_weights_that_are_close_are_so_because_every_clip_was_weighed(tmp_path: Path) -> None:
    """One clip more, alone in its batch: enough to tell two trainings apart."""
    one, other = (trained(tmp_path / str(clips), training(clips=clips), 1) for clips in (35, 36))
    assert not close(one.weights[0], other.weights[0])


RANDOMLY = training({"holdout": 0.2, "keep": "best"}, steps=RANDOM, norm=True, dropout=0.3)


def test_one_seed_and_number_of_processes_gives_the_same_bits(tmp_path: Path) -> None:
    one, again = (trained(tmp_path / name, RANDOMLY, 2) for name in ("one", "again"))
    other = trained(tmp_path / "other", training(RANDOMLY.recipe, steps=RANDOM, norm=True, dropout=0.3, seed=1), 2)
    assert same(one.weights[0], again.weights[0])
    assert not same(one.weights[0], other.weights[0])


def test_processes_draw_the_same_order_and_all_else_apart(tmp_path: Path) -> None:
    first, second = trained(tmp_path, RANDOMLY, 2).drawn
    assert [torch.equal(one, other) for one, other in zip(first, second, strict=True)] == [False, True, False]


@pytest.mark.parametrize(("rank", "epoch"), [(0, 1), (2, 2)])
def test_a_training_whose_process_was_lost_goes_on_to_the_same_bits(tmp_path: Path, rank: int, epoch: int) -> None:
    words: dict[str, Any] = {"steps": RANDOM, "norm": True, "dropout": 0.3}
    whole = trained(tmp_path / "whole", training(**words), 3)
    stopped = trained(tmp_path / "stopped", training(**words, kill=(rank, epoch)), 3)
    assert stopped.answer.reason is not None
    assert stopped.answer.reason.problem.startswith(f"Process {rank + 1} of 3 of the stage train ended with status 1")
    assert (tmp_path / "stopped" / CHECKPOINT).is_file()
    resumed = trained(tmp_path / "stopped", training(**words), 3, anew=False)
    assert same(whole.weights[0], resumed.weights[0])
    for before, after in zip(whole.drawn, resumed.drawn, strict=True):
        assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))
    assert len(resumed.metrics) == len(whole.metrics) == 1 + 3


def test_a_loss_that_is_no_number_in_one_process_stops_all_with_the_batch_named(tmp_path: Path) -> None:
    """Whoever has the clip says so; the others are ended, who would have waited."""
    found = trained(tmp_path, training(nan_at=7), 2).answer
    assert found.outcome is Outcome.REFUSED
    assert found.reason is not None
    assert "The loss is nan at batch" in found.reason.problem
    assert "of epoch 1" in found.reason.problem
