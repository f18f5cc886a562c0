"""The official baseline of DCASE 2024 Task 1 (github.com/CPJKU/dcase2024_task1_baseline), as an entry.

Recipe: waveforms rolled by up to 0.1 s, 256-band log-mel at 32 kHz, up to 47 bands masked before the logarithm,
Freq-MixStyle with probability 0.4, AdamW with 2,000 warm-up steps and a cosine, 150 epochs of batches of 256.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from torch import Tensor

from baselines import half_precision
from baselines.augmentations import FreqMixStyle, FrequencyMask, Roll, Steps
from baselines.frontends import DCASE_2024, LogMel
from baselines.models.cp_mobile import STRIDES_2024, CPMobile, Shape
from baselines.pretrained import load_weights
from baselines.training import Recipe, WarmupCosine, fit, objective
from baselines.training.schedules import AnySchedule
from harness.contract import Classifier, Clips, Run, Task, TrainingData


class Config(Recipe):
    """Every knob of the baseline; the defaults are those of the official training script."""

    base_channels: int = Field(default=32, ge=8)
    channels_multiplier: float = Field(default=1.8, gt=0)
    expansion_rate: float = Field(default=2.1, gt=0)
    epochs: int = Field(default=150, ge=1)
    batch_size: int = Field(default=256, ge=2)
    learning_rate: float = Field(default=0.005, gt=0)
    weight_decay: float = Field(default=1e-4, ge=0)
    schedule: AnySchedule = WarmupCosine(warmup_steps=2000)
    augmentations: Steps = (Roll(seconds=0.1), FrequencyMask(limit=48), FreqMixStyle(probability=0.4, alpha=0.3))
    checkpoint: Path | None = None


class Baseline(Classifier):
    """The classifier together with the configuration it is trained by."""

    def __init__(self, config: Config, task: Task) -> None:
        shape = Shape(
            base_channels=config.base_channels,
            channels_multiplier=config.channels_multiplier,
            expansion_rate=config.expansion_rate,
            strides=STRIDES_2024,
            response_normalisation=False,
        )
        super().__init__(LogMel(DCASE_2024), CPMobile(shape, task.n_classes), DCASE_2024.sample_rate)
        self.config = config
        self.task = task


def build(config: Config, task: Task) -> Classifier:
    """The untrained network at the precision it is tested with; its first weights are rounded to 16 bit too."""
    classifier = Baseline(config, task)
    classifier.network.half()
    return classifier


def train(classifier: Baseline, data: TrainingData, run: Run) -> Classifier:
    """Trains at 32 bit, or takes the checkpoint that the configuration names; returns 16-bit weights either way."""
    config = classifier.config
    classifier.network.float()
    if config.checkpoint is not None:
        load_weights(classifier.network, config.checkpoint)
    else:
        losses = objective(classifier, config, config.augmentations, data, run, classifier.task.n_classes)
        fit(classifier, losses, data, run, config, finish=_rounded)
    return _rounded(classifier)


def predict(classifier: Classifier, clips: Clips) -> Tensor:
    """Logits (batch, classes)."""
    return half_precision.logits(classifier.network, classifier.frontend(clips.waveforms))


def _rounded(classifier: Classifier) -> Classifier:
    classifier.network.half()
    return classifier
