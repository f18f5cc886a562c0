"""The official baseline of DCASE 2024 Task 1 (github.com/CPJKU/dcase2024_task1_baseline), as an entry.

Recipe: waveforms rolled by up to 0.1 s, 256-band log-mel at 32 kHz, up to 47 bands masked before the logarithm,
Freq-MixStyle with probability 0.4, AdamW with 2,000 warm-up steps and a cosine, 150 epochs of batches of 256.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from pydantic import Field
from torch import Tensor, nn

from baselines import augmentations, half_precision
from baselines.frontends import DCASE_2024, LogMel
from baselines.models.cp_mobile import STRIDES_2024, CPMobile, Shape
from baselines.pretrained import load_weights
from baselines.training import Recipe, fit
from harness import contract
from harness.contract import Batch, Classifier, Clips, Run, Task, TrainingData


class Config(contract.Config):
    """Every knob of the baseline; the defaults are those of the official training script."""

    base_channels: int = Field(default=32, ge=8)
    channels_multiplier: float = Field(default=1.8, gt=0)
    expansion_rate: float = Field(default=2.1, gt=0)
    epochs: int = Field(default=150, ge=1)
    batch_size: int = Field(default=256, ge=2)
    learning_rate: float = Field(default=0.005, gt=0)
    weight_decay: float = Field(default=1e-4, ge=0)
    warmup_steps: int = Field(default=2000, ge=0)
    minimum_steps: int = Field(default=0, ge=0)
    roll_seconds: float = Field(default=0.1, ge=0)
    frequency_mask: int = Field(default=48, ge=0, le=256)
    mixstyle_probability: float = Field(default=0.4, ge=0, le=1)
    mixstyle_alpha: float = Field(default=0.3, gt=0)
    compile: bool = False
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


def build(config: Config, task: Task) -> Classifier:
    """The untrained network at the precision it is tested with; its first weights are rounded to 16 bit too."""
    classifier = Baseline(config, task)
    classifier.network.half()
    return classifier


def train(classifier: Baseline, data: TrainingData, run: Run) -> Classifier:
    """Trains at 32 bit, or takes the checkpoint that the configuration names; returns 16-bit weights either way."""
    classifier.network.float()
    if classifier.config.checkpoint is not None:
        load_weights(classifier.network, classifier.config.checkpoint)
    else:
        classifier.to(run.device)
        fit(
            classifier.network,
            partial(_logits, classifier, run.generator),
            data,
            run,
            _recipe(classifier.config),
        )
    classifier.network.half()
    return classifier


def predict(classifier: Classifier, clips: Clips) -> Tensor:
    """Logits (batch, classes)."""
    return half_precision.logits(classifier.network, classifier.frontend(clips.waveforms))


def _recipe(config: Config) -> Recipe:
    return Recipe(
        epochs=config.epochs,
        batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        warmup_steps=config.warmup_steps,
        minimum_steps=config.minimum_steps,
        compile=config.compile,
    )


def _logits(classifier: Baseline, generator: torch.Generator, network: nn.Module, batch: Batch) -> Tensor:
    """Logits of a training batch; `network` is the classifier's, maybe compiled."""
    logits: Tensor = network(augmented_features(classifier, batch.waveforms, generator))
    return logits


@torch.no_grad()
def augmented_features(classifier: Baseline, waveforms: Tensor, generator: torch.Generator) -> Tensor:
    """Log-mel features (batch, 1, 256, 65) of rolled waveforms, with masked bands and mixed styles."""
    config, frontend = classifier.config, classifier.frontend
    assert isinstance(frontend, LogMel)  # noqa: S101 - for the type checker; `Baseline` builds it
    limit = round(config.roll_seconds * classifier.sample_rate)
    mel = frontend.mel(augmentations.roll_waveforms(waveforms, limit, generator))
    features = frontend.log(augmentations.mask_frequencies(mel, config.frequency_mask, generator))
    if augmentations.chance(config.mixstyle_probability, generator):
        features = augmentations.freq_mixstyle(features, config.mixstyle_alpha, generator)
    return features
