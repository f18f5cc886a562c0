"""Kaldi filter banks in batches against torchaudio clip by clip, the official code's numbers, and their settings."""

from __future__ import annotations

from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torchaudio
from safetensors.torch import load_file
from torch import Tensor

from baselines.frontends import (
    AST_AUDIOSET,
    AST_ESC50,
    AST_SPEECH_COMMANDS,
    PSLA_AUDIOSET,
    PSLA_FSD50K,
    FbankSettings,
    KaldiFbank,
    filterbank,
)
from harness.outcomes import Mistake

RAW = FbankSettings()
"""Neither padded nor normalised."""

PRESETS = {
    "ast_audioset": AST_AUDIOSET,
    "ast_esc50": AST_ESC50,
    "ast_speech_commands": AST_SPEECH_COMMANDS,
    "psla_audioset": PSLA_AUDIOSET,
    "psla_fsd50k": PSLA_FSD50K,
}

Tensors = dict[str, Tensor]


def noise(clips: int = 3, samples: int = 16000) -> Tensor:
    """Clips of noise with an offset, each ten times as quiet as the one before."""
    waveforms = torch.randn(clips, samples, generator=torch.Generator().manual_seed(0)).clamp(-4, 4) / 8 + 0.1
    return waveforms * 10.0 ** -torch.arange(clips)[:, None]


def of_ast(waveform: Tensor) -> Tensor:
    """AST's own call on one clip (samples,): (n_frames, 128)."""
    return torchaudio.compliance.kaldi.fbank(
        (waveform - waveform.mean())[None],
        htk_compat=True,
        sample_frequency=16000,
        use_energy=False,
        window_type="hanning",
        num_mel_bins=128,
        dither=0.0,
        frame_shift=10,
    )


@pytest.fixture(scope="module")
def golden(shared: Path) -> Tensors:
    return load_file(shared / "golden/frontend/kaldi_fbank_ast_psla.safetensors")


def test_filter_banks_are_those_of_the_official_call(golden: Tensors) -> None:
    """The log enlarges rounding in the almost empty bands of tones: 1e-2 at most, hardly anything on average."""
    found = KaldiFbank(RAW)(golden["in.wave16k"])
    assert found.shape == (4, 1, 128, 98)
    distance = (found.squeeze(1).transpose(1, 2) - golden["out.fbank_raw"]).abs()
    assert distance.max() < 1e-2
    assert distance.mean() < 1e-4


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        (AST_AUDIOSET, "ast_audioset_first128"),
        (AST_ESC50, "ast_esc50_first128"),
        (AST_SPEECH_COMMANDS, "ast_speechcommands_128"),
    ],
)
def test_padded_and_normalised_features_are_those_of_ast(golden: Tensors, settings: FbankSettings, name: str) -> None:
    found = KaldiFbank(settings)(golden["in.wave16k"]).squeeze(1).transpose(1, 2)
    assert (found[:, :128] - golden[f"out.{name}"]).abs().max() < 1e-3


def test_filters_are_the_golden_ones_and_leave_out_the_nyquist_bin(golden: Tensors) -> None:
    bank = filterbank.kaldi_filterbank(512, 16000, 128, 20.0, 8000.0)
    assert bank.shape == (257, 128)
    assert torch.allclose(bank[:256].T, golden["filterbank"], rtol=0, atol=1e-4)
    assert bank[256].count_nonzero() == 0


@pytest.mark.parametrize("samples", [400, 559, 560, 16000, 22050])
def test_a_batch_gives_torchaudio_s_numbers_of_each_clip(samples: int) -> None:
    waveforms = noise(3, samples)
    found = KaldiFbank(RAW)(waveforms)
    expected = torch.stack([of_ast(waveform) for waveform in waveforms])
    assert found.shape == (3, 1, 128, 1 + (samples - 400) // 160)
    assert (found.squeeze(1).transpose(1, 2) - expected).abs().max() < 1e-3


def test_ten_seconds_have_998_frames_and_torchaudio_s_numbers() -> None:
    waveforms = noise(2, 160_000)
    found = KaldiFbank(RAW)(waveforms).squeeze(1).transpose(1, 2)
    assert found.shape == (2, 998, 128)
    assert (found - torch.stack([of_ast(waveform) for waveform in waveforms])).abs().max() < 1e-3


def test_other_settings_give_torchaudio_s_numbers_too() -> None:
    settings = FbankSettings(
        sample_rate=8000, n_fft=256, win_length=160, hop_length=100, n_mels=40, f_min=100.0, preemphasis=0.5
    )
    waveform = noise(1, 8000)
    expected = torchaudio.compliance.kaldi.fbank(
        waveform - waveform.mean(),
        htk_compat=True,
        sample_frequency=8000,
        frame_length=20,
        frame_shift=12.5,
        window_type="hanning",
        num_mel_bins=40,
        low_freq=100.0,
        dither=0.0,
        preemphasis_coefficient=0.5,
    )
    found = KaldiFbank(settings)(waveform)
    assert found.shape == (1, 1, 40, 79)
    assert (found[0, 0].T - expected).abs().max() < 1e-3


def test_the_steps_written_out_give_the_same_numbers() -> None:
    """Facts, section 7, with numpy at double precision: neither torch's FFT nor torchaudio's bank."""
    x = noise(1, 4000)[0].double().numpy()
    x = x - x.mean()
    frames = np.stack([x[at : at + 400] for at in range(0, 4000 - 400 + 1, 160)])
    frames = frames - frames.mean(1, keepdims=True)
    emphasised = frames - 0.97 * np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    windowed = emphasised * (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 399))
    power = np.abs(np.fft.rfft(windowed, 512)) ** 2
    mel = 1127 * np.log(1 + np.arange(256) * 16000 / 512 / 700)
    corners = np.linspace(*(1127 * np.log(1 + np.array([20, 8000]) / 700)), 130)
    left, peak, right = corners[:-2], corners[1:-1], corners[2:]
    rising, falling = (mel[:, None] - left) / (peak - left), (right - mel[:, None]) / (right - peak)
    bank = np.maximum(0, np.minimum(rising, falling))
    expected = np.log(np.maximum(power[:, :256] @ bank, 1.1920929e-7))
    assert np.abs(KaldiFbank(RAW)(noise(1, 4000))[0, 0].T.numpy() - expected).max() < 1e-3


def test_presets_are_those_of_the_fact_sheet() -> None:
    """Section 7: AST divides by twice the standard deviation, PSLA by it once."""
    assert {name: (preset.mean, preset.scale, preset.n_frames) for name, preset in PRESETS.items()} == {
        "ast_audioset": (-4.2677393, pytest.approx(9.1379948), 1024),
        "ast_esc50": (-6.6268077, pytest.approx(10.716932), 512),
        "ast_speech_commands": (-6.845978, pytest.approx(11.1309052), 128),
        "psla_audioset": (-4.6476, 4.5699, 1056),
        "psla_fsd50k": (-4.6476, 4.5699, 3000),
    }
    common = {astuple(replace(preset, mean=0.0, scale=1.0, n_frames=None)) for preset in PRESETS.values()}
    assert common == {(0.0, 1.0, None, 16000, 512, 400, 160, 128, 20.0, 0.97)}


@pytest.mark.parametrize("name", PRESETS)
def test_padding_is_zeros_before_the_normalisation(name: str) -> None:
    """The padded frames are (0 - mean) / scale, the others the normalised filter banks."""
    settings, waveforms = PRESETS[name], noise(2)
    found, raw = KaldiFbank(settings)(waveforms), KaldiFbank(RAW)(waveforms)
    assert found.shape == (2, 1, 128, settings.n_frames)
    assert torch.allclose(found[..., :98], (raw - settings.mean) / settings.scale, rtol=0, atol=1e-6)
    padding = torch.tensor(-settings.mean / settings.scale).expand_as(found[..., 98:])
    assert torch.allclose(found[..., 98:], padding, rtol=0, atol=1e-6)


@pytest.mark.parametrize("n_frames", [1, 50, 97, 98, 99])
def test_a_longer_clip_loses_its_last_frames(n_frames: int) -> None:
    waveforms = noise(2)
    found = KaldiFbank(replace(AST_ESC50, n_frames=n_frames))(waveforms)
    whole = KaldiFbank(replace(AST_ESC50, n_frames=None))(waveforms)
    assert whole.shape[3] == 98
    assert found.shape[3] == n_frames
    assert torch.equal(found[..., :98], whole[..., :n_frames])


@pytest.mark.parametrize("samples", [0, 1, 399])
def test_a_clip_shorter_than_a_frame_is_a_mistake(samples: int) -> None:
    with pytest.raises(Mistake, match=f"Clips of {samples} samples are shorter than a frame of 400") as caught:
        KaldiFbank(AST_AUDIOSET)(torch.zeros(2, samples))
    assert caught.value.rule == "features.too_short"
    assert caught.value.remedy == "Pad the clips."


@pytest.mark.parametrize("beyond", [-1, 0, 1])
def test_a_clip_has_the_same_features_alone_and_in_a_batch_around_the_chunk_s_border(
    beyond: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = filterbank.BYTES_PER_CHUNK // (8 * 98 * 257)
    waveforms = noise(1, 16000 * (size + beyond)).reshape(-1, 16000)
    frontend = KaldiFbank(AST_SPEECH_COMMANDS)
    together = frontend(waveforms)
    monkeypatch.setattr(filterbank, "BYTES_PER_CHUNK", 2**40)
    assert torch.allclose(together, frontend(waveforms), rtol=0, atol=1e-6)
    alone = torch.cat([frontend(waveform[None]) for waveform in waveforms])
    assert torch.allclose(together, alone, rtol=0, atol=1e-5)


def test_ten_seconds_clip_by_clip_give_the_numbers_of_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    frontend, waveforms = KaldiFbank(AST_AUDIOSET), noise(1, 960_000).reshape(6, 160_000)
    found = frontend(waveforms)
    assert found.shape == (6, 1, 128, 1024)
    monkeypatch.setattr(filterbank, "BYTES_PER_CHUNK", 1)
    difference = (found - frontend(waveforms)).abs()  # sums and products of other sizes round elsewhere
    assert difference.max() < 5e-3
    assert difference.mean() < 1e-6


def test_an_offset_of_the_recording_has_no_say_and_neither_clip_nor_batch_is_changed() -> None:
    waveforms = noise(1)
    kept = waveforms.clone()
    frontend = KaldiFbank(RAW)
    before = frontend(waveforms)
    assert torch.equal(waveforms, kept)
    assert (frontend(waveforms + 0.25) - before).abs().max() < 1e-2


def test_a_clip_twice_as_loud_has_log_4_more_where_a_band_touches_a_bin() -> None:
    before, after = (KaldiFbank(RAW)(gain * noise(1)) for gain in (1, 2))
    heard = before > -15.9
    assert 0.9 < heard.float().mean() < 1  # the narrowest of 128 bands fall between bins, and stay at the floor
    assert (after - before - heard * torch.tensor(4.0).log()).abs().max() < 1e-3


def test_silence_is_kaldi_s_floor() -> None:
    found = KaldiFbank(RAW)(torch.full((1, 16000), 0.5))
    assert torch.allclose(found, torch.tensor(-15.942385), rtol=0, atol=1e-5)


def test_a_frontend_has_nothing_to_learn_and_nothing_to_store() -> None:
    frontend = KaldiFbank(AST_AUDIOSET)
    assert list(frontend.parameters()) == []
    assert frontend.state_dict() == {}
    assert sum(buffer.numel() for buffer in frontend.buffers()) > 400
