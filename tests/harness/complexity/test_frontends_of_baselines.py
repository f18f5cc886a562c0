"""Every frontend of the baselines is one of the transforms that are not counted, on one clip and on batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import nn

from baselines import frontends
from baselines.frontends import (
    AST_ESC50,
    CP_MOBILE_2023,
    DCASE_2024,
    PASST_AUDIOSET,
    FbankSettings,
    KaldiFbank,
    LogMel,
    MelSettings,
)
from harness.complexity.measuring import measure
from harness.complexity.scrutiny import Scrutiny
from harness.contract import Classifier, Clips
from tests.harness.complexity.probes import TASK, count, entry

SETTINGS: dict[str, MelSettings | FbankSettings] = {
    name: setting
    for name in frontends.__all__
    if isinstance(setting := getattr(frontends, name), MelSettings | FbankSettings)
}
"""All presets, by the name that is imported."""


def frontend_of(settings: MelSettings | FbankSettings) -> LogMel | KaldiFbank:
    return LogMel(settings) if isinstance(settings, MelSettings) else KaldiFbank(settings)


def network() -> nn.Module:
    """A network of any size of features: 4 filters and 10 classes."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=4, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10)
    )


def test_there_are_fourteen_presets() -> None:
    assert len(SETTINGS) == 14


@pytest.mark.parametrize("name", SETTINGS)
def test_a_network_behind_a_preset_costs_what_it_costs_alone(name: str) -> None:
    settings = SETTINGS[name]
    frontend, samples = frontend_of(settings), settings.sample_rate
    features = frontend(torch.randn(1, samples, generator=torch.Generator().manual_seed(0))).shape[1:]
    found, alone = count(network(), samples, frontend=frontend), count(network(), *features)
    height, width = ((size - 3) // 4 + 1 for size in features[1:])
    assert found.frontend_counted is None
    assert found.macs == alone.macs == 4 * 9 * height * width + 40
    assert found.parameter_bytes == alone.parameter_bytes == 4 * (36 + 40 + 10)
    assert (found.parameters, found.official_macs) == (alone.parameters, alone.official_macs)
    assert found.frontend_macs > 1_000_000  # it did work, which nobody pays for


@pytest.mark.parametrize(
    "frontend",
    [
        LogMel(replace(PASST_AUDIOSET, f_min=9.0, f_max=14_001.0)),
        KaldiFbank(replace(AST_ESC50, n_frames=50)),
        KaldiFbank(replace(AST_ESC50, n_frames=None)),
        KaldiFbank(FbankSettings()),
    ],
    ids=["other edges", "cut", "unpadded", "raw"],
)
def test_variants_of_the_presets_are_free_too(frontend: nn.Module) -> None:
    found = count(network(), 16000, frontend=frontend)
    assert found.frontend_counted is None
    assert found.parameter_bytes == 4 * (36 + 40 + 10)


@pytest.mark.parametrize(
    ("frontend", "clips"), [(LogMel(CP_MOBILE_2023), 12), (LogMel(DCASE_2024), 12), (KaldiFbank(AST_ESC50), 45)]
)
def test_a_preset_stays_free_on_batches_of_several_chunks(frontend: LogMel | KaldiFbank, clips: int) -> None:
    rate = frontend.settings.sample_rate
    classifier, plain = Classifier(frontend, network(), rate), entry()
    measured = measure(plain, classifier, TASK)
    scrutiny = Scrutiny(plain, classifier, measured)
    waveforms = 0.1 * torch.randn(clips, rate, generator=torch.Generator().manual_seed(0))

    def clips_at(rows: Sequence[int]) -> Clips:
        return Clips(waveforms[list(rows)], rate)

    with torch.inference_mode():
        found = scrutiny.finish(clips_at, scrutiny.predict(clips_at(range(clips))))
    assert found.frontend_counted is None
    assert found.macs == measured.complexity.macs
    assert found.parameter_bytes == 4 * (36 + 40 + 10)
    assert found.costliest_clip is None


@pytest.mark.parametrize("settings", [DCASE_2024, AST_ESC50], ids=["mel", "kaldi"])
def test_a_preset_whose_bank_was_trained_is_counted(settings: MelSettings | FbankSettings) -> None:
    """What makes them free is what they multiply with, not their class."""
    frontend = frontend_of(settings)
    bank = next(buffer for name, buffer in frontend.named_buffers() if name.endswith("filters_1"))
    bank.copy_(torch.rand(bank.shape, generator=torch.Generator().manual_seed(0)))
    found = count(network(), settings.sample_rate, frontend=frontend)
    assert "filter bank" in (found.frontend_counted or "free")
    assert found.parameter_bytes >= 4 * (36 + 40 + 10) + 4 * bank.numel()
    assert found.macs > count(network(), settings.sample_rate, frontend=frontend_of(settings)).macs
