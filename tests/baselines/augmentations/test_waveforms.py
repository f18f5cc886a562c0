"""Steps on waveforms against numpy, and their draws against the laws they are said to follow."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from baselines.augmentations import Gain, Noise, Roll, Shift
from baselines.augmentations.waveforms import roll_waveforms, rolled, rolled_at_once, shifted
from tests.baselines.augmentations import batch_of, seeded


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 6), st.integers(1, 40), st.integers(0, 60), st.integers(0, 99))
def test_a_roll_is_a_circular_shift_within_its_limit(batch: int, samples: int, limit: int, seed: int) -> None:
    waveforms = torch.arange(batch * samples, dtype=torch.float32).reshape(batch, samples)
    found = roll_waveforms(waveforms, limit, seeded(seed))
    within = range(-limit, limit + 1)
    for before, after in zip(waveforms, found, strict=True):
        assert any(torch.equal(after, before.roll(shift)) for shift in within)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 30), st.lists(st.integers(-70, 70), min_size=1, max_size=5))
def test_both_ways_to_roll_are_numpy_s(samples: int, shifts: list[int]) -> None:
    waveforms = torch.randn(len(shifts), samples, generator=seeded())
    expected = np.stack([np.roll(clip, shift) for clip, shift in zip(waveforms.numpy(), shifts, strict=True)])
    for way in (rolled, rolled_at_once):
        assert np.array_equal(way(waveforms, torch.tensor(shifts)).numpy(), expected)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 20), st.lists(st.integers(-30, 30), min_size=1, max_size=5))
def test_a_shift_moves_a_clip_and_leaves_silence(samples: int, shifts: list[int]) -> None:
    waveforms = torch.randn(len(shifts), samples, generator=seeded())
    expected = np.zeros((len(shifts), samples), dtype=np.float32)
    for row, shift in enumerate(shifts):
        for place in range(samples):
            if 0 <= place - shift < samples:
                expected[row, place] = waveforms[row, place - shift]
    assert np.array_equal(shifted(waveforms, torch.tensor(shifts)).numpy(), expected)


def first_samples(step: Roll | Shift, clips: int) -> Tensor:
    """What stands at the middle of clips that count up from -50 to 49, so minus the shift of each."""
    x = torch.arange(-50.0, 50.0).repeat(clips, 1)
    return step.apply(batch_of(x, sample_rate=100), seeded()).x[:, 50]


@pytest.mark.parametrize("step", [Roll(seconds=0.03), Shift(seconds=0.03)], ids=["roll", "shift"])
def test_every_shift_is_as_likely_as_any_other_both_ends_included(step: Roll | Shift) -> None:
    shifts = -first_samples(step, 7000).long()
    counts = torch.bincount(shifts + 3, minlength=7)
    assert len(counts) == 7
    assert scipy.stats.chisquare(counts.numpy()).pvalue > 0.01


@pytest.mark.parametrize(
    ("seconds", "sample_rate", "limit"),
    [(0.125, 32000, 4000), (10000 / 32000, 32000, 10000), (0.1, 44100, 4410), (0.0, 44100, 0)],
    ids=["CP-Mobile 2023", "PaSST 2023", "2024", "none"],
)
def test_a_roll_reaches_as_far_as_the_papers_do(seconds: float, sample_rate: int, limit: int) -> None:
    x = torch.arange(25_000.0).repeat(400, 1)
    found = Roll(seconds=seconds).apply(batch_of(x, sample_rate=sample_rate), seeded()).x[:, 12_500].long() - 12_500
    assert found.abs().max() <= limit
    assert found.abs().max() >= 0.98 * limit  # 400 draws all further in: 0.98 ** 400, 0.03 %
    assert torch.equal(found, roll_waveforms(x, limit, seeded())[:, 12_500].long() - 12_500)


def test_no_limit_is_no_shift_and_the_input_is_left_alone() -> None:
    waveforms = torch.randn(3, 10, generator=seeded())
    kept = waveforms.clone()
    assert torch.equal(roll_waveforms(waveforms, 0, seeded()), waveforms)
    assert torch.equal(Shift(seconds=0).apply(batch_of(waveforms), seeded()).x, waveforms)
    roll_waveforms(waveforms, 5, seeded())
    assert torch.equal(waveforms, kept)


def gains(step: Gain, clips: int) -> np.ndarray:
    """Decibels of each clip, the same for all its samples."""
    x = torch.randn(clips, 5, generator=seeded(9)) + 10
    ratio = (step.apply(batch_of(x), seeded()).x / x).double()
    assert torch.allclose(ratio, ratio[:, :1].expand_as(ratio), rtol=1e-6)
    decibels: np.ndarray = 20 * np.log10(ratio[:, 0].numpy())
    return decibels


def test_gains_are_uniform_in_decibels() -> None:
    decibels = gains(Gain(decibels=7), 5000)
    assert scipy.stats.kstest(decibels, scipy.stats.uniform(-7, 14).cdf).pvalue > 0.01


def changed_clips(step: Gain | Shift | Noise, clips: int) -> int:
    x = torch.randn(clips, 50, generator=seeded(9))
    found = step.apply(batch_of(x), seeded()).x
    return int((found != x).any(1).sum())


@pytest.mark.parametrize(
    "step",
    [
        Gain(decibels=7, probability=0.3),
        Noise(probability=0.3),
        Shift(seconds=100.0, probability=0.3),  # hardly ever by nothing
    ],
    ids=["gain", "noise", "shift"],
)
def test_a_clip_is_changed_with_the_probability(step: Gain | Shift | Noise) -> None:
    assert scipy.stats.binomtest(changed_clips(step, 4000), 4000, 0.3).pvalue > 0.01
    assert changed_clips(step.model_copy(update={"probability": 0.0}), 100) == 0
    assert changed_clips(step.model_copy(update={"probability": 1.0}), 100) == 100


def noise_on(x: Tensor, step: Noise) -> Tensor:
    return (step.apply(batch_of(x), seeded()).x - x).double()


def test_the_ratio_of_signal_to_noise_is_uniform_in_decibels() -> None:
    x = torch.randn(400, 8000, generator=seeded(4)) * torch.logspace(-2, 1, 400)[:, None]  # of very different loudness
    noise = noise_on(x, Noise(least_decibels=10, most_decibels=40, probability=1))
    decibels = 10 * torch.log10(x.double().square().mean(1) / noise.square().mean(1)).numpy()
    assert decibels.min() > 9.5
    assert decibels.max() < 40.5
    assert scipy.stats.kstest(decibels, scipy.stats.uniform(10, 30).cdf).pvalue > 0.01


def test_noise_is_white_gaussian_and_another_one_for_each_clip() -> None:
    noise = noise_on(torch.ones(3, 20_000), Noise(least_decibels=0, most_decibels=0, probability=1))
    for clip in noise.numpy():
        assert scipy.stats.kstest(clip, scipy.stats.norm.cdf).pvalue > 0.01  # 0 dB beside ones: a variance of one
        assert abs(np.corrcoef(clip[1:], clip[:-1])[0, 1]) < 0.03
    assert np.abs(np.corrcoef(noise.numpy()) - np.eye(3)).max() < 0.03


def test_silence_stays_silent_under_noise() -> None:
    found = Noise(probability=1).apply(batch_of(torch.zeros(2, 100)), seeded()).x
    assert torch.equal(found, torch.zeros(2, 100))


@pytest.mark.parametrize(
    "draw",
    [
        lambda x, generator: Roll(seconds=0.009).apply(batch_of(x), generator).x,
        lambda x, generator: Shift(seconds=0.009, probability=0.7).apply(batch_of(x), generator).x,
        lambda x, generator: Gain(decibels=7, probability=0.7).apply(batch_of(x), generator).x,
        lambda x, generator: Noise(probability=0.7).apply(batch_of(x), generator).x,
    ],
    ids=["roll", "shift", "gain", "noise"],
)
@pytest.mark.parametrize("clips", [1, 6])
def test_a_seed_gives_the_same_waveforms_and_leaves_those_before_alone(
    draw: Callable[[Tensor, torch.Generator], Tensor], clips: int
) -> None:
    x = torch.randn(clips, 20, generator=seeded())
    kept = x.clone()
    torch.manual_seed(1)
    one = draw(x, seeded(3))
    torch.manual_seed(2)  # the global generator has no say
    assert torch.equal(draw(x, seeded(3)), one)
    assert one.shape == x.shape
    assert any(not torch.equal(draw(x, seeded(seed)), one) for seed in range(4, 12))
    assert torch.equal(x, kept)
