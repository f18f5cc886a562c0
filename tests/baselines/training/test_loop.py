"""The training loop: resumed runs against uninterrupted ones, every knob against an oracle, and what it refuses."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from sklearn.metrics import average_precision_score
from torch import Tensor, nn

from baselines.augmentations import FreqMixStyle, Mixup, Noise
from baselines.distillation import Distillation
from baselines.training import Averaging, Constant, Plateau, Recipe, WarmupCosine, fit, objective
from baselines.training.loop import class_weights
from baselines.training.scores import held_out_scores
from harness.contract import Batch, Classifier, Mistake, TrainingData
from tests.baselines.training.made import Data, Run, StoppedError, Teacher, classifier, scalars

BASE: dict[str, Any] = {
    "epochs": 6,
    "batch_size": 16,
    "learning_rate": 0.05,
    "weight_decay": 1e-4,
    "schedule": WarmupCosine(warmup_steps=4),
}
STEPS = (
    Noise(probability=0.5),
    Mixup(domain="waveform", alpha=0.4, probability=0.5),
    FreqMixStyle(probability=0.5, alpha=0.3),
)


def trained(run: Run, student: Classifier | None = None, data: Data | None = None, **knobs: Any) -> dict[str, Tensor]:
    recipe = Recipe(**(BASE | knobs))
    student = student or classifier()
    data = data or Data()
    losses = objective(student, recipe, STEPS, data, run, 2, distillation=run_distillation(run))  # type: ignore[arg-type]
    fit(student, losses, data, run, recipe)  # type: ignore[arg-type]
    return {name: value.clone() for name, value in student.network.state_dict().items()}


def run_distillation(run: Run) -> Distillation | None:
    return Distillation(label_weight=0.3, tau=2.0) if run.teachers else None


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


KNOBS: dict[str, dict[str, Any]] = {
    "plain": {},
    "ema": {"averaging": Averaging(kind="ema", decay=0.9)},
    "swa": {"averaging": Averaging(kind="swa", start=2, every=2)},
    "best": {"holdout": 0.2, "keep": "best"},
    "plateau": {"holdout": 0.2, "schedule": Plateau(patience=1), "optimiser": "adam"},
    "balanced": {"sampling": "balanced", "gradient_clip": 0.5, "precision": "bfloat16"},
}


@pytest.mark.parametrize("knobs", KNOBS)
@pytest.mark.parametrize("epoch", [1, 3, 5])
def test_a_resumed_run_ends_with_the_same_weights_bit_for_bit(tmp_path: Path, knobs: str, epoch: int) -> None:
    whole = trained(Run(tmp_path / "a"), **KNOBS[knobs])
    stopped = Run(tmp_path / "b", stop_after=epoch)
    with pytest.raises(StoppedError):
        trained(stopped, **KNOBS[knobs])
    resumed = trained(Run(tmp_path / "b", kept=stopped.kept), classifier(seed=9), **KNOBS[knobs])
    assert same(whole, resumed)
    with (tmp_path / "b" / "metrics.csv").open() as stream:
        assert [row["epoch"] for row in csv.DictReader(stream)] == ["1", "2", "3", "4", "5", "6"]


def test_a_resumed_student_ends_with_the_same_weights_bit_for_bit(tmp_path: Path) -> None:
    teachers = {"one": Teacher(classifier(seed=5)), "two": Teacher(classifier(seed=6))}
    whole, stopped = Run(tmp_path / "a"), Run(tmp_path / "b", stop_after=2)
    whole.teachers = stopped.teachers = teachers
    weights = trained(whole)
    with pytest.raises(StoppedError):
        trained(stopped)
    resumed = Run(tmp_path / "b", kept=stopped.kept)
    resumed.teachers = teachers
    assert same(weights, trained(resumed))
    alone = trained(Run(tmp_path / "c"))
    assert not same(weights, alone)


def test_one_seed_gives_the_same_weights_and_another_others(tmp_path: Path) -> None:
    assert same(trained(Run(tmp_path / "a")), trained(Run(tmp_path / "b")))
    other = Run(tmp_path / "c")
    other.generator.manual_seed(1)
    assert not same(trained(Run(tmp_path / "d")), trained(other))


def test_the_loop_learns(tmp_path: Path) -> None:
    _, _, run = plain(tmp_path)
    losses = [metrics["loss"] for _, _, metrics in run.reports]
    assert losses[-1] < 0.8 * losses[0]


class Oracle:
    """The same training written out: no augmentation, cross-entropy, torch's Adam, one step after the other."""

    def __init__(self, recipe: Recipe, *, adam: bool) -> None:
        self.student, self.recipe = classifier(), recipe
        network = self.student.network
        kind = torch.optim.Adam if adam else torch.optim.AdamW
        self.optimiser = kind(network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
        self.generator = torch.Generator().manual_seed(0)
        self.after_step: list[dict[str, Tensor]] = []
        network.train()
        for epoch in range(recipe.epochs):
            self._epoch(epoch)

    def _epoch(self, epoch: int) -> None:
        network = self.student.network
        for step, batch in enumerate(Data().batches(16, self.generator)):
            self.optimiser.param_groups[0]["lr"] = 0.05 * self.recipe.schedule.factor(3 * epoch + step, 3, 6)
            loss = nn.functional.cross_entropy(self.student(batch.waveforms), batch.labels)
            self.optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            if self.recipe.gradient_clip:
                nn.utils.clip_grad_norm_(network.parameters(), self.recipe.gradient_clip)
            self.optimiser.step()
            self.after_step.append({name: value.clone() for name, value in network.state_dict().items()})


def plain(tmp_path: Path, **knobs: Any) -> tuple[dict[str, Tensor], Recipe, Run]:
    recipe, student, run, data = Recipe(**(BASE | knobs)), classifier(), Run(tmp_path), Data()
    fit(student, objective(student, recipe, (), data, run, 2), data, run, recipe)  # type: ignore[arg-type]
    return student.network.state_dict(), recipe, run


def close(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.allclose(one[name].float(), other[name].float(), atol=1e-5) for name in one)


@pytest.mark.parametrize("optimiser", ["adam", "adamw"])
@pytest.mark.parametrize("clip", [None, 0.1])
def test_the_steps_are_those_of_the_optimiser_written_out(tmp_path: Path, optimiser: str, clip: float | None) -> None:
    knobs = {"optimiser": optimiser, "gradient_clip": clip, "weight_decay": 0.1}
    found, recipe, _ = plain(tmp_path, **knobs)
    assert close(found, Oracle(recipe, adam=optimiser == "adam").after_step[-1])


def test_swa_is_the_mean_of_the_weights_after_its_epochs(tmp_path: Path) -> None:
    found, recipe, _ = plain(tmp_path, averaging=Averaging(kind="swa", start=2, every=2))
    oracle = Oracle(recipe, adam=False).after_step
    ends = [oracle[3 * epoch - 1] for epoch in (2, 4, 6)]
    for name in ("0.weight", "1.running_var", "4.bias"):
        assert torch.allclose(found[name], torch.stack([one[name] for one in ends]).mean(0), atol=1e-5)


def test_ema_follows_every_step(tmp_path: Path) -> None:
    found, recipe, _ = plain(tmp_path, averaging=Averaging(kind="ema", decay=0.7))
    steps = Oracle(recipe, adam=False).after_step
    for name in ("0.weight", "1.running_mean", "4.bias"):
        average = steps[0][name]
        for one in steps[1:]:
            average = 0.7 * average + 0.3 * one[name]
        assert torch.allclose(found[name], average, atol=1e-5)


def test_the_best_epoch_is_found_on_held_out_clips_of_the_training_list(tmp_path: Path) -> None:
    data, run, student = Data(), Run(tmp_path), classifier()
    recipe = Recipe(**(BASE | {"holdout": 0.3, "keep": "best", "epochs": 9}))
    scored: list[tuple[float, dict[str, Tensor]]] = []
    rest, held = data.holdout(0.3, run.seed)

    def score(one: Classifier, clips: TrainingData) -> dict[str, float]:
        assert clips.names == held.names
        value = [0.1, 0.5, 0.5, 0.9, 0.2, 0.9, 0.3, 0.4, 0.8][len(scored)]
        scored.append((value, {name: weights.clone() for name, weights in one.network.state_dict().items()}))
        return {"score": value}

    seen: list[str] = []

    def losses(network: nn.Module, batch: Batch, clips: TrainingData) -> dict[str, Tensor]:
        seen.extend(clips.names[row] for row in batch.rows.tolist())
        return {"loss": nn.functional.cross_entropy(network(batch.waveforms.view(-1, 1, 3, 2)), batch.labels)}

    fit(student, losses, data, run, recipe, score=score)  # type: ignore[arg-type]
    assert set(seen) == set(rest.names)
    assert not set(seen) & set(held.names)
    assert same(student.network.state_dict(), scored[3][1])


def test_the_list_that_the_publisher_keeps_for_choosing_takes_the_place_of_what_would_be_held_out(
    tmp_path: Path,
) -> None:
    data, run, student = Data(torch.arange(30)), Run(tmp_path), classifier()
    data.validation = Data(torch.arange(30, 40))
    recipe = Recipe(**(BASE | {"holdout": 0.3, "keep": "best", "epochs": 2}))
    scored: list[tuple[str, ...]] = []

    def score(_: Classifier, clips: TrainingData) -> dict[str, float]:
        scored.append(clips.names)
        return {"score": 0.0}

    losses = objective(student, recipe, (), data, run, 2)  # type: ignore[arg-type]
    fit(student, losses, data, run, recipe, score=score)  # type: ignore[arg-type]
    assert scored == [data.validation.names] * 2
    learned = {row for rows in data.asked for row in rows.tolist()}
    assert learned == set(range(30))


@pytest.mark.parametrize("knobs", [{"keep": "best"}, {"schedule": Plateau()}])
def test_what_needs_held_out_clips_is_refused_without_them(tmp_path: Path, knobs: dict[str, Any]) -> None:
    with pytest.raises(Mistake, match="holds none out"):
        trained(Run(tmp_path), **knobs)


def test_held_out_clips_are_scored_by_what_they_are_labelled_with() -> None:
    data, one = Data(), classifier()
    plain = held_out_scores(one, data)  # type: ignore[arg-type]
    logits = one.eval()(data.waveforms).detach()
    assert plain["score"] == pytest.approx(float((logits.argmax(1) == data.labels).double().mean()))
    data.labels = nn.functional.one_hot(data.labels).float()
    several = held_out_scores(one, data)  # type: ignore[arg-type]
    assert several["score"] == pytest.approx(average_precision_score(data.labels.numpy(), logits.numpy()))
    loss = nn.functional.binary_cross_entropy_with_logits(logits, data.labels)
    assert several["held_out_loss"] == pytest.approx(float(loss))


def test_training_clips_are_scored_as_they_are_and_change_nothing(tmp_path: Path) -> None:
    data, student = Data(), classifier()
    rest, _ = data.holdout(0.3, Run(tmp_path).seed)
    knobs = {"holdout": 0.3, "epochs": 3}
    plain = trained(Run(tmp_path / "a"), data=Data(), **knobs)
    scored = trained(Run(tmp_path / "b"), student, data, score_training=True, **knobs)
    with (tmp_path / "a" / "metrics.csv").open() as one, (tmp_path / "b" / "metrics.csv").open() as other:
        without, rows = list(csv.DictReader(one)), list(csv.DictReader(other))
    assert set(rows[0]) - set(without[0]) == {"training_loss", "training_score"}
    assert [row["score"] for row in rows] == [row["score"] for row in without]
    now = held_out_scores(student, rest)  # type: ignore[arg-type]
    assert float(rows[-1]["training_score"]) == now["score"]
    assert float(rows[-1]["training_loss"]) == pytest.approx(now["held_out_loss"])
    assert same(plain, scored)


def test_snapshots_are_of_the_last_epochs_and_finished_as_the_classifier_is(tmp_path: Path) -> None:
    recipe, student, run, data = Recipe(**(BASE | {"snapshots": 2})), classifier(), Run(tmp_path), Data()
    losses = objective(student, recipe, (), data, run, 2)  # type: ignore[arg-type]
    fit(student, losses, data, run, recipe, finish=lambda one: one.network.half())  # type: ignore[arg-type]
    assert list(run.snapshots) == [5, 6]
    assert run.snapshots[6].network.state_dict()["0.weight"].dtype == torch.float16
    ours = student.network.state_dict()
    assert ours["0.weight"].dtype == torch.float32
    assert torch.equal(run.snapshots[6].network.state_dict()["0.weight"], ours["0.weight"].half())
    assert not torch.equal(run.snapshots[5].network.state_dict()["0.weight"], ours["0.weight"].half())


def test_a_snapshot_of_an_average_is_the_average(tmp_path: Path) -> None:
    found, _, run = plain(tmp_path, averaging=Averaging(kind="swa"), snapshots=1)
    assert same(run.snapshots[6].network.state_dict(), found)


def test_balanced_sampling_draws_every_class_alike() -> None:
    labels = torch.tensor([0] * 90 + [1] * 9 + [2])
    weights = class_weights(labels)
    assert [float(weights[labels == one].sum()) for one in range(3)] == pytest.approx([1, 1, 1])


def test_clips_with_several_labels_weigh_the_sum_of_their_classes() -> None:
    labels = torch.tensor([[1.0, 0.0], [1.0, 1.0], [1.0, 0.0]])
    assert class_weights(labels).tolist() == pytest.approx([1 / 3, 1 / 3 + 1, 1 / 3])


def test_balanced_batches_are_drawn_with_replacement(tmp_path: Path) -> None:
    data = Data(torch.tensor([0, 2, 4, 6, 8, 10, 12, 14, 16, 1]))
    trained(Run(tmp_path), data=data, sampling="balanced", epochs=40, schedule=Constant(), learning_rate=1e-4)
    drawn = torch.cat(data.asked)
    assert len(drawn) == 400
    rare = int((drawn == 9).sum())
    assert 150 < rare < 250  # half of 400; the deviation is 10


@pytest.mark.parametrize(("minimum_steps", "epochs"), [(0, 6), (18, 6), (19, 7), (25, 9)])
def test_a_small_split_gets_the_epochs_that_make_the_least_number_of_steps(
    tmp_path: Path, minimum_steps: int, epochs: int
) -> None:
    """40 clips in batches of 16 are 3 steps an epoch."""
    _, _, run = plain(tmp_path, minimum_steps=minimum_steps)
    assert run.reports[-1][:2] == (3 * epochs, 3 * epochs)


def test_metrics_are_written_by_epoch_for_people_and_for_tensorboard(tmp_path: Path) -> None:
    run = Run(tmp_path)
    trained(run, holdout=0.2)
    with (tmp_path / "metrics.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert rows[0].keys() == {"epoch", "loss", "held_out_loss", "score", "learning_rate", "seconds"}
    final = [metrics for _, _, metrics in run.reports if "score" in metrics]
    assert [float(row["loss"]) for row in rows] == pytest.approx([one["loss"] for one in final])
    assert scalars(tmp_path / "tensorboard")["loss"] == pytest.approx([float(row["loss"]) for row in rows], rel=1e-5)


def nan_at(epoch: int, batch: int) -> Any:
    """An objective whose loss is no number at one batch; both are counted from 1."""
    count = 0

    def losses(network: nn.Module, one: Batch, _: TrainingData) -> dict[str, Tensor]:
        nonlocal count
        count += 1
        loss = network(one.waveforms.view(-1, 1, 3, 2)).square().mean()
        return {"loss": loss * (math.nan if count == 3 * (epoch - 1) + batch else 1)}

    return losses


def test_a_loss_that_is_no_number_stops_the_training_with_the_batch_named(tmp_path: Path) -> None:
    data, run = Data(), Run(tmp_path)
    with pytest.raises(Mistake, match="The loss is nan at batch 2 of epoch 3") as raised:
        fit(classifier(), nan_at(3, 2), data, run, Recipe(**BASE))  # type: ignore[arg-type]
    first = data.names[int(data.asked[7][0])]
    assert first in str(raised.value)
    assert run.kept is not None
    assert run.kept["state"]["epoch"] == 2


def test_a_checkpoint_of_another_configuration_is_refused(tmp_path: Path) -> None:
    stopped = Run(tmp_path, stop_after=2)
    with pytest.raises(StoppedError):
        trained(stopped)
    with pytest.raises(Mistake, match="another configuration: batch_size, epochs"):
        trained(Run(tmp_path, kept=stopped.kept), epochs=9, batch_size=8)


def test_what_happens_between_epochs_is_told_which_one_comes(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    student, run, data, recipe = classifier(), Run(tmp_path), Data(), Recipe(**BASE)
    losses = objective(student, recipe, (), data, run, 2)  # type: ignore[arg-type]
    fit(student, losses, data, run, recipe, before_epoch=lambda *words: told.append(words))  # type: ignore[arg-type]
    assert told == [(epoch, 6) for epoch in range(6)]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
