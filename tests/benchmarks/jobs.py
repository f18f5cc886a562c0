"""What is timed, written plainly (eager, contiguous, 32 bit, dense filter bank) and as this project runs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
import torchaudio
from torch import Tensor, nn

from baselines import frontends
from baselines.augmentations.mixstyle import freq_mixstyle
from baselines.frontends import FbankSettings, KaldiFbank, LogMel, MelSettings
from baselines.models import build
from baselines.token_merging import merge_tokens
from tests.benchmarks.forms import Job, Step, plain_frontend, waveforms
from tests.benchmarks.learning import LEARNING_JOBS


def plain_fbank(x: Tensor) -> Tensor:
    """torchaudio's Kaldi filter bank, clip by clip."""
    clips = [
        torchaudio.compliance.kaldi.fbank(
            clip[None] - clip.mean(), sample_frequency=16000, window_type="hanning", num_mel_bins=128, dither=0.0
        )
        for clip in x
    ]
    return torch.stack(clips)


def predicting(function: Callable[[Tensor], Tensor], inputs: Tensor) -> Step:
    def step(_: str) -> None:
        with torch.inference_mode():
            function(inputs)

    return step


def mel(settings: MelSettings) -> Job:
    return Job(
        64,
        lambda clips: predicting(plain_frontend(settings), waveforms(clips)),
        lambda clips: predicting(LogMel(settings), waveforms(clips)),
    )


def predicting_cp_mobile() -> Job:
    settings = frontends.CP_MOBILE_2023

    def plain(clips: int) -> Step:
        frontend, network = plain_frontend(settings), build("cp_mobile").eval()
        return predicting(lambda x: network(frontend(x)), waveforms(clips))

    def ours(clips: int) -> Step:
        frontend, network = LogMel(settings), build("cp_mobile").for_inference()
        return predicting(lambda x: network(frontend(x)), waveforms(clips))

    return Job(64, plain, ours)


def training(name: str, settings: MelSettings, frames: int, *, with_frontend: bool, compiled: bool = False) -> Job:
    """A training step: Freq-MixStyle, forward, cross-entropy, backward, AdamW."""

    def steps(network: nn.Module, frontend: Callable[[Tensor], Tensor], clips: int, **fused: bool) -> Step:
        inputs = waveforms(clips) if with_frontend else torch.randn(clips, 1, settings.n_mels, frames)
        labels = torch.randint(0, 10, (clips,))
        optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, **fused)
        generator = torch.Generator().manual_seed(0)

        def step(_: str) -> None:
            features = frontend(inputs) if with_frontend else inputs
            features = freq_mixstyle(features, 0.3, generator)
            optimiser.zero_grad(set_to_none=True)
            F.cross_entropy(network(features), labels).backward()
            optimiser.step()

        return step

    def plain(clips: int) -> Step:
        return steps(build(name).train(), plain_frontend(settings), clips)

    def ours(clips: int) -> Step:
        network: Any = build(name).train().to(memory_format=torch.channels_last)
        return steps(torch.compile(network) if compiled else network, LogMel(settings), clips, fused=True)

    return Job(256, plain, ours)


def transformer(name: str, clips: int, frames: int) -> Job:
    """Prediction: attention written out against the fused one."""

    def plain(count: int) -> Step:
        network = build(name, n_classes=50, n_frames=frames).eval()
        for module in network.modules():
            if hasattr(module, "fused_attn"):
                module.fused_attn = False
        return predicting(network, torch.randn(count, 1, 128, frames))

    def ours(count: int) -> Step:
        network = build(name, n_classes=50, n_frames=frames).for_inference()
        return predicting(network, torch.randn(count, 1, 128, frames))

    return Job(clips, plain, ours)


def merging(clips: int, frames: int) -> Job:
    """AST-base with token merging; the argument of a step is r."""

    def ours(count: int) -> Step:
        network = build("ast_base", n_classes=50, n_frames=frames).for_inference()
        inputs = torch.randn(count, 1, 128, frames)

        def step(argument: str) -> None:
            with torch.inference_mode():
                merge_tokens(network, int(argument or 0))(inputs)

        return step

    return Job(clips, ours, ours)


CP_MOBILE = frontends.CP_MOBILE_2023
OF_2024 = frontends.DCASE_2024

JOBS = {
    **LEARNING_JOBS,
    "frontend-cp-mobile-2023": mel(CP_MOBILE),
    "frontend-cp-resnet-2023": mel(frontends.CP_RESNET_2023),
    "frontend-passt": mel(frontends.PASST_AUDIOSET),
    "frontend-2024": mel(OF_2024),
    "frontend-kaldi": Job(
        64,
        lambda clips: predicting(plain_fbank, waveforms(clips, 16000)),
        lambda clips: predicting(KaldiFbank(FbankSettings()), waveforms(clips, 16000)),
    ),
    "predicting-cp-mobile-2023-with-frontend": predicting_cp_mobile(),
    "training-cp-mobile-2023": training("cp_mobile", CP_MOBILE, 64, with_frontend=False),
    "training-cp-mobile-2023-with-frontend": training("cp_mobile", CP_MOBILE, 64, with_frontend=True),
    "training-baseline-2024": training("cp_mobile_2024", OF_2024, 65, with_frontend=False),
    "training-baseline-2024-with-frontend": training("cp_mobile_2024", OF_2024, 65, with_frontend=True),
    "training-baseline-2024-compiled": training("cp_mobile_2024", OF_2024, 65, with_frontend=False, compiled=True),
    "passt-1s": transformer("passt", 8, 100),
    "passt-5s": transformer("passt", 4, 500),
    "passt-10s": transformer("passt", 2, 998),
    "ast-base-1s": transformer("ast_base", 8, 128),
    "ast-base-5s": transformer("ast_base", 4, 512),
    "ast-base-10s": transformer("ast_base", 2, 1024),
    "merging-1s-batch-8": merging(8, 128),
    "merging-1s-batch-32": merging(32, 128),
    "merging-1s-batch-64": merging(64, 128),
    "merging-5s-batch-2": merging(2, 512),
    "merging-5s-batch-8": merging(8, 512),
}
