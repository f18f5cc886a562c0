"""FilterAugment against the official numbers and numpy, and its draws against the laws they are said to follow."""

from __future__ import annotations

from collections import Counter
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from safetensors.torch import load_file
from torch import Tensor

from baselines.augmentations import FilterAugment
from baselines.augmentations.filter_augment import band_edges, linear_gains, step_gains
from tests.baselines.augmentations import batch_of, relative, seeded


@pytest.fixture(scope="module")
def golden(shared: Path) -> dict[str, Tensor]:
    return load_file(shared / "golden/augment/filter_augment.safetensors")


@pytest.mark.parametrize("case", ["0", "1", "2"])
def test_linear_filters_are_those_of_the_official_code(golden: dict[str, Tensor], case: str) -> None:
    edges = band_edges(golden[f"in.{case}.raw_boundary_draws"], 6, 256)
    assert edges == golden[f"mid.{case}.boundaries"].tolist()
    decibels = golden[f"in.{case}.uniforms"] * 12 - 6
    assert relative(decibels, golden[f"mid.{case}.factors_db"]) < 1e-6
    factors = linear_gains(decibels, edges)
    assert relative(factors, golden[f"mid.{case}.filter"]) < 1e-6
    assert relative(golden["in.x"] * factors[:, None, :, None], golden[f"out.{case}.y"]) < 1e-6


def test_a_filter_of_steps_is_that_of_the_official_code(golden: dict[str, Tensor]) -> None:
    edges = band_edges(golden["in.step.raw_boundary_draws"], 4, 256)
    factors = step_gains(golden["in.step.uniforms"] * 12 - 6, edges)
    assert relative(golden["in.x"] * factors[:, None, :, None], golden["out.step.y"]) < 1e-6


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 6), st.integers(1, 5), st.integers(0, 20), st.integers(0, 999))
def test_every_band_has_its_least_number_of_rows(bands: int, least: int, spare: int, seed: int) -> None:
    rows = bands * least + spare
    draws = torch.randint(0, spare + 1, (bands - 1,), generator=seeded(seed))
    edges = band_edges(draws, least, rows)
    assert len(edges) == bands + 1
    assert (edges[0], edges[-1]) == (0, rows)
    assert min(np.diff(edges)) >= least


def test_linear_gains_are_numpy_s_in_decibels_both_ends_included() -> None:
    decibels = torch.randn(3, 4, generator=seeded()).double() * 5
    edges = [0, 1, 7, 20]
    points = decibels.numpy()
    bands = [
        np.linspace(points[:, band], points[:, band + 1], edges[band + 1] - edges[band], axis=1) for band in range(3)
    ]
    expected = np.concatenate(bands, axis=1)
    assert relative(20 * linear_gains(decibels, edges).log10(), torch.from_numpy(expected)) < 1e-12


def decibels_of(step: FilterAugment, clips: int, rows: int, seed: int) -> np.ndarray:
    """(clips, rows): what the step did to each row, after a look at whether all its cells got the same."""
    x = torch.rand(clips, 2, rows, 3, generator=seeded(99)).double() + 1
    ratio = step.apply(batch_of(x), seeded(seed)).x / x
    assert torch.allclose(ratio, ratio[:, :1, :, :1].expand_as(ratio), rtol=1e-9)
    decibels: np.ndarray = 20 * np.log10(ratio[:, 0, :, 0].numpy())
    return decibels


def steps_of(decibels: np.ndarray) -> tuple[int, ...]:
    """Where the gains of a clip change."""
    return tuple((np.flatnonzero(np.abs(np.diff(decibels)) > 1e-9) + 1).tolist())


def test_the_number_of_bands_is_uniform_both_ends_included() -> None:
    step = FilterAugment(form="step", least_bands=2, most_bands=4, least_rows=4)
    counts = Counter(len(steps_of(decibels_of(step, 1, 40, seed)[0])) + 1 for seed in range(900))
    assert sorted(counts) == [2, 3, 4]
    assert scipy.stats.chisquare([counts[bands] for bands in (2, 3, 4)]).pvalue > 0.01


def test_edges_are_sorted_uniform_numbers_pushed_apart() -> None:
    """Three bands of two rows and more in ten: two draws of 0 … 4, sorted, with 2 and 4 added."""
    step = FilterAugment(form="step", least_bands=3, most_bands=3, least_rows=2)
    counts = Counter(steps_of(decibels_of(step, 1, 10, seed)[0]) for seed in range(1000))
    law = Counter((min(pair) + 2, max(pair) + 4) for pair in product(range(5), repeat=2))
    assert counts.keys() == law.keys()
    observed, expected = zip(*((counts[edges], law[edges] * 1000 / 25) for edges in law), strict=True)
    assert scipy.stats.chisquare(observed, expected).pvalue > 0.01


def test_edges_are_the_batch_s_and_gains_a_clip_s() -> None:
    found = decibels_of(FilterAugment(form="step", least_bands=4, most_bands=4), 8, 64, 1)
    assert len({steps_of(clip) for clip in found}) == 1
    assert len(np.unique(found.round(9))) == 8 * 4


@pytest.mark.parametrize("form", ["linear", "step"])
def test_gains_are_uniform_in_decibels(form: str) -> None:
    step = FilterAugment.model_validate({"form": form, "decibels": 6})
    found = decibels_of(step, 3000, 64, 1)
    assert np.abs(found).max() <= 6
    for row in (0, -1):  # the ends of a linear filter, the outer bands of one of steps
        assert scipy.stats.kstest(found[:, row], scipy.stats.uniform(-6, 12).cdf).pvalue > 0.01
    assert abs(np.corrcoef(found[:, 0], found[:, -1])[0, 1]) < 0.06


def test_linear_gains_bend_at_the_edges_and_nowhere_else() -> None:
    found = decibels_of(FilterAugment(least_bands=3, most_bands=3), 5, 60, 3)
    bends = np.abs(np.diff(found, n=2)).max(0) > 1e-4
    flat = np.flatnonzero(np.abs(np.diff(found)).max(0) < 1e-9)  # the rows on both sides of an edge
    assert len(flat) == 2
    assert set(np.flatnonzero(bends)) == {place for edge in flat for place in (edge - 1, edge)}
    assert min(np.diff([-1, *flat, 59])) >= 6


def test_a_batch_is_filtered_with_the_probability() -> None:
    step = FilterAugment(probability=0.3)
    changed = sum(bool(decibels_of(step, 1, 20, seed).any()) for seed in range(600))
    assert scipy.stats.binomtest(changed, 600, 0.3).pvalue > 0.01


@pytest.mark.parametrize("rows", [1, 2, 4, 7, 17, 29])
def test_narrow_spectrograms_have_narrower_bands(rows: int) -> None:
    for seed in range(20):
        found = decibels_of(FilterAugment(form="step"), 1, rows, seed)[0]
        assert np.isfinite(found).all()
        bands = len(steps_of(found)) + 1
        assert min(3, rows) <= bands <= min(5, rows)


def test_fewer_most_bands_than_least_are_refused() -> None:
    with pytest.raises(ValidationError, match="most_bands is smaller than least_bands"):
        FilterAugment(least_bands=4, most_bands=3)


def test_no_decibels_are_no_filter() -> None:
    x = torch.randn(3, 1, 32, 4, generator=seeded())
    assert torch.equal(FilterAugment(decibels=0).apply(batch_of(x), seeded()).x, x)


@pytest.mark.parametrize("form", ["linear", "step"])
@pytest.mark.parametrize("clips", [1, 5])
def test_a_seed_gives_the_same_filter_and_leaves_the_spectrograms_alone(form: str, clips: int) -> None:
    step = FilterAugment.model_validate({"form": form})
    x = torch.randn(clips, 1, 64, 4, generator=seeded())
    kept, batch = x.clone(), batch_of(x)
    torch.manual_seed(1)
    one = step.apply(batch, seeded(3)).x
    torch.manual_seed(2)  # the global generator has no say
    assert torch.equal(step.apply(batch, seeded(3)).x, one)
    assert not torch.equal(step.apply(batch, seeded(4)).x, one)
    assert torch.equal(x, kept)
