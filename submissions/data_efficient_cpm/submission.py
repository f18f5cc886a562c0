"""Data-efficient acoustic scene classification with pre-trained CP-Mobile (paper 004): systems S1 to S3.

Nadrchal and others, technical report of DCASE 2024 Task 1; with the recipes of the code an author released
(github.com/SchilcherPatrick/DCASE24_Task1). Where text and code disagree, `variant` says whose it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, cast

from pydantic import Field, field_validator, model_validator
from torch import Tensor

from baselines import half_precision
from baselines.augmentations import DeviceResponse, FilterAugment, FreqMixStyle, FrequencyMask, Roll, Steps, leaving_out
from baselines.augmentations.responses import make_responses
from baselines.distillation import Distillation
from baselines.frontends import CP_RESNET_2024, CP_RESNET_2024_TEXT, DCASE_2024, PASST_2024, LogMel, MelSettings
from baselines.models import build as build_network
from baselines.models.network import Network
from baselines.pretrained import load_pretrained
from baselines.training import Recipe, WarmupCosine, fit, objective
from baselines.training.schedules import AnySchedule
from harness.contract import Classifier, Clips, Mistake, Run, Task, TrainingData

FRONTENDS = {"cpm": DCASE_2024, "cpr": CP_RESNET_2024, "passt": PASST_2024}


class Config(Recipe):
    """Every knob; the defaults are the student's, in the released scripts of its distillation.

    `start` names the needed system whose weights the student begins with (its pre-training on the split). `responses`
    is MicIRP's folder; `made_responses` makes as many instead, for demonstrations; `responses_without` are left out (a
    track may have made its devices with them). `variant="paper"`: what the text says where the code does otherwise
    (README.md). `passt_checkpoint`: PaSST's AudioSet weights, without which it starts from nothing. `audioset`: a
    file of the student's own weights from AudioSet, which the system `on-audioset` learns and `export` writes.
    """

    model: Literal["cpm", "cpr", "passt"] = "cpm"
    epochs: int = Field(default=150, ge=1)
    batch_size: int = Field(default=256, ge=2)
    learning_rate: float = Field(default=0.005, gt=0)
    weight_decay: float = Field(default=1e-4, ge=0)
    schedule: AnySchedule = WarmupCosine(warmup_steps=2000)
    augmentations: Steps = (
        Roll(seconds=0.1),
        DeviceResponse(probability=0.6),
        FrequencyMask(limit=48),
        FreqMixStyle(probability=0.6, alpha=0.4),
    )
    variant: Literal["code", "paper"] = "code"
    responses: Path | None = None
    made_responses: int = Field(default=0, ge=0)
    responses_without: tuple[str, ...] = ()
    distillation: Distillation | None = None
    start: str | None = None
    audioset: Path | None = None
    passt_checkpoint: Path | None = None
    passt_width: int = Field(default=768, ge=1)
    passt_depth: int = Field(default=12, ge=1)
    passt_heads: int = Field(default=12, ge=1)

    @field_validator("responses", "audioset", "passt_checkpoint", mode="before")
    @classmethod
    def _nothing(cls, value: object) -> object:
        """A preset cannot unset a field in TOML: an empty path does."""
        return value or None

    @model_validator(mode="after")
    def _of_the_text(self) -> Config:
        """The text has Adam, a weight decay of 0.001, FilterAugment, KL(student || teacher), teachers' own features."""
        if self.variant == "code" or any(isinstance(step, FilterAugment) for step in self.augmentations):
            return self
        teaching = self.distillation
        if teaching is not None:
            teaching = teaching.model_copy(update={"order": "student_teacher", "teacher_input": "teacher"})
        cut = next((index for index, step in enumerate(self.augmentations) if step.where == "mel"), 0)
        steps = (*self.augmentations[:cut], FilterAugment(), *self.augmentations[cut:])
        changed = {"optimiser": "adam", "weight_decay": 1e-3, "augmentations": steps, "distillation": teaching}
        return self.model_copy(update=changed)

    def first_weights(self) -> Path | None:
        """The file of weights from AudioSet that the network begins with."""
        return {"cpm": self.audioset, "cpr": None, "passt": self.passt_checkpoint}[self.model]

    def frontend(self) -> MelSettings:
        """Of the network's features: the text has another one for CP-ResNet."""
        of_text = self.variant == "paper" and self.model == "cpr"
        return CP_RESNET_2024_TEXT if of_text else FRONTENDS[self.model]


class System(Classifier):
    """The classifier together with the configuration it is trained by."""

    def __init__(self, config: Config, task: Task) -> None:
        settings = config.frontend()
        options = {
            "cpm": {},
            "cpr": {"n_mels": settings.n_mels},
            "passt": {
                "n_mels": settings.n_mels,
                "s_patchout_f": 6,
                "width": config.passt_width,
                "depth": config.passt_depth,
                "heads": config.passt_heads,
            },
        }
        name = {"cpm": "cp_mobile_2024", "cpr": "cp_resnet", "passt": "passt"}[config.model]
        network = build_network(name, n_classes=task.n_classes, **options[config.model])
        super().__init__(LogMel(settings), network, settings.sample_rate)
        self.config, self.task = config, task


def build(config: Config, task: Task) -> Classifier:
    """The untrained system; the student's weights are 16 bit when it is tested."""
    return _as_tested(System(config, task))


def train(classifier: System, data: TrainingData, run: Run) -> Classifier:
    """Trains at 32 bit, from the weights of a needed system where `start` names one."""
    config = classifier.config
    classifier.network.float()
    if config.start is not None:
        if config.start not in run.teachers:
            problem = f'The system starts from "{config.start}", which it does not need.'
            raise Mistake("config.start", problem, "Name a system of `needs`.")
        classifier.network.load_state_dict(run.teachers[config.start].classifier.network.state_dict())
    elif (weights := config.first_weights()) is not None:
        load_pretrained(cast("Network", classifier.network), weights)
    responses = config.responses
    if responses is None and config.made_responses:
        responses = make_responses(run.work / "responses", config.made_responses, classifier.sample_rate)
    steps = leaving_out(config.augmentations, config.responses_without) if config.responses else config.augmentations
    losses = objective(
        classifier, config, steps, data, run, classifier.task.n_classes,
        activation="sigmoid" if classifier.task.multi_label else "softmax",
        responses=responses, distillation=config.distillation,
    )  # fmt: skip
    fit(classifier, losses, data, run, config, finish=_as_tested)
    return _as_tested(classifier)


def predict(classifier: Classifier, clips: Clips) -> Tensor:
    """Logits (batch, classes)."""
    features = classifier.frontend(clips.waveforms)
    if next(classifier.network.parameters()).dtype == features.dtype:
        logits: Tensor = classifier.network(features)
        return logits
    return half_precision.logits(classifier.network, features)


def _as_tested(classifier: Classifier) -> Classifier:
    if cast("System", classifier).config.model == "cpm":
        classifier.network.half()
    return classifier
