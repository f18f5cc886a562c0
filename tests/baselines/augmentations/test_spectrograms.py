"""Steps on spectrograms against torchaudio and numpy, and their draws against the laws they are said to follow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch
import torchaudio.functional

from baselines.augmentations import CellNoise, FrequencyMask, RollFrames, TimeMask
from baselines.augmentations.spectrograms import mask_frames, mask_frequencies
from tests.baselines.augmentations import batch_of, seeded


def masked(limit: int, length: int, batch: int, along: str) -> np.ndarray:
    """(batch, length): where a clip was masked along frequency or time."""
    if along == "frequency":
        found = mask_frequencies(torch.ones(batch, 1, length, 1), limit, seeded())
    else:
        found = mask_frames(torch.ones(batch, 1, 1, length), limit, seeded())
    places: np.ndarray = (found.flatten(1) == 0).numpy()
    return places


@pytest.mark.parametrize("along", ["frequency", "time"])
@pytest.mark.parametrize(("limit", "length"), [(48, 256), (2, 5), (5, 5), (1, 5), (0, 5), (20, 44)])
def test_a_mask_is_one_stretch_of_at_most_limit_less_one(limit: int, length: int, along: str) -> None:
    places = masked(limit, length, 2000, along)
    assert places.sum(1).max() == max(0, limit - 1)
    edges = np.abs(np.diff(np.pad(places, ((0, 0), (1, 1))).astype(int), axis=1)).sum(1)
    assert set(edges.tolist()) <= {0, 2}


@pytest.mark.parametrize("along", ["frequency", "time"])
def test_widths_and_starts_of_a_mask_are_distributed_as_documented(along: str) -> None:
    """Width: whole part of a number uniform in [0, 48); start: whole part of one uniform in [0, 256 - width)."""
    places = masked(48, 256, 20_000, along)
    widths = places.sum(1)
    assert scipy.stats.chisquare(np.bincount(widths, minlength=48)).pvalue > 0.01
    wide = widths > 0
    starts = places.argmax(1)[wide]
    shares = (starts + 0.5) / (256 - widths[wide] - 0.5)  # the real width lies in [width, width + 1)
    assert scipy.stats.kstest(shares, "uniform").pvalue > 0.01


@pytest.mark.parametrize("axis", [2, 3])
@pytest.mark.parametrize("limit", [1, 7, 30])
def test_a_mask_is_torchaudio_s_from_the_same_draws(axis: int, limit: int) -> None:
    x = torch.randn(200, 1, 32, 40, generator=seeded(2))
    torch.manual_seed(5)
    expected = torchaudio.functional.mask_along_axis_iid(x, limit, -2.5, axis)
    mask = mask_frequencies if axis == 2 else mask_frames
    assert torch.equal(mask(x, limit, seeded(5), -2.5), expected)


@pytest.mark.parametrize("along", ["frequency", "time"])
def test_a_limit_beyond_the_axis_masks_no_more_than_all_of_it(along: str) -> None:
    places = masked(50, 10, 4000, along)
    widths = places.sum(1)
    assert scipy.stats.binomtest(int((widths == 10).sum()), 4000, 0.8).pvalue > 0.01  # 40 of 50 widths
    shorter = np.bincount(widths[widths < 10], minlength=10)
    assert scipy.stats.chisquare(shorter).pvalue > 0.01


@pytest.mark.parametrize("step", [FrequencyMask(limit=20, value=-3), TimeMask(limit=20, value=-3)], ids=["mel", "time"])
def test_a_mask_spans_the_other_axis_and_all_channels_has_its_value_and_changes_nothing_else(
    step: FrequencyMask | TimeMask,
) -> None:
    x = torch.rand(50, 2, 64, 60, generator=seeded()) + 1
    found = step.apply(batch_of(x), seeded()).x
    hit = found == -3
    assert hit.any()
    along = hit[:, :1, :, :1] if step.kind == "frequency_mask" else hit[:, :1, :1]
    assert torch.equal(hit, along.expand_as(hit))
    assert torch.equal(found[~hit], x[~hit])


def test_a_mask_of_no_frequencies_or_frames_is_none() -> None:
    x = torch.ones(9, 1, 6, 7)
    for step in (FrequencyMask(limit=0), TimeMask(limit=0), FrequencyMask(limit=1), TimeMask(limit=1)):
        assert torch.equal(step.apply(batch_of(x), seeded()).x, x)


@pytest.mark.parametrize(("inclusive", "shifts"), [(True, range(-10, 11)), (False, range(-10, 10))])
def test_rolls_of_frames_are_circular_and_each_as_likely(inclusive: bool, shifts: range) -> None:
    x = torch.arange(30.0).expand(8400, 2, 3, 30).clone()
    x[:, 1, 2] += 100
    found = RollFrames(limit=10, inclusive=inclusive).apply(batch_of(x), seeded()).x
    drawn = ((-found[:, 0, 0, 0].long() + 15) % 30 - 15).numpy()
    for row in range(0, 8400, 100):
        assert np.array_equal(found[row].numpy(), np.roll(x[row].numpy(), drawn[row], axis=2))
    counts = np.bincount(drawn + 10)
    assert len(counts) == len(shifts)
    assert scipy.stats.chisquare(counts).pvalue > 0.01


def test_a_roll_further_than_a_clip_is_long_goes_round_more_than_once() -> None:
    x = torch.arange(3.0).expand(4000, 1, 1, 3)
    found = RollFrames(limit=4).apply(batch_of(x), seeded()).x
    counts = torch.bincount(found[:, 0, 0, 0].long(), minlength=3).numpy()
    assert scipy.stats.chisquare(counts, np.array([3, 3, 3]) * 4000 / 9).pvalue > 0.01  # -4 … 4: three of each rest
    assert torch.equal(RollFrames(limit=0).apply(batch_of(x), seeded()).x, x)


def test_noise_of_a_fixed_scale_is_uniform_in_every_cell() -> None:
    x = torch.full((20, 1, 30, 40), 2.0).double()
    noise = (CellNoise(limit=0.05, scale="fixed").apply(batch_of(x), seeded()).x - x).flatten().numpy()
    assert noise.min() >= 0
    assert noise.max() < 0.05
    assert scipy.stats.kstest(noise, scipy.stats.uniform(0, 0.05).cdf).pvalue > 0.01
    assert abs(np.corrcoef(noise[1:], noise[:-1])[0, 1]) < 0.03


def test_noise_of_a_drawn_scale_is_uniform_up_to_a_uniform_scale_of_each_clip() -> None:
    x = torch.zeros(2000, 1, 10, 20).double()
    noise = CellNoise(limit=0.1).apply(batch_of(x), seeded()).x.flatten(1).numpy()
    scales = noise.max(1) * 201 / 200  # of n uniform numbers, the largest is n / (n + 1) of the scale on average
    assert scipy.stats.kstest(scales, scipy.stats.uniform(0, 0.1).cdf).pvalue > 0.01
    within = noise[:200, :100] / (2 * noise[:200].mean(1, keepdims=True))
    assert scipy.stats.kstest(within.flatten(), "uniform").statistic < 0.02


STEPS: dict[str, Any] = {
    "frequency": FrequencyMask(limit=10, value=-1),
    "time": TimeMask(limit=10, value=-1),
    "roll": RollFrames(limit=5),
    "drawn": CellNoise(),
    "fixed": CellNoise(scale="fixed"),
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize("clips", [1, 6])
def test_a_seed_gives_the_same_spectrograms_and_leaves_those_before_alone(step: Any, clips: int) -> None:
    x = torch.randn(clips, 1, 12, 14, generator=seeded())
    kept, batch = x.clone(), batch_of(x)
    torch.manual_seed(1)
    one = step.apply(batch, seeded(3))
    torch.manual_seed(2)  # the global generator has no say
    assert torch.equal(step.apply(batch, seeded(3)).x, one.x)
    assert one.x.shape == x.shape
    assert torch.equal(one.targets, batch.targets)
    assert any(not torch.equal(step.apply(batch, seeded(seed)).x, one.x) for seed in range(4, 12))
    assert torch.equal(x, kept)
