"""FastAST (paper 001): AST that merges tokens, at inference or in training too, and learns from a CNN or a PaSST.

Behera, Dhiman, Gowda, Narayani, "FastAST: accelerating audio spectrogram transformer via token merging and cross-model
knowledge distillation", Interspeech 2024. Its authors published no code: recipes are those of AST's released code
(github.com/YuanGongND/ast), on which the paper builds. What nobody states was chosen, and is an option (README.md).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, cast

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from baselines.augmentations import FrequencyMask, Steps, TimeMask, masking_with
from baselines.distillation import Distillation
from baselines.distillation.losses import Activation
from baselines.frontends import (
    NORMALISATION,
    PASST_AUDIOSET,
    PSLA_AUDIOSET,
    FbankSettings,
    Frames,
    KaldiFbank,
    LogMel,
    frames,
)
from baselines.models import build as build_network
from baselines.models.ast import AST
from baselines.models.network import Network
from baselines.models.small_ast import Shape, SmallAST
from baselines.pretrained import load_pretrained
from baselines.token_merging import merge_tokens, tokens_left
from baselines.training import Decay, Recipe, fit, objective
from baselines.training.schedules import AnySchedule
from harness.contract import Classifier, Clips, Mistake, Run, Task, TrainingData

REDUCTIONS: dict[Activation, Literal["clips", "elements"]] = {"softmax": "clips", "sigmoid": "elements"}
"""How the label loss of each activation is reduced, and so the divergence beside it."""


class Config(Recipe):
    """Every knob; the defaults are AST's on ESC-50.

    `size`: of AST; `shape` in its place for smaller ones. `r`: tokens merged in every block; `proportional`: attention
    weighs a token by how many patches it stands for; `merge_in_training`: the network merges while it learns, not only
    when it is tested. `network_of` names the needed system whose trained network is taken as it is, and only merges.
    `stream`: another number is another run of the same recipe at the same seed. `tokens`: "class_distillation" as AST
    was released, "class" as the paper writes. `n_frames`: "code" pads as released, "text" has 100 a second. `loss`:
    "softmax" for cross-entropy, "sigmoid" for binary cross-entropy a class. Masks without a `value` are filled with
    the zeros that pad a clip.

    Teachers: `features`: "shared", they see AST's spectrogram, or "own", each has its own frontend. `cnn_rate`: the CNN
    learns at this many times the learning rate; `cnn_channels`: CP-Mobile's, for demonstrations. Checkpoints: first
    weights of AST, PaSST and the CNN.
    """

    epochs: int = Field(default=25, ge=1)
    batch_size: int = Field(default=48, ge=1)
    learning_rate: float = Field(default=1e-5, gt=0)
    weight_decay: float = Field(default=5e-7, ge=0)
    optimiser: Literal["adam", "adamw"] = "adam"
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = (0.95, 0.999)
    schedule: AnySchedule = Decay(start=5, by=0.85)
    augmentations: Steps = (FrequencyMask(domain="log_mel", limit=24), TimeMask(domain="log_mel", limit=96))
    loss: Activation = "softmax"
    model: Literal["ast", "passt", "cnn"] = "ast"
    size: Literal["tiny", "small", "base"] = "base"
    shape: Shape | None = None
    r: int = 0
    proportional: bool = True
    merge_in_training: bool = True
    network_of: str | None = None
    stream: int = Field(default=0, ge=0)
    tokens: Literal["class_distillation", "class"] = "class_distillation"
    n_frames: Frames = "code"
    normalisation: Literal["audioset", "esc50", "speech_commands"] = "esc50"
    distillation: Distillation | None = None
    features: Literal["shared", "own"] = "shared"
    cnn: Literal["efficientnet_b2", "efficientnet_b0", "efficientnet_lite0", "cp_mobile"] = "efficientnet_b2"
    cnn_rate: float = Field(default=10.0, gt=0)
    cnn_channels: int = Field(default=32, ge=1)
    passt_width: int = Field(default=768, ge=1)
    passt_depth: int = Field(default=12, ge=1)
    passt_heads: int = Field(default=12, ge=1)
    passt_patchout: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]] = (0, 0)
    checkpoint: Path | None = None
    passt_checkpoint: Path | None = None
    cnn_checkpoint: Literal["package:efficientnet_lite0"] | Path | None = None

    @field_validator("checkpoint", "passt_checkpoint", "cnn_checkpoint", mode="before")
    @classmethod
    def _nothing(cls, value: object) -> object:
        """A preset cannot unset a field in TOML: an empty path does."""
        return value or None

    def fbank(self, seconds: float) -> FbankSettings:
        """AST's spectrogram, which all see where features are shared."""
        settings = NORMALISATION[self.normalisation]
        if self.model == "cnn" and self.features == "own":
            settings = PSLA_AUDIOSET
        return replace(settings, n_frames=frames(seconds, self.n_frames))

    def steps(self) -> Steps:
        """The recipe: masks are 0 before the normalisation, as released, unless they say otherwise."""
        settings = NORMALISATION[self.normalisation]
        return masking_with((0 - settings.mean) / settings.scale, self.augmentations)

    def teaching(self) -> Distillation | None:
        """How the student learns: both losses reduced alike, unless a reduction is given."""
        if self.distillation is None or self.distillation.reduction is not None:
            return self.distillation
        return self.distillation.model_copy(update={"reduction": REDUCTIONS[self.loss]})

    def recipe(self) -> Config:
        """The knobs of the loop for this model."""
        rate = self.learning_rate * (self.cnn_rate if self.model == "cnn" else 1.0)
        return self.model_copy(update={"learning_rate": rate})


class System(Classifier):
    """The classifier together with the configuration it is trained by."""

    def __init__(self, config: Config, task: Task) -> None:
        if config.model == "passt" and config.features == "own":
            frontend: nn.Module = LogMel(PASST_AUDIOSET)
            rate = PASST_AUDIOSET.sample_rate
        else:
            fbank = config.fbank(task.clip_seconds)
            frontend, rate = KaldiFbank(fbank), fbank.sample_rate
        for _ in range(config.stream + 1):  # each stream has first weights of its own
            network = _network(config, task)
        super().__init__(frontend, network, rate)
        self.config, self.task = config, task


def build(config: Config, task: Task) -> Classifier:
    """The untrained system, merging as it is tested."""
    classifier = System(config, task)
    if isinstance(classifier.network, AST):
        _require_tokens(config, classifier.network)
    return _as_tested(classifier)


def train(classifier: System, data: TrainingData, run: Run) -> Classifier:
    """Takes the network of the system that `network_of` names, or trains one."""
    config = classifier.config
    if config.network_of is not None:
        return _taken(classifier, config.network_of, run)
    for _ in range(config.stream):
        run.generator.manual_seed(int(torch.randint(2**62, (), generator=run.generator)))
    _load_checkpoint(classifier)
    if not config.merge_in_training:
        merge_tokens(classifier.network, 0)
    losses = objective(
        classifier, config, config.steps(), data, run, classifier.task.n_classes,
        activation=config.loss, distillation=config.teaching(),
    )  # fmt: skip
    fit(classifier, losses, data, run, config.recipe(), finish=_as_tested)
    return _as_tested(classifier)


def predict(classifier: Classifier, clips: Clips) -> Tensor:
    """Logits (batch, classes)."""
    logits: Tensor = classifier(clips.waveforms)
    return logits


def figures(classifier: Classifier) -> dict[str, float]:
    """Tokens of a clip before the first block and behind the last one; of AST only."""
    network = classifier.network
    if not isinstance(network, AST):
        return {}
    n = network.grid[0] * network.grid[1] + network.n_outputs
    r = cast("System", classifier).config.r
    depth = len(cast("nn.ModuleList", network.v.blocks))
    return {"tokens": n, "tokens_left": tokens_left(n, r, depth, network.n_outputs)[-1]}


def _network(config: Config, task: Task) -> Network:
    n_classes, n_frames = task.n_classes, frames(task.clip_seconds, config.n_frames)
    if config.model == "cnn":
        options = {"base_channels": config.cnn_channels} if config.cnn == "cp_mobile" else {}
        return build_network(config.cnn, n_classes=n_classes, **options)
    if config.model == "passt":
        columns, rows = config.passt_patchout
        return build_network(
            "passt", n_classes=n_classes, n_frames=n_frames, s_patchout_t=columns, s_patchout_f=rows,
            width=config.passt_width, depth=config.passt_depth, heads=config.passt_heads,
        )  # fmt: skip
    if config.shape is not None:
        return SmallAST(config.shape, n_classes, n_frames=n_frames, tokens=config.tokens)
    return build_network(f"ast_{config.size}", n_classes=n_classes, n_frames=n_frames, tokens=config.tokens)


def _require_tokens(config: Config, network: AST) -> None:
    """Raises `Mistake` where a block cannot have as many tokens as it is to merge."""
    patches = network.grid[0] * network.grid[1]
    tokens = patches + network.n_outputs
    if config.r > tokens:
        problem = f"r is {config.r}, and a clip has {tokens} tokens."
        remedy = f"Set r to {patches // 2} or less: a block merges at most half of the {patches} patches."
        raise Mistake("config.r", problem, remedy)


def _as_tested(classifier: Classifier) -> Classifier:
    config = cast("System", classifier).config
    if config.model == "ast":
        merge_tokens(classifier.network, config.r, proportional=config.proportional)
    return classifier


def _taken(classifier: System, source: str, run: Run) -> Classifier:
    """The system with the trained network of another, whose tokens it merges; nothing is trained."""
    if source not in run.teachers:
        problem = f'The system takes the network of "{source}", which it does not need.'
        raise Mistake("config.network_of", problem, "Name a system of `needs`.")
    classifier.network.load_state_dict(run.teachers[source].classifier.network.state_dict())
    return classifier


def _load_checkpoint(classifier: System) -> None:
    config = classifier.config
    source = {"ast": config.checkpoint, "passt": config.passt_checkpoint, "cnn": config.cnn_checkpoint}[config.model]
    if source is not None:
        load_pretrained(cast("Network", classifier.network), source)
