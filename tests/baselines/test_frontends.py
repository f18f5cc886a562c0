"""Log-mel frontends against torchaudio at double precision and against the numbers of the official code."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torchaudio
from safetensors.torch import load_file

from baselines.frontends import (
    CLIPS_PER_CHUNK,
    CP_MOBILE_2023,
    DCASE_2024,
    BandedFilterbank,
    LogMel,
    MelSettings,
    mel_filterbank,
)


def noise(clips: int = 3, samples: int = 32000) -> torch.Tensor:
    """Clips of noise, each ten times as quiet as the one before."""
    waveforms = torch.randn(clips, samples, generator=torch.Generator().manual_seed(0)).clamp(-4, 4) / 4
    return waveforms * 10.0 ** -torch.arange(clips)[:, None]


@pytest.fixture(scope="module")
def released(shared: Path) -> dict[str, torch.Tensor]:
    return load_file(shared / "golden/cp_mobile_2023_ckpt_c0a7nzin/ckpt.safetensors")


@pytest.fixture(scope="module")
def of_2024(shared: Path) -> dict[str, torch.Tensor]:
    return load_file(shared / "golden/frontend/torchaudio_logmel_2024.safetensors")


@pytest.fixture(scope="module")
def of_2023(shared: Path) -> dict[str, torch.Tensor]:
    return load_file(shared / "golden/frontend/augment_mel_stft.safetensors")


@pytest.mark.parametrize(
    "settings",
    [
        DCASE_2024,
        MelSettings(
            sample_rate=16000, n_fft=1024, win_length=800, hop_length=320, n_mels=100, f_min=50.0, f_max=7000.0
        ),
    ],
)
def test_the_frontend_of_2024_gives_the_numbers_of_torchaudio(settings: MelSettings) -> None:
    waveforms = noise(samples=settings.sample_rate)
    reference = torchaudio.transforms.MelSpectrogram(
        sample_rate=settings.sample_rate,
        n_fft=settings.n_fft,
        win_length=settings.win_length,
        hop_length=settings.hop_length,
        n_mels=settings.n_mels,
        f_min=settings.f_min,
        f_max=settings.f_max,
    ).double()
    mel = reference(waveforms.double())
    frontend = LogMel(settings)
    found = frontend.mel(waveforms)
    assert found.shape == (3, 1, settings.n_mels, 1 + settings.sample_rate // settings.hop_length)
    assert ((found.squeeze(1) - mel).abs().amax((1, 2)) / mel.amax((1, 2))).max() < 1e-5
    assert (frontend(waveforms).squeeze(1) - (mel + 1e-5).log()).abs().max() < 1e-3


def test_the_frontend_of_2024_gives_the_golden_numbers(of_2024: dict[str, torch.Tensor]) -> None:
    """Torchaudio's own run at double precision is up to 1.3e-3 from the stored float32 values."""
    found = LogMel(DCASE_2024)(of_2024["mid.wave32k"])
    assert found.shape == (4, 1, 256, 65)
    assert (found.squeeze(1) - of_2024["out.logmel"]).abs().max() < 2e-3


def test_filters_of_2024_are_the_golden_ones(of_2024: dict[str, torch.Tensor]) -> None:
    assert torch.allclose(mel_filterbank(DCASE_2024).T, of_2024["filterbank"], rtol=0, atol=1e-6)


def test_the_frontend_of_2023_gives_the_golden_numbers(released: dict[str, torch.Tensor]) -> None:
    found = LogMel(CP_MOBILE_2023)(released["in.wave32k"])
    assert found.shape == (4, 1, 256, 64)
    assert (found.squeeze(1) - released["mid.mel"]).abs().max() < 1e-3


def test_filters_and_numbers_of_2023_agree_with_a_second_source(of_2023: dict[str, torch.Tensor]) -> None:
    assert torch.allclose(mel_filterbank(CP_MOBILE_2023).T, of_2023["filterbank.cpm23"], rtol=0, atol=1e-4)
    found = LogMel(CP_MOBILE_2023)(of_2023["in.wave32k"])
    assert (found.squeeze(1) - of_2023["out.cpm23"]).abs().max() < 1e-3


@pytest.mark.parametrize(("settings", "frames"), [(DCASE_2024, 65), (CP_MOBILE_2023, 64)])
def test_a_second_has_65_frames_and_64_after_pre_emphasis(settings: MelSettings, frames: int) -> None:
    assert LogMel(settings)(noise(1)).shape == (1, 1, 256, frames)


@pytest.mark.parametrize("settings", [DCASE_2024, CP_MOBILE_2023])
@pytest.mark.parametrize("bands_per_group", [1, 7, 32, 256, 1000])
def test_the_banded_product_is_the_dense_product(settings: MelSettings, bands_per_group: int) -> None:
    filterbank = mel_filterbank(settings)
    power = noise(6, 2049).square()
    found, dense = BandedFilterbank(filterbank, bands_per_group)(power), power.double() @ filterbank.double()
    assert found.shape == (6, 256)
    assert ((found - dense).abs() <= 1e-5 * dense.abs() + 1e-12).all()


def test_the_banded_product_leaves_out_most_of_the_dense_one() -> None:
    bank = BandedFilterbank(mel_filterbank(DCASE_2024))
    assert sum(buffer.numel() for buffer in bank.buffers()) < 2049 * 256 / 7


def test_a_band_that_touches_no_bin_is_zero() -> None:
    """Of 64 bands over 33 bins the narrow low ones fall between bins."""
    filterbank = torch.zeros(33, 64)
    filterbank[20, 40] = 0.5
    found = BandedFilterbank(filterbank, bands_per_group=8)(torch.ones(2, 33))
    assert found[:, 40].tolist() == [0.5, 0.5]
    assert found.count_nonzero() == 2


@pytest.mark.parametrize("settings", [DCASE_2024, CP_MOBILE_2023])
def test_a_frontend_has_nothing_to_learn_and_nothing_to_store(settings: MelSettings) -> None:
    frontend = LogMel(settings)
    assert list(frontend.parameters()) == []
    assert frontend.state_dict() == {}


def test_a_clip_has_the_same_features_alone_and_in_a_batch_of_several_chunks() -> None:
    frontend, waveforms = LogMel(DCASE_2024), noise(2 * CLIPS_PER_CHUNK + 1)
    together = frontend(waveforms)
    alone = torch.cat([frontend(waveform[None]) for waveform in waveforms])
    assert torch.allclose(together, alone, rtol=0, atol=1e-4)


def test_silence_is_the_logarithm_of_the_offset() -> None:
    silence = torch.zeros(1, 32000)
    assert torch.allclose(LogMel(DCASE_2024)(silence), torch.tensor(1e-5).log())
    assert torch.allclose(LogMel(CP_MOBILE_2023)(silence), (torch.tensor(1e-5).log() + 4.5) / 5)


def test_features_are_the_logarithm_of_the_mel_spectrogram_and_neither_changes_its_input() -> None:
    frontend, waveforms = LogMel(CP_MOBILE_2023), noise(2)
    kept = waveforms.clone()
    mel = frontend.mel(waveforms)
    before = mel.clone()
    assert torch.equal(frontend.log(mel), frontend(waveforms))
    assert torch.equal(mel, before)
    assert torch.equal(waveforms, kept)
