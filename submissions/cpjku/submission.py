"""Creating a good teacher for knowledge distillation in acoustic scene classification (paper 000), all of it.

Morocutti, Schmid, Koutini, Widmer, DCASE Workshop 2023; with the recipes of the code released for it and for the team's
DCASE 2023 submission (github.com/fschmid56/cpjku_dcase23). Where text and code disagree, `variant` says whose it is.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal, cast

from pydantic import Field, field_validator
from torch import Tensor, nn

from baselines import half_precision, quantisation
from baselines.augmentations import DeviceResponse, FreqMixStyle, FrequencyMask, MelJitter, Roll, Steps, leaving_out
from baselines.augmentations.responses import make_responses
from baselines.distillation import Distillation
from baselines.frontends import CP_MOBILE_2023, CP_RESNET_2023, PASST_2023, LogMel, MelSettings
from baselines.models import build as build_network
from baselines.models.network import Network
from baselines.pretrained import load_pretrained, load_weights
from baselines.training import Objective, Recipe, WarmupRamp, fit, objective
from baselines.training.schedules import AnySchedule
from harness.contract import Classifier, Clips, Mistake, Run, Task, TrainingData

CHANNELS = {
    "cpm": {"128k": 32, "450k": 64, "1m": 96, "4m": 184, "8m": 264},
    "cpr": {"128k": 32, "450k": 56, "1m": 88, "4m": 168, "8m": 232},
}
"""Base channels of the five sizes (paper 000, section 4.1)."""

FRONTENDS = {"cpm": CP_MOBILE_2023, "cpr": CP_RESNET_2023, "passt": PASST_2023}
LEFT_OUT = {
    "none": {"device_response", "freq_mixstyle"},
    "dir": {"freq_mixstyle"},
    "fms": {"device_response"},
    "dirfms": set[str](),
}
"""Steps of a recipe that a device generalization method goes without."""


class Config(Recipe):
    """Every knob; the defaults are the student's.

    `augmentations` are those of DIRFMS, of which `method` may leave some out; `responses` is MicIRP's folder, and
    `made_responses` makes as many instead, for demonstrations; `responses_without` are left out (a track may have made
    its devices with them). `bits`: 32, 16 (rounded at test time) or 8 (trained for, from the system that `start`
    names; ranges are frozen for the last `frozen_epochs`). `variant="paper"`: what the text says where the code does
    otherwise (README.md). `released`: a folder with the team's teacher files (`cpr_128k_dirfms_1.pt` …), taken in
    place of training; `passt_checkpoint`: PaSST's AudioSet weights, without which it starts from nothing.
    """

    epochs: int = Field(default=150, ge=1)
    batch_size: int = Field(default=256, ge=2)
    learning_rate: float = Field(default=9e-4, gt=0)
    weight_decay: float = Field(default=1e-4, ge=0)
    optimiser: Literal["adam", "adamw"] = "adam"
    schedule: AnySchedule = WarmupRamp(warmup_epochs=14, ramp_start=50, ramp_epochs=84, last=0.005)
    snapshots: int = Field(default=4, ge=0)
    model: Literal["cpm", "cpr", "passt"] = "cpm"
    size: Literal["128k", "450k", "1m", "4m", "8m", "85m"] = "128k"
    method: Literal["none", "dir", "fms", "dirfms"] = "dirfms"
    variant: Literal["code", "paper"] = "code"
    bits: Literal[8, 16, 32] = 32
    start: str | None = None
    frozen_epochs: int = Field(default=4, ge=0)
    augmentations: Steps = (
        DeviceResponse(probability=0.6),
        Roll(seconds=0.125),
        MelJitter(),
        FrequencyMask(limit=48),
        FreqMixStyle(probability=0.4, alpha=0.3),
    )
    responses: Path | None = None
    made_responses: int = Field(default=0, ge=0)
    responses_without: tuple[str, ...] = ()
    distillation: Distillation | None = None
    released: Path | None = None
    passt_checkpoint: Path | None = None
    passt_width: int = Field(default=768, ge=1)
    passt_depth: int = Field(default=12, ge=1)
    passt_heads: int = Field(default=12, ge=1)
    passt_patchout: int = Field(default=6, ge=0)

    @field_validator("responses", "released", "passt_checkpoint", mode="before")
    @classmethod
    def _nothing(cls, value: object) -> object:
        """A preset cannot unset a field in TOML: an empty path does."""
        return value or None

    def steps(self) -> Steps:
        """The recipe's steps that the method takes; the paper's CP-ResNet mixes with another alpha than the code's."""
        kept = tuple(step for step in self.augmentations if step.kind not in LEFT_OUT[self.method])
        kept = leaving_out(kept, self.responses_without) if self.responses is not None else kept
        if self.variant == "code" or self.model != "cpr":
            return kept
        return tuple(step.model_copy(update={"alpha": 0.3}) if step.kind == "freq_mixstyle" else step for step in kept)

    def teaching(self) -> Distillation | None:
        """How the student learns; equation 1 has no mean over classes, the code has."""
        if self.distillation is None or self.variant == "code":
            return self.distillation
        return self.distillation.model_copy(update={"reduction": "clips"})

    def frontend(self) -> MelSettings:
        """The released frontends lose a sample to pre-emphasis: 64 frames; the paper's 32 million MACs are of 65."""
        settings = FRONTENDS[self.model]
        return settings if self.variant == "code" else replace(settings, preemphasis=None)


class System(Classifier):
    """The classifier together with the configuration it is trained by."""

    def __init__(self, config: Config, task: Task) -> None:
        settings = config.frontend()
        super().__init__(LogMel(settings), _network(config, task, settings), settings.sample_rate)
        self.config, self.task = config, task


def build(config: Config, task: Task) -> Classifier:
    """The untrained system, at the precision it is tested with."""
    classifier = System(config, task)
    if config.bits == 8:
        classifier.network = quantisation.at_8_bit(_quantisable(classifier.network))
    elif config.bits == 16:
        classifier.network.half()
    return classifier


def train(classifier: System, data: TrainingData, run: Run) -> Classifier:
    """Trains, or takes a released file; a student at 8 bit goes on from its system at 32."""
    config = classifier.config
    if config.bits == 8:
        return _trained_for_8_bit(classifier, data, run)
    classifier.network.float()
    if not _took_released(classifier, run):
        if config.model == "passt" and config.passt_checkpoint is not None:
            load_pretrained(cast("Network", classifier.network), config.passt_checkpoint)
        fit(classifier, _losses(classifier, data, run), data, run, config)
    if config.bits == 16:
        classifier.network.half()
    return classifier


def predict(classifier: Classifier, clips: Clips) -> Tensor:
    """Logits (batch, classes)."""
    features = classifier.frontend(clips.waveforms)
    if cast("System", classifier).config.bits == 16:
        return half_precision.logits(classifier.network, features)
    logits: Tensor = classifier.network(features)
    return logits


def _network(config: Config, task: Task, settings: MelSettings) -> Network:
    if config.model == "passt":
        return build_network(
            "passt", n_classes=task.n_classes, n_mels=settings.n_mels, s_patchout_f=config.passt_patchout,
            width=config.passt_width, depth=config.passt_depth, heads=config.passt_heads,
        )  # fmt: skip
    channels = CHANNELS[config.model].get(config.size)
    if channels is None:
        problem = f"{config.model} has no size {config.size}."
        raise Mistake("config.size", problem, f"Choose one of {', '.join(CHANNELS[config.model])}.")
    name = {"cpm": "cp_mobile", "cpr": "cp_resnet"}[config.model]
    return build_network(name, n_classes=task.n_classes, base_channels=channels)


def _losses(classifier: System, data: TrainingData, run: Run) -> Objective:
    config = classifier.config
    responses = config.responses
    if responses is None and config.made_responses:
        responses = make_responses(run.work / "responses", config.made_responses, classifier.sample_rate)
    return objective(
        classifier, config, config.steps(), data, run, classifier.task.n_classes,
        responses=responses, distillation=config.teaching(),
    )  # fmt: skip


def _quantisable(network: nn.Module) -> nn.Module:
    """One scale a layer: with one a channel, CP-Mobile would hold 131,336 bytes, more than the rules allow."""
    return quantisation.quantisable(network, per_channel=False)


def _trained_for_8_bit(classifier: System, data: TrainingData, run: Run) -> Classifier:
    config = classifier.config
    network = _network(config, classifier.task, config.frontend())
    if config.start is not None:
        if config.start not in run.teachers:
            problem = f'The system starts from "{config.start}", which it does not need.'
            raise Mistake("config.start", problem, "Name a system of `needs`.")
        network.load_state_dict(run.teachers[config.start].classifier.network.state_dict())
    classifier.network = _quantisable(network)

    def freeze(epoch: int, epochs: int) -> None:
        if epoch >= epochs - config.frozen_epochs:
            quantisation.freeze(classifier.network)

    def finish(one: Classifier) -> None:
        one.network = quantisation.at_8_bit(one.network)

    fit(classifier, _losses(classifier, data, run), data, run, config, before_epoch=freeze, finish=finish)
    finish(classifier)
    return classifier


def _took_released(classifier: System, run: Run) -> bool:
    """Whether the weights are those of a released teacher file: seeds 0, 1 and 2 are its runs 1, 2 and 3."""
    config = classifier.config
    if config.released is None or config.distillation is not None:
        return False
    size = "" if config.model == "passt" else f"_{config.size}"
    path = config.released / f"{config.model}{size}_{config.method}_{run.seed + 1}.pt"
    if not path.is_file():
        return False
    load_weights(classifier.network, path)
    return True
