"""A recipe: steps in the order in which they are taken, from waveforms to the features a network sees.

The order is data: a system's `Config` holds it, `submission.toml` may write another, and it is part of the result's
identity. Waveform steps come first, then the frontend's linear mel, then its logarithm.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, Protocol, runtime_checkable

import torch
from pydantic import AfterValidator, Field
from torch import Generator, Tensor, nn

from baselines.augmentations.filter_augment import FilterAugment
from baselines.augmentations.labels import LabelSmoothing
from baselines.augmentations.mixing import Mixup
from baselines.augmentations.mixstyle import FreqMixStyle
from baselines.augmentations.responses import DeviceResponse
from baselines.augmentations.spectrograms import CellNoise, FrequencyMask, RollFrames, TimeMask
from baselines.augmentations.steps import Domain, Sample, Step
from baselines.augmentations.waveforms import Gain, Noise, Roll, Shift
from baselines.frontends.mel import Edges, MelSettings
from harness.contract import Mistake

ORDER: tuple[Domain, ...] = ("waveform", "mel", "log_mel")


def _in_order(steps: tuple[AnyStep, ...]) -> tuple[AnyStep, ...]:
    domains = [(step.kind, step.where) for step in steps if step.where]
    for (before, first), (after, second) in pairwise(domains):
        if ORDER.index(first) > ORDER.index(second):
            raise ValueError(f"{after} works on the {second} and stands behind {before}, which works on the {first}")
    return steps


class MelJitter(Step):
    """The frontend's filter bank between other edges in every batch, by the jitter of its settings (CP-JKU 2023)."""

    kind: Literal["mel_jitter"] = "mel_jitter"

    @property
    def where(self) -> Literal["mel"]:
        return "mel"

    def apply(self, sample: Sample, generator: Generator) -> Sample:  # noqa: ARG002 - `features` draws the edges
        return sample


AnyStep = Annotated[
    Roll | Shift | Gain | Noise | DeviceResponse | Mixup | FrequencyMask | TimeMask | RollFrames | CellNoise
    | FilterAugment | FreqMixStyle | LabelSmoothing | MelJitter,
    Field(discriminator="kind"),
]  # fmt: skip
Steps = Annotated[tuple[AnyStep, ...], AfterValidator(_in_order)]
"""The type of a field of a `Config` that holds a recipe: `augmentations: Steps = (Roll(seconds=0.1), …)`."""


@runtime_checkable
class TwoHalves(Protocol):
    """A frontend whose linear mel can be changed before its logarithm is taken."""

    settings: MelSettings

    def mel(self, waveforms: Tensor, edges: Edges | None = None) -> Tensor: ...

    def log(self, mel: Tensor) -> Tensor: ...


@torch.no_grad()
def augment(steps: Steps, sample: Sample, generator: Generator) -> Sample:
    """The batch of waveforms after the recipe's waveform steps."""
    for step in _waveform_steps(steps):
        sample = step.apply(sample, generator)
    return sample


@torch.no_grad()
def features(steps: Steps, sample: Sample, frontend: nn.Module, generator: Generator) -> Sample:
    """The batch of waveforms, already augmented, as features: the frontend and the recipe's steps on spectrograms.

    Two frontends and two generators in the same state draw the same: who mixes with whom and how much, how wide masks
    are, and how far up and along they begin. So a teacher with its own frontend sees what its student sees.
    """
    later = steps[len(_waveform_steps(steps)) :]
    on_mel = tuple(step for step in later if step.where == "mel")
    if on_mel and not isinstance(frontend, TwoHalves):
        problem = f"{on_mel[0].kind} works on the linear mel, which {type(frontend).__name__} does not show."
        raise Mistake("augmentation.mel", problem, "Take steps on the log-mel, or a frontend with two halves (LogMel).")
    if not isinstance(frontend, TwoHalves):
        sample = sample.having(frontend(sample.x))
        on_log = later
    else:
        cut = max((index + 1 for index, step in enumerate(later) if step.where == "mel"), default=0)
        jittered = any(isinstance(step, MelJitter) for step in later)
        edges = frontend.settings.draw_edges(generator) if jittered else None
        sample = sample.having(frontend.mel(sample.x, edges))
        for step in later[:cut]:
            sample = step.apply(sample, generator)
        sample = sample.having(frontend.log(sample.x))
        on_log = later[cut:]
    for step in on_log:
        sample = step.apply(sample, generator)
    return sample


def leaving_out(steps: Steps, responses: tuple[str, ...]) -> Steps:
    """The recipe with these impulse responses left out: a track's own devices may have been made with them."""
    return tuple(
        step.model_copy(update={"without": responses}) if isinstance(step, DeviceResponse) else step for step in steps
    )


def masking_with(value: float, steps: Steps) -> Steps:
    """The recipe with this value under masks that do not say what they are filled with."""
    return tuple(
        step.model_copy(update={"value": value})
        if isinstance(step, FrequencyMask | TimeMask) and step.value is None
        else step
        for step in steps
    )


def _waveform_steps(steps: Steps) -> Steps:
    """The first steps up to the last on waveforms."""
    last = max((index + 1 for index, step in enumerate(steps) if step.where == "waveform"), default=0)
    return steps[:last]
