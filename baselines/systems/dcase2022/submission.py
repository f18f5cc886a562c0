"""The official baseline of DCASE 2022 Task 1 (github.com/marmoi/dcase2022_task1_baseline), as an entry.

Recipe: 40-band log-mel of magnitudes at 44.1 kHz, divided by each clip's largest value; Adam at 0.001, batches of 64,
labels smoothed by 0.1, 200 epochs, of which the best on held-out locations (30 %) is kept. Then 8 bit: ranges of
activations from 100 clips of the training list, as the released code asks TensorFlow Lite to do.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor

from baselines import quantisation
from baselines.augmentations import LabelSmoothing, Steps
from baselines.frontends import DCASE_2022, LogMel
from baselines.models import build as build_network
from baselines.training import Recipe, fit, objective
from harness.contract import Classifier, Clips, Run, Task, TrainingData


class Config(Recipe):
    """Every knob; the defaults are those of the released configuration.

    `calibration_clips`: clips of the training list whose activations set the ranges of the 8-bit layers.
    """

    epochs: int = Field(default=200, ge=1)
    batch_size: int = Field(default=64, ge=2)
    learning_rate: float = Field(default=1e-3, gt=0)
    optimiser: Literal["adam", "adamw"] = "adam"
    holdout: float = Field(default=0.3, ge=0, lt=1)
    keep: Literal["last", "best"] = "best"
    augmentations: Steps = (LabelSmoothing(amount=0.1),)
    calibration_clips: int = Field(default=100, ge=1)


class Baseline(Classifier):
    """The classifier together with the configuration it is trained by."""

    def __init__(self, config: Config, task: Task) -> None:
        network = build_network("cnn_2022", n_classes=task.n_classes)
        super().__init__(LogMel(DCASE_2022), network, DCASE_2022.sample_rate)
        self.config, self.task = config, task


def build(config: Config, task: Task) -> Classifier:
    """The untrained network, as it is tested: 8-bit weights."""
    classifier = Baseline(config, task)
    classifier.network = quantisation.at_8_bit(quantisation.quantisable(classifier.network))
    return classifier


def train(classifier: Baseline, data: TrainingData, run: Run) -> Classifier:
    """Trains at 32 bit, then rounds to 8."""
    config = classifier.config
    classifier.network = build_network("cnn_2022", n_classes=classifier.task.n_classes)
    losses = objective(classifier, config, config.augmentations, data, run, classifier.task.n_classes)
    fit(classifier, losses, data, run, config)
    chosen = next(iter(data.batches(config.calibration_clips, run.generator)))
    features = classifier.frontend(chosen.waveforms)
    classifier.network = quantisation.at_8_bit(quantisation.calibrated(classifier.network, [features]))
    return classifier


def predict(classifier: Classifier, clips: Clips) -> Tensor:
    """Logits (batch, classes)."""
    logits: Tensor = classifier.network(classifier.frontend(clips.waveforms))
    return logits
