"""The one training loop: optimiser, schedule, averaging, held-out scores, records, and exact resuming.

Speed on a CPU comes from channels-last layout (depthwise convolutions are several times faster), the banded mel filter
bank, and memory that is not handed back between steps (`harness/nursery.py`). torch.compile added nothing to these on 2
cores and takes a minute and a half; it is there for other machines. Figures: `reports/benchmarks/`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from baselines.processes import Together, of_first, sums
from baselines.training.recipe import Averaging, Recipe
from baselines.training.records import Record
from baselines.training.schedules import Plateau
from baselines.training.scores import held_out_scores
from harness.contract import Batch, Classifier, Mistake, Run, TrainingData

Losses = Mapping[str, Tensor]
Objective = Callable[[nn.Module, Batch, TrainingData], Losses]
"""Losses of a batch of the data by name, "loss" the one to minimise; the network may be a compiled form of the one."""

Score = Callable[[Classifier, TrainingData], dict[str, float]]
"""Scores of a classifier on clips by name, held out or not; "score" is the one that is to be large."""

Between = Callable[[int, int], None]
"""Called with an epoch, counted from 0, and how many there are, before the epoch begins."""

Finish = Callable[[Classifier], object]
"""What an entry does to a trained classifier before it is tested (16-bit weights), done to every snapshot as well."""

LOOKED_AT_EVERY = 32
"""Steps between two looks at the losses of an accelerator: each look waits for it."""

SECONDS_BETWEEN_REPORTS = 1.0

CLIPS_WEIGHED_AT_ONCE = 65_536
"""Rows of (clips, classes) labels that are numbers at the same time: of millions they would fill the memory."""


@dataclass
class Training:
    """A training with what it changes as it goes; `state` and `restore` carry it over an interruption."""

    network: nn.Module
    optimiser: torch.optim.Optimizer
    average: AveragedModel | None
    record: Record
    best: dict[str, Tensor] | None = None
    epoch: int = 0
    steps: int = 0
    began: float = field(default_factory=time.monotonic)

    def state(self) -> dict[str, Any]:
        """Everything the next epoch depends on, generators aside: `Run.save` keeps these."""
        return {
            "epoch": self.epoch,
            "steps": self.steps,
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": self.average.state_dict() if self.average else None,
            "best": self.best,
            "record": self.record.rows,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on where `state` was taken."""
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        if self.average:
            self.average.load_state_dict(state["average"])
        self.best, self.epoch, self.steps = state["best"], state["epoch"], state["steps"]
        self.record.close()
        self.record = Record(self.record.folder, state["record"])


def fit(
    classifier: Classifier,
    objective: Objective,
    data: TrainingData,
    run: Run,
    recipe: Recipe,
    *,
    score: Score = held_out_scores,
    before_epoch: Between | None = None,
    finish: Finish | None = None,
) -> None:
    """Trains the classifier's network in place; `objective` gives the losses of a batch.

    A checkpoint is kept after every epoch: a run that was interrupted goes on from there to the same weights, bit for
    bit on a CPU. After every epoch it is scored on the clips that the publisher of the data keeps for choosing, else on
    those that the recipe holds out, and on what it learns from where the recipe says so. `run.work` gets metrics.csv
    and TensorBoard events. Raises `Mistake` where a loss is no number, with the batch named, and where the recipe wants
    held-out scores and there are no clips for them.

    Where the run has several processes, each takes its share of every batch, and their steps are those of one process
    but for what looks at a whole batch (docs/learning.md); `score` is asked in process 0.
    """
    held = data.validation
    if held is None and recipe.holdout:
        data, held = data.holdout(recipe.holdout, run.seed)
    _require_scores(recipe, held)
    training = _begun(classifier.network, run, recipe)
    state = run.load()
    if state is not None:
        _require_same(recipe, state["recipe"])
        training.restore(state)
    epochs = recipe.epochs_of(len(data))
    stepped = _stepped(training.network, run, recipe)
    while training.epoch < epochs:
        if before_epoch:
            before_epoch(training.epoch, epochs)
        losses = sums(_epoch(training, stepped, objective, data, run, recipe, epochs), run)
        scores = _scores(score, classifier, data, held, run, recipe)
        training.epoch += 1
        _settle_epoch(training, recipe, losses, scores)
        if training.epoch > epochs - recipe.snapshots:
            run.snapshot(_as_it_is(classifier, training, finish), training.epoch)
        run.save({"recipe": recipe.model_dump(mode="json"), **training.state()})
        run.progress(training.steps, epochs * recipe.steps_per_epoch(len(data)), **losses, **scores)
    training.record.close()
    _take_home(training, recipe)


def _scores(
    score: Score, classifier: Classifier, data: TrainingData, held: TrainingData | None, run: Run, recipe: Recipe
) -> dict[str, float]:
    """Scores on the clips that are kept apart, and where the recipe wants them on those that it learns from."""
    found = {} if held is None else of_first(partial(score, classifier, held), run)
    if recipe.score_training:
        own = of_first(partial(score, classifier, data), run)
        found |= {f"training_{name.removeprefix('held_out_')}": value for name, value in own.items()}
    return found


def _require_scores(recipe: Recipe, held: TrainingData | None) -> None:
    needs = recipe.keep == "best" or isinstance(recipe.schedule, Plateau)
    if needs and held is None:
        problem = "The best epoch, or a plateau, is found on held-out clips, and the recipe holds none out."
        raise Mistake("training.holdout", problem, "Set holdout to a share of the training list, such as 0.1.")


def _require_same(recipe: Recipe, before: Mapping[str, Any]) -> None:
    now = recipe.model_dump(mode="json")
    changed = sorted(name for name in now.keys() | before.keys() if now.get(name) != before.get(name))
    if changed:
        problem = f"The checkpoint was made with another configuration: {', '.join(changed)}."
        raise Mistake(
            "training.resume", problem, "Remove the checkpoint to begin anew, or set the fields as they were."
        )


def _begun(network: nn.Module, run: Run, recipe: Recipe) -> Training:
    network.train().to(run.device)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    kind = torch.optim.AdamW if recipe.optimiser == "adamw" else torch.optim.Adam
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimiser = kind(trained, lr=recipe.learning_rate, betas=recipe.betas, weight_decay=recipe.weight_decay, fused=True)
    average = _averaged(network, recipe.averaging) if recipe.averaging else None
    return Training(network, optimiser, average, Record(run.work if run.rank == 0 else None))


def _stepped(network: nn.Module, run: Run, recipe: Recipe) -> nn.Module:
    """The network in the form in which steps call it."""
    if recipe.compile:
        network = cast("nn.Module", torch.compile(network))
    return Together(network) if run.processes > 1 else network


def _averaged(network: nn.Module, averaging: Averaging) -> AveragedModel:
    """torch's own; buffers are averaged too, as where checkpoints are averaged file by file."""
    rule = get_ema_multi_avg_fn(averaging.decay) if averaging.kind == "ema" else None  # type: ignore[no-untyped-call]
    return AveragedModel(network, multi_avg_fn=rule, use_buffers=True)


def _epoch(
    training: Training,
    stepped: nn.Module,
    objective: Objective,
    data: TrainingData,
    run: Run,
    recipe: Recipe,
    epochs: int,
) -> dict[str, float]:
    """One epoch; the mean of every loss over its steps, of several processes this one's part of it."""
    training.network.train()
    per_epoch = recipe.steps_per_epoch(len(data))
    weights = class_weights(data.labels) if recipe.sampling == "balanced" else None
    watch = Watch(training.epoch, data)
    reported = time.monotonic()
    batches = data.batches(
        recipe.batch_size,
        run.order,
        drop_last=recipe.drop_last,
        weights=weights,
        rank=run.rank,
        processes=run.processes,
    )
    for batch in batches:
        for group in training.optimiser.param_groups:
            group["lr"] = _rate(training, recipe, per_epoch, epochs)
        training.optimiser.zero_grad(set_to_none=True)
        losses = objective(stepped, batch, data)
        (losses["loss"] * (batch.weight * run.processes)).backward()  # type: ignore[no-untyped-call]
        if recipe.gradient_clip is not None:
            nn.utils.clip_grad_norm_(training.network.parameters(), recipe.gradient_clip)
        training.optimiser.step()
        training.steps += 1
        if recipe.averaging and recipe.averaging.kind == "ema" and training.average:
            training.average.update_parameters(training.network)
        watch.see(losses, batch)
        if time.monotonic() - reported > SECONDS_BETWEEN_REPORTS:
            reported = time.monotonic()
            run.progress(training.steps, epochs * per_epoch, **watch.last())
    return watch.means()


def _rate(training: Training, recipe: Recipe, per_epoch: int, epochs: int) -> float:
    factor = recipe.schedule.factor(training.steps, per_epoch, epochs)
    if isinstance(recipe.schedule, Plateau):
        factor *= recipe.schedule.reduced(training.record.column("score"))
    return recipe.learning_rate * factor


def _settle_epoch(training: Training, recipe: Recipe, losses: dict[str, float], scores: dict[str, float]) -> None:
    """Averages, remembers the best epoch, and writes the epoch down."""
    averaging = recipe.averaging
    since = training.epoch - averaging.start if averaging and averaging.kind == "swa" else -1
    if averaging and training.average and since >= 0 and since % averaging.every == 0:
        training.average.update_parameters(training.network)
    if recipe.keep == "best" and scores["score"] > max(training.record.column("score"), default=-math.inf):
        training.best = deepcopy(training.network.state_dict())
    rate = training.optimiser.param_groups[0]["lr"]
    training.record.add({**losses, **scores, "learning_rate": rate, "seconds": time.monotonic() - training.began})


def _as_it_is(classifier: Classifier, training: Training, finish: Finish | None) -> Classifier:
    """A copy of the classifier for a snapshot, as it would be tested now: averaged where the recipe averages."""
    copy = deepcopy(classifier)
    if training.average and int(training.average.n_averaged) > 0:
        copy.network.load_state_dict(training.average.module.state_dict())
    if finish:
        finish(copy)
    return copy


def _take_home(training: Training, recipe: Recipe) -> None:
    """The weights that the recipe keeps, put into the network."""
    if recipe.keep == "best" and training.best is not None:
        training.network.load_state_dict(training.best)
    elif training.average and int(training.average.n_averaged) > 0:
        training.network.load_state_dict(training.average.module.state_dict())


def class_weights(labels: Tensor) -> Tensor:
    """A weight for each clip (clips,) float64 by which all classes are drawn alike.

    Clips with several labels (clips, classes) weigh the sum of their classes' weights, as in AST and PSLA.
    """
    if labels.dim() == 2:
        per_class = 1 / labels.sum(0).clamp(min=1).double()
        return torch.cat([part.double() @ per_class for part in torch.split(labels, CLIPS_WEIGHED_AT_ONCE)])
    counts = torch.bincount(labels)
    return 1 / counts[labels].double()


class Watch:
    """Collects the losses of an epoch and stops where one is no number."""

    def __init__(self, epoch: int, data: TrainingData) -> None:
        self.epoch = epoch
        self.data = data
        self.seen: list[dict[str, Tensor]] = []
        self.rows: list[Tensor] = []
        self.weights: list[float] = []
        self.looked = 0

    def see(self, losses: Losses, batch: Batch) -> None:
        """Another step's losses; on a CPU they are looked at once, elsewhere every so many steps."""
        self.seen.append({name: value.detach() for name, value in losses.items()})
        self.rows.append(batch.rows)
        self.weights.append(batch.weight)
        if losses["loss"].device.type == "cpu" or len(self.seen) % LOOKED_AT_EVERY == 0:
            self._look()

    def last(self) -> dict[str, float]:
        """The losses of the last step."""
        self._look()
        return {name: float(value) for name, value in self.seen[-1].items()}

    def means(self) -> dict[str, float]:
        """The mean of each loss over the steps so far, times what the clips weighed in their batches."""
        self._look()
        weights = torch.tensor(self.weights)
        return {
            name: float((torch.stack([step[name] for step in self.seen]).cpu() * weights).mean())
            for name in self.seen[0]
        }

    def _look(self) -> None:
        new = self.seen[self.looked :]
        if new and not all(torch.stack([step["loss"] for step in new]).isfinite().tolist()):
            bad = next(index for index, step in enumerate(new) if not step["loss"].isfinite()) + self.looked
            names = [self.data.names[row] for row in self.rows[bad][:3].tolist()]
            problem = (
                f"The loss is {float(self.seen[bad]['loss'])} at batch {bad + 1} of epoch {self.epoch + 1}"
                f" (clips {', '.join(names)}, …)."
            )
            raise Mistake("training.loss", problem, "Lower the learning rate, or set gradient_clip.")
        self.looked = len(self.seen)
