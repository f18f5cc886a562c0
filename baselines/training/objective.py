"""What a network minimises: a batch, augmented and told apart, compared with its labels and with teachers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Generator, Tensor, nn

from baselines.augmentations import Sample, Steps, augment, features
from baselines.distillation import Distillation, Teachers, cross_model_divergence, label_loss, softened_divergence
from baselines.distillation.losses import Activation, require_shares
from baselines.training.recipe import Recipe
from harness.contract import Batch, Classifier, Mistake, Run, TrainingData


@dataclass
class Objective:
    """The losses of a batch, for `fit`: "loss", and with teachers its parts, "label_loss" and "distillation_loss".

    `activation` is "softmax" for one label a clip and "sigmoid" for several; `responses` is the folder of impulse
    responses where the steps convolve with them.
    """

    classifier: Classifier
    recipe: Recipe
    steps: Steps
    generator: Generator
    n_classes: int
    activation: Activation = "softmax"
    responses: Path | None = None
    distillation: Distillation | None = None
    teachers: Teachers | None = None

    def __call__(self, network: nn.Module, batch: Batch, data: TrainingData) -> dict[str, Tensor]:
        rows = batch.rows.tolist()
        devices = tuple(data.devices[row] for row in rows)
        rate = self.classifier.sample_rate
        clean = Sample(batch.waveforms, batch.labels, devices, rate, self.n_classes, self.responses)
        heard = augment(self.steps, clean, self.generator)
        state = self.generator.get_state()
        seen = features(self.steps, heard, self.classifier.frontend, self.generator)
        if seen.x.device.type == "cpu":
            require_shares(seen.targets)
        with torch.autocast(seen.x.device.type, torch.bfloat16, enabled=self.recipe.precision == "bfloat16"):
            taught = self.teachers and self.teachers.logits(
                clean.x, heard, seen, [data.names[row] for row in rows], self.steps, state
            )
            own, for_teachers = self._logits(network, seen.x)
        loss = label_loss(own, seen.targets, self.activation)
        if not taught or not self.distillation:
            return {"loss": loss}
        distilled = torch.stack([self._divergence(for_teachers, teacher) for teacher in taught]).mean()
        weight = self.distillation.label_weight
        return {
            "loss": weight * loss + (1 - weight) * distilled,
            "label_loss": loss,
            "distillation_loss": distilled,
        }

    def _logits(self, network: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits for the labels and for the teachers; the same where there is one head."""
        if self.distillation and self.distillation.separate_head:
            own, for_teachers = network.heads(x)  # type: ignore[operator]
            return own, for_teachers
        logits: Tensor = network(x)
        return logits, logits

    def _divergence(self, student: Tensor, teacher: Tensor) -> Tensor:
        how = self.distillation
        assert how is not None  # noqa: S101 - there are teachers, so there is a way to learn from them
        tau, reduction = how.tau or 1.0, how.reduction or "elements"
        if how.form == "softened":
            return softened_divergence(student, teacher, tau, reduction, how.order)
        return cross_model_divergence(student, teacher, tau, self.activation, reduction)


def objective(
    classifier: Classifier,
    recipe: Recipe,
    steps: Steps,
    data: TrainingData,
    run: Run,
    n_classes: int,
    *,
    activation: Activation = "softmax",
    responses: Path | None = None,
    distillation: Distillation | None = None,
) -> Objective:
    """The objective of a training, its teachers ready on the run's device.

    Raises `Mistake` where teachers are missing or do not fit: see `Distillation`.
    """
    classifier.to(run.device)
    _require_clean_targets(steps, distillation)
    teachers = Teachers(distillation, classifier, data, run, n_classes) if distillation else None
    return Objective(classifier, recipe, steps, run.generator, n_classes, activation, responses, distillation, teachers)


def _require_clean_targets(steps: Steps, distillation: Distillation | None) -> None:
    if distillation and distillation.teaching != "consistent" and any(step.kind == "mixup" for step in steps):
        problem = "Clips are mixed, and a teacher that hears clean clips has nothing to say of a mixture."
        raise Mistake("distillation.mixup", problem, 'Set teaching to "consistent", or take mixup out.')
