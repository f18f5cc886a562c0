"""CMKD (paper 003): CNNs and transformers that teach each other.

Gong, Khurana, Rouditchenko, Glass, "CMKD: CNN/transformer-based cross-model knowledge distillation for audio
classification", arXiv 2203.06760. Its authors published no code: recipes are the paper's table 2 over AST's and PSLA's
released code (github.com/YuanGongND), on which it builds. What nobody states was chosen, and is an option (README.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal, cast

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

from baselines.augmentations import CellNoise, FrequencyMask, LabelSmoothing, RollFrames, Steps, TimeMask, masking_with
from baselines.distillation import Distillation
from baselines.distillation.losses import Activation
from baselines.frontends import NORMALISATION, FbankSettings, Frames, KaldiFbank, frames
from baselines.models import build as build_network
from baselines.models.network import Network
from baselines.models.small_ast import Shape, SmallAST
from baselines.models.two_heads import TwoHeads
from baselines.pretrained import load_pretrained
from baselines.training import Averaging, Decay, Recipe, fit, objective
from baselines.training.schedules import AnySchedule
from harness.contract import Classifier, Clips, Mistake, Run, Task, TrainingData

Model = Literal[
    "efficientnet_b0", "efficientnet_b2", "efficientnet_b6", "densenet121", "hybrid_b0", "hybrid_b2",
    "ast_tiny", "ast_small", "ast_base", "efficientnet_lite0", "cp_mobile",
]  # fmt: skip

REDUCTIONS: dict[Activation, Literal["clips", "elements"]] = {"softmax": "clips", "sigmoid": "elements"}
"""How the label loss of each activation is reduced, and so the divergence beside it."""

MEMBERS = 3
"""Runs of an ensemble (table 9)."""

IMAGENET: dict[Model, str] = {
    "efficientnet_b0": "data/efficientnet-b0-imagenet.pth",
    "efficientnet_b2": "data/efficientnet-b2-imagenet.pth",
    "efficientnet_b6": "data/efficientnet-b6-imagenet.pth",
    "densenet121": "data/densenet121-imagenet.pth",
    "hybrid_b0": "data/efficientnet-b0-imagenet.pth",
    "hybrid_b2": "data/efficientnet-b2-imagenet.pth",
    "ast_tiny": "data/deit-tiny-distilled-224.pth",
    "ast_small": "data/deit-small-distilled-224.pth",
    "ast_base": "data/deit-base-distilled-384.pth",
}
"""Where first weights of ImageNet are looked for (section 2.2: every model has them, taught or not)."""


class ForCNN(BaseModel):
    """What is otherwise where the network is a CNN; None: the same."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    epochs: int | None = Field(default=None, ge=1)
    batch_size: int | None = Field(default=None, ge=1)
    learning_rate: float | None = Field(default=None, gt=0)
    schedule: AnySchedule | None = None
    averaging: Averaging | None = None

    def fields(self) -> dict[str, Any]:
        """The fields of the recipe that change."""
        named = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: value for name, value in named.items() if value is not None}


class Config(Recipe):
    """Every knob; the defaults are the paper's on ESC-50, for AST, and `for_cnn` says what is otherwise for CNNs.

    `model`: what is built; `shape`: an AST of that width and depth in its place, `channels`: of `cp_mobile`, for
    demonstrations. `taught_by`: what kind its teachers are; the temperatures are the data set's, where the distillation
    of a system does not say (section 4.2: AST to CNN wants a higher one). `averaged`: the weights are averaged as the
    data set's `averaging` says, else they are those of the last or the best epoch. `extra_epochs` are trained beyond
    `epochs` (table 11), those behind `stop_after` are not: where the schedule does not know its end, what is left is
    the checkpoint of that epoch in a whole training (figure 2; 0: the first weights).
    `ensemble_of` names the needed system whose seeds, trained, are asked together: the mean of their logits. `tokens`:
    "class_distillation" as AST was released, "class" as the paper writes. `n_frames`: "code" pads as released, "text"
    has 100 a second. `loss`: "softmax" for cross-entropy, "sigmoid" for binary cross-entropy a class. Masks without a
    `value` are filled with the zeros that pad a clip. `checkpoints`: files of first weights by model, of which the
    model's is its `checkpoint`; `pretrained` says of which table: ImageNet's, or those of networks that went on to
    learn AudioSet, alone or taught (table 13). None, or an empty path: from nothing. `norm_momentum` is how far the
    running statistics of a CNN's batch norms move in a step, where it is not 0.01 as in the released network: a
    training of few steps would otherwise be tested with those of ImageNet.
    """

    epochs: int = Field(default=25, ge=1)
    batch_size: int = Field(default=48, ge=1)
    learning_rate: float = Field(default=1e-5, gt=0)
    weight_decay: float = Field(default=5e-7, ge=0)
    optimiser: Literal["adam", "adamw"] = "adam"
    betas: tuple[float, float] = (0.95, 0.999)
    schedule: AnySchedule = Decay(start=5, by=0.85)
    for_cnn: ForCNN = ForCNN(learning_rate=1e-4)
    augmentations: Steps = (
        LabelSmoothing(amount=0.1),
        FrequencyMask(domain="log_mel", limit=24),
        TimeMask(domain="log_mel", limit=96),
        CellNoise(limit=0.05, scale="fixed"),
        RollFrames(limit=10),
    )
    loss: Activation = "softmax"
    averaging: Averaging | None = Averaging(kind="swa", start=21)
    averaged: bool = False
    extra_epochs: int = Field(default=0, ge=0)
    stop_after: int | None = Field(default=None, ge=0)
    model: Model = "ast_base"
    shape: Shape | None = None
    channels: int = Field(default=32, ge=1)
    norm_momentum: float | None = Field(default=None, gt=0, le=1)
    ensemble_of: str | None = None
    tokens: Literal["class_distillation", "class"] = "class_distillation"
    n_frames: Frames = "code"
    normalisation: Literal["audioset", "esc50", "speech_commands"] = "esc50"
    distillation: Distillation | None = None
    taught_by: Literal["cnn", "ast"] | None = None
    temperature: float = Field(default=1.0, gt=0)
    temperature_ast_to_cnn: float = Field(default=2.5, gt=0)
    pretrained: Literal["imagenet", "audioset", "audioset_kd"] = "imagenet"
    checkpoints: dict[Model, str] = IMAGENET
    checkpoints_audioset: dict[Model, str] = Field(default_factory=dict)
    checkpoints_audioset_kd: dict[Model, str] = Field(default_factory=dict)
    checkpoint: Literal["package:efficientnet_lite0"] | Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _own_checkpoint(cls, fields: Any) -> Any:  # noqa: ANN401 - whatever was typed
        """The file of first weights is that of the model: only it has to be there, and is part of the identity."""
        if not isinstance(fields, dict):
            return fields
        kind = fields.get("pretrained", "imagenet")
        files = fields.get("checkpoints", IMAGENET) if kind == "imagenet" else fields.get(f"checkpoints_{kind}", {})
        if not isinstance(files, dict):
            return fields
        taken = fields.get("ensemble_of") is not None
        own = None if taken else files.get(fields.get("model", "ast_base"))
        return {**fields, "checkpoint": fields.get("checkpoint", own) or None}

    @property
    def transformer(self) -> bool:
        """Whether the network is an AST."""
        return self.model.startswith("ast_")

    def fbank(self, seconds: float) -> FbankSettings:
        """The spectrogram that all see, teachers and students."""
        return replace(NORMALISATION[self.normalisation], n_frames=frames(seconds, self.n_frames))

    def steps(self) -> Steps:
        """The recipe: masks are 0 before the normalisation, as released, unless they say otherwise."""
        settings = NORMALISATION[self.normalisation]
        return masking_with((0 - settings.mean) / settings.scale, self.augmentations)

    def teaching(self) -> Distillation | None:
        """How the student learns: at the data set's temperature and both losses reduced alike, unless it is said."""
        how = self.distillation
        if how is None:
            return None
        changes: dict[str, Any] = {}
        if how.tau is None:
            warm = self.taught_by == "ast" and not self.transformer
            changes["tau"] = self.temperature_ast_to_cnn if warm else self.temperature
        if how.reduction is None:
            changes["reduction"] = REDUCTIONS[self.loss]
        return how.model_copy(update=changes)

    def recipe(self) -> Config:
        """The knobs of the loop for this network: what is averaged, or stops early, keeps what it has in the end."""
        changes = {} if self.transformer else self.for_cnn.fields()
        epochs = changes.get("epochs", self.epochs) + self.extra_epochs
        changes["epochs"] = epochs if self.stop_after is None else min(epochs, self.stop_after)
        if not self.averaged:
            changes["averaging"] = None
        if self.averaged or self.stop_after is not None:
            changes["keep"] = "last"
        return self.model_copy(update=changes)


class System(Classifier):
    """The classifier together with the configuration it is trained by."""

    def __init__(self, config: Config, task: Task) -> None:
        fbank = config.fbank(task.clip_seconds)
        super().__init__(KaldiFbank(fbank), _network(config, task), fbank.sample_rate)
        self.config, self.task = config, task


class Together(Network):
    """Several trained networks asked together: features (N, 1, n_mels, n_frames) to the mean of their logits."""

    HEAD: ClassVar = ("members",)

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 1, n_mels, n_frames) to (N, n_classes)."""
        return torch.stack([member(x) for member in self.members]).mean(0)


def build(config: Config, task: Task) -> Classifier:
    """The untrained system; raises `Mistake` for the loss of one label a clip where clips have several."""
    if task.multi_label and config.loss == "softmax":
        problem = 'Clips of this track have several labels each, and the loss "softmax" is for one.'
        raise Mistake("config.loss", problem, 'Set loss to "sigmoid", or choose a preset that does.')
    return System(config, task)


def train(classifier: System, data: TrainingData, run: Run) -> Classifier:
    """Trains the network, alone or with its teachers; an ensemble takes the networks that it is made of."""
    config = classifier.config
    if config.ensemble_of is not None:
        return _taken(classifier, config.ensemble_of, run)
    if config.checkpoint is not None:
        load_pretrained(_inner(classifier.network), config.checkpoint)
    if config.norm_momentum is not None:
        for norm in classifier.network.modules():
            if isinstance(norm, nn.BatchNorm2d):
                norm.momentum = config.norm_momentum
    recipe = config.recipe()
    losses = objective(
        classifier, recipe, config.steps(), data, run, classifier.task.n_classes,
        activation=config.loss, distillation=config.teaching(),
    )  # fmt: skip
    fit(classifier, losses, data, run, recipe)
    return classifier


def predict(classifier: Classifier, clips: Clips) -> Tensor:
    """Logits (batch, classes)."""
    logits: Tensor = classifier(clips.waveforms)
    return logits


def figures(classifier: System) -> dict[str, float]:
    """How many epochs the network is trained for: CNNs and transformers differ, and what teaching adds."""
    return {"epochs": classifier.config.recipe().epochs}


def _network(config: Config, task: Task) -> Network:
    if config.ensemble_of is not None:
        alone = config.model_copy(update={"ensemble_of": None, "distillation": None})
        return Together([_network(alone, task) for _ in range(MEMBERS)])
    n_classes, n_frames = task.n_classes, frames(task.clip_seconds, config.n_frames)
    two = config.distillation is not None and config.distillation.separate_head
    if not config.transformer:
        options = {"base_channels": config.channels} if config.model == "cp_mobile" else {}
        network = build_network(config.model, n_classes=n_classes * (1 + two), **options)
        return TwoHeads(network) if two else network
    if config.shape is not None:
        return SmallAST(config.shape, n_classes, n_frames=n_frames, tokens=config.tokens, distillation_head=two)
    return build_network(
        config.model, n_classes=n_classes, n_frames=n_frames, tokens=config.tokens, distillation_head=two
    )


def _inner(network: nn.Module) -> Network:
    """The network that first weights are of."""
    return cast("Network", network.network if isinstance(network, TwoHeads) else network)


def _taken(classifier: System, source: str, run: Run) -> Classifier:
    """The ensemble of the trained networks of another system's runs; nothing is trained."""
    members = cast("Together", classifier.network).members
    found = [teacher for name, teacher in run.teachers.items() if name.rpartition("@")[0] == source]
    if len(found) != len(members):
        problem = f'An ensemble has {len(members)} runs of "{source}", and the system needs {len(found)} of them.'
        raise Mistake("config.ensemble_of", problem, f'Write needs = [{{ system = "{source}", seeds = [0, 1, 2] }}].')
    for member, teacher in zip(members, found, strict=True):
        member.load_state_dict(teacher.classifier.network.state_dict())
    return classifier
