"""Training steps through the real objective: what augmentations and teachers add. The argument of a step says which."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
import torch.nn.functional as F
from torch import Tensor

from baselines import frontends
from baselines.augmentations import DeviceResponse, FreqMixStyle, FrequencyMask, Roll, Steps
from baselines.distillation import Distillation
from baselines.frontends import LogMel, MelSettings
from baselines.models import build
from baselines.training import Recipe, objective
from harness.contract import Batch, Classifier, Clips
from tests.benchmarks.forms import Job, Step, plain_frontend, waveforms

STUDENT = frontends.DCASE_2024
TEACHER = frontends.CP_RESNET_2024
MIXING: Steps = (FreqMixStyle(probability=1.0, alpha=0.3),)
EVERYTHING: Steps = (
    Roll(seconds=0.1),
    DeviceResponse(probability=0.6),
    FrequencyMask(limit=48),
    FreqMixStyle(probability=1.0, alpha=0.3),
)
SHARE_OF_DEVICE_A = 0.73
"""Of TAU 2022's training clips; only these are convolved."""


@dataclass
class Run:
    """As much of a run as an objective asks for."""

    work: Path
    teachers: Mapping[str, Any] = field(default_factory=dict)
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    seed: int = 0
    generator: torch.Generator = field(default_factory=lambda: torch.Generator().manual_seed(0))


class Data:
    """The clips of one batch."""

    def __init__(self, clips: int) -> None:
        self.names = tuple(str(clip) for clip in range(clips))
        self.devices = tuple("a" if clip < SHARE_OF_DEVICE_A * clips else "s1" for clip in range(clips))
        self.sample_rate = 32000


@dataclass
class Teacher:
    classifier: Classifier

    def predict(self, clips: Clips) -> Tensor:
        logits: Tensor = self.classifier(clips.waveforms)
        return logits


def responses() -> Path:
    """66 made responses of 0.4 s, as many and as long as MicIRP's."""
    folder = Path(tempfile.mkdtemp())
    generator = np.random.default_rng(0)
    for index in range(66):
        decay = np.exp(-np.arange(12800) / generator.uniform(50, 2000))
        soundfile.write(folder / f"{index:02}.wav", 0.3 * decay * generator.normal(size=12800), 32000, subtype="PCM_24")
    return folder


def classifier(name: str, settings: MelSettings) -> Classifier:
    return Classifier(LogMel(settings), build(name), settings.sample_rate)


def stepping(student: Classifier, losses: Callable[..., Mapping[str, Tensor]], batch: Batch, data: Data) -> Step:
    network: Any = student.network.train().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=True)

    def step(_: str) -> None:
        optimiser.zero_grad(set_to_none=True)
        losses(network, batch, data)["loss"].backward()
        optimiser.step()

    return step


def batch_of(clips: int) -> tuple[Batch, Data]:
    return Batch(waveforms(clips), torch.randint(0, 10, (clips,)), torch.arange(clips)), Data(clips)


RECIPE = Recipe(epochs=1, batch_size=256, learning_rate=1e-3)


def with_augmentations(clips: int) -> Step:
    """The argument is "none", "mixing" or "everything"."""
    batch, data = batch_of(clips)
    folder, run = responses(), Run(Path(tempfile.mkdtemp()))
    steps = {}
    for name, recipe in {"none": (), "mixing": MIXING, "everything": EVERYTHING}.items():
        student = classifier("cp_mobile_2024", STUDENT)
        losses = objective(student, RECIPE, recipe, data, run, 10, responses=folder)  # type: ignore[arg-type]
        steps[name] = stepping(student, losses, batch, data)
    return lambda argument: steps[argument or "everything"](argument)


def with_teachers(clips: int) -> Step:
    """The argument is "alone", "taught" or "teachers": the step without and with three CP-ResNets, and these alone."""
    batch, data = batch_of(clips)
    work = Path(tempfile.mkdtemp())
    teachers = {f"cpr@{seed}": Teacher(classifier("cp_resnet", TEACHER).eval()) for seed in range(3)}
    steps = {}
    for name, run in {"alone": Run(work), "taught": Run(work, teachers)}.items():
        student = classifier("cp_mobile_2024", STUDENT)
        how = Distillation(label_weight=0.02, tau=2.0) if run.teachers else None
        losses = objective(student, RECIPE, MIXING, data, run, 10, distillation=how)  # type: ignore[arg-type]
        steps[name] = stepping(student, losses, batch, data)

    def alone(_: str) -> None:
        with torch.no_grad():
            for teacher in teachers.values():
                teacher.predict(Clips(batch.waveforms, 32000))

    steps["teachers"] = alone
    return lambda argument: steps[argument or "taught"](argument)


def plain_step(clips: int) -> Step:
    """A step written out: dense mel, contiguous, eager; Freq-MixStyle as published."""
    batch, _ = batch_of(clips)
    network, frontend = build("cp_mobile_2024").train(), plain_frontend(STUDENT)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)

    def step(_: str) -> None:
        with torch.no_grad():
            features = plain_mixstyle(frontend(batch.waveforms))
        optimiser.zero_grad()
        F.cross_entropy(network(features), batch.labels).backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    return step


def plain_mixstyle(x: Tensor) -> Tensor:
    """Freq-MixStyle by its formula."""
    mean, variance = x.mean(dim=(1, 3), keepdim=True), x.var(dim=(1, 3), keepdim=True)
    sigma = (variance + 1e-6).sqrt()
    share = torch.distributions.Beta(0.3, 0.3).sample((len(x), 1, 1, 1))
    order = torch.randperm(len(x))
    mixed_mean, mixed_sigma = share * mean + (1 - share) * mean[order], share * sigma + (1 - share) * sigma[order]
    return (x - mean) / sigma * mixed_sigma + mixed_mean


def our_step(clips: int) -> Step:
    step = with_augmentations(clips)
    return lambda _: step("mixing")


LEARNING_JOBS = {
    "step-with-frontend-and-mixing": Job(256, plain_step, our_step),
    "augmentations": Job(256, with_augmentations, with_augmentations),
    "teachers": Job(256, with_teachers, with_teachers),
}
