"""Logistic regression on log-mel statistics: what is left when nothing but the average spectrum is known.

The features are the mean and the standard deviation over time of 256 log-mel bands, standardised on the training
split; the weights minimise cross-entropy plus an L2 penalty and are found by L-BFGS over the whole split.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from baselines.frontends import DCASE_2024, LogMel
from harness import contract
from harness.contract import Classifier, Clips, Run, Task, TrainingData


class Config(contract.Config):
    """`penalty` is the weight of half the squared norm of the weights, relative to the mean loss of a clip."""

    penalty: float = Field(default=0.01, ge=0)
    steps: int = Field(default=100, ge=1)
    batch_size: int = Field(default=256, ge=1)


class Statistics(nn.Module):
    """Mean and standard deviation over time: (batch, 1, n_mels, n_frames) to (batch, 2 * n_mels)."""

    def forward(self, features: Tensor) -> Tensor:
        deviation, mean = torch.std_mean(features, dim=3)
        return torch.cat([mean, deviation], dim=2).flatten(1)


class Linear(Classifier):
    """Statistics and one linear layer; standardisation is folded into the layer's weights."""

    def __init__(self, config: Config, task: Task) -> None:
        statistics, layer = Statistics(), nn.Linear(2 * DCASE_2024.n_mels, task.n_classes)
        super().__init__(LogMel(DCASE_2024), nn.Sequential(statistics, layer), DCASE_2024.sample_rate)
        self.statistics, self.layer = statistics, layer
        self.config = config


def build(config: Config, task: Task) -> Classifier:
    """The untrained model."""
    return Linear(config, task)


@torch.no_grad()
def train(classifier: Linear, data: TrainingData, run: Run) -> Classifier:
    """Fits the layer on the whole split at once; the same weights for every seed."""
    classifier.to(run.device)
    statistics, layer = classifier.statistics, classifier.layer
    batches = data.batches(classifier.config.batch_size)
    x = torch.cat([statistics(classifier.frontend(batch.waveforms)) for batch in batches])
    deviation, mean = torch.std_mean(x, dim=0)
    deviation = deviation.clamp_min(1e-6)
    weight, bias = _logistic_regression((x - mean) / deviation, data.labels.to(run.device), classifier.config, run)
    layer.weight.copy_(weight / deviation)
    layer.bias.copy_(bias - layer.weight @ mean)
    return classifier


def predict(classifier: Classifier, clips: Clips) -> Tensor:
    """Logits (batch, classes)."""
    return classifier(clips.waveforms)  # type: ignore[no-any-return]


@torch.enable_grad()
def _logistic_regression(x: Tensor, labels: Tensor, config: Config, run: Run) -> tuple[Tensor, Tensor]:
    """Weight (classes, features) and bias (classes,) that minimise the penalised cross-entropy."""
    classes = int(labels.max()) + 1
    weight = torch.zeros(classes, x.shape[1], device=x.device, requires_grad=True)
    bias = torch.zeros(classes, device=x.device, requires_grad=True)
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=config.steps, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = F.cross_entropy(F.linear(x, weight, bias), labels) + config.penalty / 2 * weight.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    loss = optimiser.step(closure)  # type: ignore[no-untyped-call]
    run.progress(1, 1, loss=float(loss))
    return weight.detach(), bias.detach()
