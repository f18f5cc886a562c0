"""A small convolutional network on log-mel features: change it into yours. The contract is harness/contract.py."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn

from baselines.augmentations import FreqMixStyle, Steps
from baselines.frontends import DCASE_2024, LogMel
from baselines.models.cp_mobile import conv_norm
from baselines.training import Recipe, WarmupCosine, fit, objective
from baselines.training.schedules import AnySchedule
from harness.contract import Classifier, Clips, Run, Task, TrainingData


class Config(Recipe):
    """Every knob: those of the loop (baselines/training/recipe.py) and these. submission.toml and `--set` override."""

    channels: int = Field(default=16, ge=8)
    epochs: int = Field(default=50, ge=1)
    batch_size: int = Field(default=64, ge=2)
    learning_rate: float = Field(default=0.003, gt=0)
    weight_decay: float = Field(default=1e-4, ge=0)
    schedule: AnySchedule = WarmupCosine(warmup_steps=20)
    augmentations: Steps = (FreqMixStyle(probability=0.4, alpha=0.3),)


class MyClassifier(Classifier):
    """Four convolutions, each halving both axes, and the mean over what is left."""

    def __init__(self, config: Config, task: Task) -> None:
        width = config.channels
        network = nn.Sequential(
            conv_norm(1, width, 3, 2),
            conv_norm(width, width, 3, 2),
            conv_norm(width, 2 * width, 3, 2),
            conv_norm(2 * width, 2 * width, 3, 2),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(2 * width, task.n_classes),
        )
        super().__init__(LogMel(DCASE_2024), network, DCASE_2024.sample_rate)
        self.config = config
        self.task = task


def build(config: Config, task: Task) -> Classifier:
    """The untrained network; its limits are checked before anything is trained."""
    return MyClassifier(config, task)


def train(classifier: MyClassifier, data: TrainingData, run: Run) -> Classifier:
    """Trains on the split; draw everything random from `run.generator`."""
    config = classifier.config
    losses = objective(classifier, config, config.augmentations, data, run, classifier.task.n_classes)
    fit(classifier, losses, data, run, config)
    return classifier


def predict(classifier: Classifier, clips: Clips) -> Tensor:
    """Logits (batch, classes): what is scored, timed and counted."""
    logits: Tensor = classifier(clips.waveforms)
    return logits
