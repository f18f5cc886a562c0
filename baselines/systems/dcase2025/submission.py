"""The official baseline of DCASE 2025 Task 1: the network of 2024, then a fine-tuned copy of it for each known device.

github.com/CPJKU/dcase2025_task1_baseline. The general system is the 2024 baseline on the 25 % list; the device-specific
one starts from it, trains all weights on the clips of one device at a time, and falls back to it for devices nobody has
heard. The fine-tuning's epochs and learning rate are this project's choice: no source at hand tells them.
"""

from __future__ import annotations

import copy
from typing import cast

import torch
from pydantic import Field
from torch import Tensor, nn

from baselines import half_precision
from baselines.augmentations import FreqMixStyle, FrequencyMask, Roll, Steps
from baselines.frontends import DCASE_2024, LogMel
from baselines.models import build as build_network
from baselines.training import Recipe, WarmupCosine, fit, objective
from baselines.training.parts import Parts
from baselines.training.schedules import AnySchedule
from harness.contract import Classifier, Clips, Mistake, Run, Task, TrainingData


class Config(Recipe):
    """Every knob; `start` names the needed system whose network is fine-tuned, device by device."""

    epochs: int = Field(default=150, ge=1)
    batch_size: int = Field(default=256, ge=2)
    learning_rate: float = Field(default=0.005, gt=0)
    weight_decay: float = Field(default=1e-4, ge=0)
    schedule: AnySchedule = WarmupCosine(warmup_steps=2000)
    augmentations: Steps = (Roll(seconds=0.1), FrequencyMask(limit=48), FreqMixStyle(probability=0.4, alpha=0.3))
    start: str | None = None
    device_epochs: int = Field(default=50, ge=1)
    device_learning_rate: float = Field(default=1e-4, gt=0)


class Networks(nn.Module):
    """A general network and, by device, networks of their own."""

    def __init__(self, general: nn.Module) -> None:
        super().__init__()
        self.general = general
        self.by_device = nn.ModuleDict()

    def forward(self, features: Tensor) -> Tensor:
        """Logits (batch, classes) where no device is known."""
        logits: Tensor = self.general(features)
        return logits

    def of(self, device: str) -> nn.Module:
        """The network of a device; the general one for devices without."""
        if device in self.by_device:
            return self.by_device[device]
        return self.general


class System(Classifier):
    """The classifier together with the configuration it is trained by."""

    def __init__(self, config: Config, task: Task) -> None:
        network = build_network("cp_mobile_2024", n_classes=task.n_classes)
        super().__init__(LogMel(DCASE_2024), Networks(network), DCASE_2024.sample_rate)
        self.config, self.task = config, task


def build(config: Config, task: Task) -> Classifier:
    """The untrained system at 16 bit, as it is tested."""
    return _rounded(System(config, task))


def train(classifier: System, data: TrainingData, run: Run) -> Classifier:
    """The general network, or from it one for each device of the training list."""
    config = classifier.config
    networks = cast("Networks", classifier.network).float()
    if config.start is None:
        _fit(classifier, networks.general, config, data, run)
        return _rounded(classifier)
    if config.start not in run.teachers:
        problem = f'The system starts from "{config.start}", which it does not need.'
        raise Mistake("config.start", problem, "Name a system of `needs`.")
    general = cast("Networks", run.teachers[config.start].classifier.network).general
    networks.general.load_state_dict(general.state_dict())
    _fit_by_device(classifier, networks, data, run)
    return _rounded(classifier)


def predict(classifier: Classifier, clips: Clips) -> Tensor:
    """Logits (batch, classes), each clip by its device's network."""
    features = classifier.frontend(clips.waveforms)
    networks = cast("Networks", classifier.network)
    if clips.devices is None or not len(networks.by_device):
        return half_precision.logits(networks.general, features)
    known = tuple(dict.fromkeys(clips.devices))
    if len(known) == 1:
        return half_precision.logits(networks.of(known[0]), features)
    parts, places = [], []
    for device in known:
        rows = [row for row, one in enumerate(clips.devices) if one == device]
        parts.append(half_precision.logits(networks.of(device), features[rows]))
        places += rows
    return torch.cat(parts)[torch.tensor(places).argsort()]


def _fit_by_device(classifier: System, networks: Networks, data: TrainingData, run: Run) -> None:
    config, parts = classifier.config, Parts(run)
    changes = {"epochs": config.device_epochs, "learning_rate": config.device_learning_rate, "minimum_steps": 0}
    recipe = config.model_copy(update=changes)
    for device in sorted(set(data.devices)):
        network = copy.deepcopy(networks.general)
        if device in parts.finished:
            network.load_state_dict(parts.finished[device])
        else:
            own = data.take([row for row, one in enumerate(data.devices) if one == device])
            _fit(classifier, network, recipe, own, parts.part(device))
            parts.finish(device, network.state_dict())
        networks.by_device[device] = network


def _fit(classifier: System, network: nn.Module, config: Config, data: TrainingData, run: Run) -> None:
    """Trains one network on the clips of `data`, in place."""
    learner = Classifier(classifier.frontend, network, classifier.sample_rate)
    losses = objective(learner, config, config.augmentations, data, run, classifier.task.n_classes)
    fit(learner, losses, data, run, config)


def _rounded(classifier: Classifier) -> Classifier:
    classifier.network.half()
    return classifier
