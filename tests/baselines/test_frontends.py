"""Log-mel frontends against torchaudio, the official code's numbers and a dense computation of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import torch
import torchaudio
from safetensors.torch import load_file
from torch import Tensor

from baselines import frontends
from baselines.frontends import (
    CP_MOBILE_2023,
    CP_RESNET_2023,
    CP_RESNET_2024,
    CP_RESNET_2024_TEXT,
    DCASE_2022,
    DCASE_2024,
    PASST_2023,
    PASST_2024,
    PASST_AUDIOSET,
    BandedFilterbank,
    LogMel,
    MelSettings,
    MelSpectrogram,
    filterbank,
    mel_filterbank,
)
from baselines.frontends.mel import Edges
from harness.outcomes import Mistake

PRESETS = {
    "CP_MOBILE_2023": CP_MOBILE_2023,
    "CP_RESNET_2023": CP_RESNET_2023,
    "PASST_2023": PASST_2023,
    "PASST_AUDIOSET": PASST_AUDIOSET,
    "DCASE_2022": DCASE_2022,
    "DCASE_2024": DCASE_2024,
    "CP_RESNET_2024": CP_RESNET_2024,
    "CP_RESNET_2024_TEXT": CP_RESNET_2024_TEXT,
    "PASST_2024": PASST_2024,
}

OF_2023 = {
    "cpm23": CP_MOBILE_2023,
    "cpr23": CP_RESNET_2023,
    "passt23": PASST_2023,
    "passt_hear_effat": PASST_AUDIOSET,
}

OF_2024 = {"logmel": DCASE_2024, "logmel_cpr24": CP_RESNET_2024, "logmel_passt24": PASST_2024}

Tensors = dict[str, Tensor]


def noise(clips: int = 3, samples: int = 32000) -> Tensor:
    """Clips of noise, each ten times as quiet as the one before."""
    waveforms = torch.randn(clips, samples, generator=torch.Generator().manual_seed(0)).clamp(-4, 4) / 4
    return waveforms * 10.0 ** -torch.arange(clips)[:, None]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def torchaudio_mel(settings: MelSettings) -> torchaudio.transforms.MelSpectrogram:
    return torchaudio.transforms.MelSpectrogram(
        sample_rate=settings.sample_rate,
        n_fft=settings.n_fft,
        win_length=settings.win_length,
        hop_length=settings.hop_length,
        n_mels=settings.n_mels,
        f_min=settings.f_min,
        f_max=settings.f_max,
    )


def dense_bank(settings: MelSettings, edges: Edges) -> np.ndarray:
    """Triangles (bins, bands) at double precision: linear in mel for "kaldi", in Hz otherwise (facts, section 7)."""
    hz = np.arange(settings.n_fft // 2 + 1) * settings.sample_rate / settings.n_fft
    if settings.scale == "htk":
        to_mel: Callable[[np.ndarray], np.ndarray] = lambda f: 2595 * np.log10(1 + f / 700)  # noqa: E731
        corners = 700 * (10 ** (np.linspace(*to_mel(np.array(edges)), settings.n_mels + 2) / 2595) - 1)
        axis = hz
    elif settings.scale == "slaney":  # 15 mel a kilohertz up to 1 kHz, then 27 mel a factor of 6.4
        assert edges[0] < 1000 < edges[1]
        mels = np.linspace(edges[0] * 0.015, 15 + 27 * np.log(edges[1] / 1000) / np.log(6.4), settings.n_mels + 2)
        corners = np.where(mels < 15, mels / 0.015, 1000 * 6.4 ** ((mels - 15) / 27))
        axis = hz
    else:
        axis, (low, high) = 1127 * np.log(1 + hz / 700), 1127 * np.log(1 + np.array(edges) / 700)
        corners = np.linspace(low, high, settings.n_mels + 2)
    left, peak, right = corners[:-2], corners[1:-1], corners[2:]
    rising, falling = (axis[:, None] - left) / (peak - left), (right - axis[:, None]) / (right - peak)
    bank: np.ndarray = np.maximum(0, np.minimum(rising, falling))
    if settings.scale == "kaldi":
        bank[-1] = 0
    return bank


def dense_log_mel(settings: MelSettings, waveforms: Tensor, edges: Edges) -> np.ndarray:
    """The frontend written out with numpy at double precision, one frame at a time."""
    x = waveforms.double().numpy()
    if settings.preemphasis is not None:
        x = x[:, 1:] - settings.preemphasis * x[:, :-1]
    window = np.zeros(settings.n_fft)
    start = (settings.n_fft - settings.win_length) // 2
    span = settings.win_length - (0 if settings.periodic_window else 1)
    least = {"hann": 0.0, "hamming": 0.08}[settings.window]
    hann = np.sin(np.pi * np.arange(settings.win_length) / span) ** 2
    window[start : start + settings.win_length] = least + (1 - least) * hann
    padded = np.pad(x, ((0, 0), (settings.n_fft // 2, settings.n_fft // 2)), mode="reflect")
    places = range(0, x.shape[1] + 1, settings.hop_length)
    frames = np.stack([padded[:, at : at + settings.n_fft] * window for at in places], axis=1)
    mel = np.abs(np.fft.rfft(frames)) ** settings.power @ dense_bank(settings, edges)
    log: np.ndarray = (np.log(mel + settings.offset) + settings.shift) * settings.gain
    if settings.peak:
        log /= np.maximum(1, np.abs(log).max((1, 2), keepdims=True))
    return log.transpose(0, 2, 1)


@pytest.fixture(scope="module")
def released(shared: Path) -> Tensors:
    return load_file(shared / "golden/cp_mobile_2023_ckpt_c0a7nzin/ckpt.safetensors")


@pytest.fixture(scope="module")
def of_2024(shared: Path) -> Tensors:
    return load_file(shared / "golden/frontend/torchaudio_logmel_2024.safetensors")


@pytest.fixture(scope="module")
def of_2023(shared: Path) -> Tensors:
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
    mel = torchaudio_mel(settings).double()(waveforms.double())
    frontend = LogMel(settings)
    found = frontend.mel(waveforms)
    assert found.shape == (3, 1, settings.n_mels, 1 + settings.sample_rate // settings.hop_length)
    assert ((found.squeeze(1) - mel).abs().amax((1, 2)) / mel.amax((1, 2))).max() < 1e-5
    assert (frontend(waveforms).squeeze(1) - (mel + 1e-5).log()).abs().max() < 1e-3


@pytest.mark.parametrize("name", OF_2024)
def test_frontends_of_2024_give_the_golden_numbers(of_2024: Tensors, name: str) -> None:
    """Torchaudio's own run at double precision is up to 1.3e-3 from the stored float32 values."""
    found = LogMel(OF_2024[name])(of_2024["mid.wave32k"]).squeeze(1)
    expected = of_2024[f"out.{name}"]
    assert found.shape == expected.shape
    assert (found - expected).abs().max() < 2e-3
    assert (found - expected).abs().mean() < 1e-4


@pytest.mark.parametrize("name", OF_2024)
def test_frontends_of_2024_give_torchaudio_s_numbers_on_the_golden_clips(of_2024: Tensors, name: str) -> None:
    """Tones leave bands almost empty: there the same precision is compared, not the same run."""
    waveforms, frontend = of_2024["mid.wave32k"], LogMel(OF_2024[name])
    expected = (torchaudio_mel(OF_2024[name])(waveforms) + 1e-5).log()
    assert (frontend(waveforms).squeeze(1) - expected).abs().max() < 1e-3
    exact = (torchaudio_mel(OF_2024[name]).double()(waveforms.double()) + 1e-5).log()
    assert (frontend.double()(waveforms.double()).squeeze(1) - exact).abs().max() < 1e-9


@pytest.mark.parametrize("name", PRESETS)
def test_no_band_of_a_preset_is_empty(name: str) -> None:
    assert (mel_filterbank(PRESETS[name]).sum(0) > 0).all()


def test_features_of_2022_are_relative_to_the_largest_value_of_their_own_clip() -> None:
    waveforms, frontend = noise(3, 44100), LogMel(DCASE_2022)
    found = frontend(waveforms)
    assert found.abs().amax((1, 2, 3)).tolist() == [1.0, 1.0, 1.0]
    assert torch.allclose(found[1:2], frontend(waveforms[1:2]), atol=1e-6)
    raw = LogMel(replace(DCASE_2022, peak=False))(waveforms)
    assert torch.allclose(found[2], raw[2] / raw[2].abs().max(), atol=1e-6)
    assert frontend(torch.zeros(1, 44100)).isfinite().all()


def test_filters_and_window_of_2024_are_the_golden_ones(of_2024: Tensors) -> None:
    assert torch.allclose(mel_filterbank(DCASE_2024).T, of_2024["filterbank"], rtol=0, atol=1e-6)
    window = MelSpectrogram(DCASE_2024).get_buffer("window")
    assert torch.allclose(window, of_2024["window"], rtol=0, atol=1e-6)


def test_the_frontend_of_2023_gives_the_golden_numbers(released: Tensors) -> None:
    found = LogMel(CP_MOBILE_2023)(released["in.wave32k"])
    assert found.shape == (4, 1, 256, 64)
    assert (found.squeeze(1) - released["mid.mel"]).abs().max() < 1e-3


@pytest.mark.parametrize("name", OF_2023)
def test_frontends_of_2023_agree_with_a_second_source(of_2023: Tensors, name: str) -> None:
    found = LogMel(OF_2023[name])(of_2023["in.wave32k"]).squeeze(1)
    assert found.shape == of_2023[f"out.{name}"].shape
    assert (found - of_2023[f"out.{name}"]).abs().max() < 1e-3


@pytest.mark.parametrize("name", ["cpm23", "passt23", "passt_hear_effat"])
def test_filters_and_windows_of_2023_are_the_golden_ones(of_2023: Tensors, name: str) -> None:
    bank = mel_filterbank(OF_2023[name]).T
    assert torch.allclose(bank, of_2023[f"filterbank.{name}"], rtol=0, atol=1e-4)
    window = MelSpectrogram(OF_2023[name]).get_buffer("window")
    assert torch.allclose(window, of_2023[f"window.{name}"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_gives_the_numbers_of_its_formula_written_out(name: str) -> None:
    settings, waveforms = PRESETS[name], noise(2)
    expected = dense_log_mel(settings, waveforms, settings.edges)
    found = LogMel(settings)(waveforms).squeeze(1).numpy()
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-3


@pytest.mark.parametrize(
    ("name", "frames"),
    [
        ("CP_MOBILE_2023", 64),
        ("CP_RESNET_2023", 43),
        ("PASST_2023", 100),
        ("PASST_AUDIOSET", 100),
        ("DCASE_2022", 51),
        ("DCASE_2024", 65),
        ("CP_RESNET_2024", 43),
        ("CP_RESNET_2024_TEXT", 112),
        ("PASST_2024", 101),
    ],
)
def test_a_second_has_the_frames_of_the_fact_sheet(name: str, frames: int) -> None:
    settings = PRESETS[name]
    assert LogMel(settings)(noise(1, settings.sample_rate)).shape == (1, 1, settings.n_mels, frames)


@pytest.mark.parametrize("settings", [DCASE_2024, CP_MOBILE_2023, PASST_AUDIOSET])
@pytest.mark.parametrize("samples", [16000, 31999, 32001, 33000])
def test_frames_follow_from_samples_and_pre_emphasis_costs_one_sample(settings: MelSettings, samples: int) -> None:
    used = samples - (settings.preemphasis is not None)
    found = LogMel(settings)(noise(1, samples))
    assert found.shape == (1, 1, settings.n_mels, 1 + used // settings.hop_length)


def test_ten_seconds_have_a_thousand_frames_for_passt_of_which_it_takes_998() -> None:
    assert LogMel(PASST_AUDIOSET)(noise(1, 320_000)).shape == (1, 1, 128, 1000)


@pytest.mark.parametrize(
    ("settings", "low", "high"),
    [
        (CP_MOBILE_2023, (0, 0), (15001, 16000)),
        (CP_RESNET_2023, (0, 0), (15001, 16000)),
        (PASST_2023, (0, 0), (15001, 16000)),
        (PASST_AUDIOSET, (0, 9), (14001, 16000)),
        (replace(CP_MOBILE_2023, f_min=50.0, f_min_jitter=3, f_max=8000.0, f_max_jitter=5), (50, 52), (7998, 8002)),
    ],
    ids=["cp_mobile", "cp_resnet", "passt", "passt_audioset", "odd"],
)
def test_edges_are_drawn_from_their_whole_range_and_each_is_as_likely(
    settings: MelSettings, low: tuple[int, int], high: tuple[int, int]
) -> None:
    """fmin + U{0 .. J - 1} and fmax + K // 2 - U{0 .. K - 1} (fact sheet, section 7)."""
    generator = seeded()
    draws = np.array([settings.draw_edges(generator) for _ in range(20_000)])
    assert (draws == np.round(draws)).all()
    for found, (least, most) in zip(draws.T.astype(int), (low, high), strict=True):
        assert (found.min(), found.max()) == (least, most)
        counts = np.bincount(found - least, minlength=most - least + 1)
        if most > least:
            assert scipy.stats.chisquare(counts).pvalue > 0.01


@pytest.mark.parametrize("settings", list(OF_2024.values()))
def test_frontends_of_2024_have_no_jitter(settings: MelSettings) -> None:
    generator = seeded()
    assert {settings.draw_edges(generator) for _ in range(50)} == {(0.0, 16000.0)}


def test_edges_follow_the_given_generator_and_no_other() -> None:
    def drawn(seed: int) -> list[Edges]:
        generator = seeded(seed)
        return [PASST_AUDIOSET.draw_edges(generator) for _ in range(20)]

    torch.manual_seed(1)
    one = drawn(3)
    torch.manual_seed(2)  # the global generator has no say
    assert drawn(3) == one
    assert drawn(4) != one
    assert len(set(one)) > 10


@pytest.mark.parametrize(
    ("settings", "edges"),
    [
        (CP_MOBILE_2023, (0.0, 15001.0)),
        (CP_MOBILE_2023, (0.0, 16000.0)),
        (PASST_AUDIOSET, (9.0, 14001.0)),
        (PASST_2024, (100.0, 12000.0)),
    ],
)
def test_other_edges_give_the_features_of_a_bank_between_them(settings: MelSettings, edges: Edges) -> None:
    waveforms, frontend = noise(2, 16000), LogMel(settings)
    found = frontend(waveforms, edges).squeeze(1).numpy()
    assert np.abs(found - dense_log_mel(settings, waveforms, edges)).max() < 1e-3
    assert np.abs(found - frontend(waveforms).squeeze(1).numpy()).max() > 0.1
    assert torch.equal(frontend(waveforms, settings.edges), frontend(waveforms))


def test_edges_of_one_batch_are_forgotten_after_it() -> None:
    frontend, waveforms = LogMel(PASST_2023), noise(2)
    before = frontend(waveforms)
    frontend(waveforms, (0.0, 15001.0))
    assert torch.equal(frontend(waveforms), before)


def test_other_edges_work_at_double_precision() -> None:
    waveforms = noise(1, 16000)
    found = LogMel(CP_MOBILE_2023).double()(waveforms.double(), (0.0, 15001.0)).squeeze(1).numpy()
    assert np.abs(found - dense_log_mel(CP_MOBILE_2023, waveforms, (0.0, 15001.0))).max() < 1e-3


def test_edges_around_an_open_upper_edge_stay_below_half_the_rate() -> None:
    """CP-JKU: without `f_max`, the middle is half the rate less half the jitter."""
    settings, generator = replace(CP_MOBILE_2023, f_max=None), seeded()
    draws = {settings.draw_edges(generator)[1] for _ in range(20_000)}
    assert (min(draws), max(draws)) == (15001, 16000)


def test_a_clip_that_cannot_be_reflected_is_a_mistake() -> None:
    LogMel(DCASE_2024)(noise(1, 2049))
    with pytest.raises(Mistake, match="2048 samples are too short"):
        LogMel(DCASE_2024)(noise(1, 2048))


@pytest.mark.parametrize("settings", [DCASE_2024, CP_MOBILE_2023])
def test_autocast_leaves_the_log_mel_at_full_precision(settings: MelSettings) -> None:
    frontend, waveforms = LogMel(settings), noise(2, 16000)
    with torch.autocast("cpu", torch.bfloat16):
        found = frontend(waveforms)
    assert torch.equal(found, frontend(waveforms))


@pytest.mark.parametrize("settings", [DCASE_2024, CP_MOBILE_2023])
@pytest.mark.parametrize("bands_per_group", [1, 7, 32, 256, 1000])
def test_the_banded_product_is_the_dense_product(settings: MelSettings, bands_per_group: int) -> None:
    bank = mel_filterbank(settings)
    power = noise(6, 2049).square()
    found, dense = BandedFilterbank(bank, bands_per_group)(power), power.double() @ bank.double()
    assert found.shape == (6, 256)
    assert ((found - dense).abs() <= 1e-5 * dense.abs() + 1e-12).all()


def test_the_banded_product_leaves_out_most_of_the_dense_one() -> None:
    bank = BandedFilterbank(mel_filterbank(DCASE_2024))
    assert sum(buffer.numel() for buffer in bank.buffers()) < 2049 * 256 / 7


def test_a_band_that_touches_no_bin_is_zero() -> None:
    """Of 64 bands over 33 bins the narrow low ones fall between bins."""
    bank = torch.zeros(33, 64)
    bank[20, 40] = 0.5
    found = BandedFilterbank(bank, bands_per_group=8)(torch.ones(2, 33))
    assert found[:, 40].tolist() == [0.5, 0.5]
    assert found.count_nonzero() == 2


@pytest.mark.parametrize("name", PRESETS)
def test_a_frontend_has_nothing_to_learn_and_nothing_to_store(name: str) -> None:
    frontend = LogMel(PRESETS[name])
    assert list(frontend.parameters()) == []
    assert frontend.state_dict() == {}


@pytest.mark.parametrize(
    ("batch", "size", "pieces"), [(0, 1, 1), (1, 1, 1), (7, 7, 1), (8, 7, 2), (14, 7, 2), (15, 7, 3), (3, 0, 3)]
)
def test_waveforms_are_cut_into_the_fewest_pieces_that_fit(batch: int, size: int, pieces: int) -> None:
    """`size` clips fit into a chunk; one does not, and goes alone, where a clip is larger than a chunk."""
    bytes_per_clip = filterbank.BYTES_PER_CHUNK // size if size else filterbank.BYTES_PER_CHUNK + 1
    waveforms = torch.arange(batch * 4.0).reshape(batch, 4)
    found = filterbank.chunks(waveforms, bytes_per_clip)
    assert len(found) == pieces
    assert all(len(piece) <= max(1, size) for piece in found)
    assert torch.equal(torch.cat(found), waveforms)


def test_clips_on_an_accelerator_stay_together() -> None:
    waveforms = torch.empty(100, 32000, device="meta")
    assert filterbank.chunks(waveforms, filterbank.BYTES_PER_CHUNK) == (waveforms,)


@pytest.mark.parametrize("settings", [DCASE_2024, CP_MOBILE_2023, PASST_2023], ids=["2024", "2023", "passt"])
@pytest.mark.parametrize("beyond", [-1, 0, 1])
def test_chunks_do_not_change_the_numbers(settings: MelSettings, beyond: int, monkeypatch: pytest.MonkeyPatch) -> None:
    frontend, used = LogMel(settings), 16000 - (settings.preemphasis is not None)
    frames = 1 + used // settings.hop_length
    size = filterbank.BYTES_PER_CHUNK // (8 * frames * (settings.n_fft // 2 + 1))
    assert size > 1
    waveforms = noise(1, 16000 * (size + beyond)).reshape(-1, 16000)
    cut = frontend(waveforms)
    monkeypatch.setattr(filterbank, "BYTES_PER_CHUNK", 2**40)
    whole = frontend(waveforms)
    monkeypatch.setattr(filterbank, "BYTES_PER_CHUNK", 1)
    alone = frontend(waveforms)
    assert torch.allclose(cut, whole, rtol=0, atol=1e-5)
    assert torch.allclose(alone, whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize("settings", [DCASE_2024, CP_MOBILE_2023], ids=["2024", "2023"])
def test_ten_seconds_go_clip_by_clip_and_give_the_same_numbers(
    settings: MelSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    frontend, waveforms = LogMel(settings), noise(2, 320_000)
    found = frontend(waveforms)
    assert found.shape[3] == 640 + (settings.preemphasis is None)
    monkeypatch.setattr(filterbank, "BYTES_PER_CHUNK", 2**40)
    assert torch.allclose(found, frontend(waveforms), rtol=0, atol=1e-5)


def test_a_clip_has_the_same_features_alone_and_in_a_batch_of_several_chunks() -> None:
    frontend, waveforms = LogMel(DCASE_2024), noise(17)
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


def test_every_exported_preset_is_tested_here() -> None:
    exported = {name for name in frontends.__all__ if isinstance(getattr(frontends, name), MelSettings)}
    assert exported == set(PRESETS)
