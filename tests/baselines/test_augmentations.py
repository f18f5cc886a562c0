"""Augmentations against golden numbers, their documented distributions, and the generator they draw from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import Tensor

from baselines import augmentations


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def relative(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).abs().max() / expected.abs().max())


@pytest.fixture(scope="module")
def golden(shared: Path) -> dict[str, Tensor]:
    return load_file(shared / "golden/augment/freq_mixstyle.safetensors")


@pytest.mark.parametrize(
    ("x", "y"), [("in.x", "out.y"), ("in.x_2ch", "out.y_2ch"), ("in.x_const_sample0", "out.y_const_sample0")]
)
def test_mixed_statistics_are_those_of_the_official_code(golden: dict[str, Tensor], x: str, y: str) -> None:
    found = augmentations.mix_statistics(golden[x], golden["in.lam"], golden["in.perm"])
    assert relative(found, golden[y]) < 1e-5


def test_mixed_statistics_at_double_precision_are_those_of_the_official_code(golden: dict[str, Tensor]) -> None:
    found = augmentations.mix_statistics(golden["in.x"].double(), golden["in.lam"], golden["in.perm"])
    assert relative(found, golden["out.y_f64"]) < 1e-7


def test_a_share_of_one_leaves_a_clip_as_it_was_and_of_zero_gives_it_its_partner_s_statistics() -> None:
    x = torch.randn(4, 1, 8, 50, generator=seeded()) * torch.arange(1, 5)[:, None, None, None]
    partner = torch.tensor([1, 2, 3, 0])
    assert torch.allclose(augmentations.mix_statistics(x, torch.ones(4), partner), x, atol=1e-5)
    other = augmentations.mix_statistics(x, torch.zeros(4), partner)
    assert torch.allclose(other.mean(3), x[partner].mean(3), atol=1e-4)
    assert torch.allclose(other.std(3), x[partner].std(3), rtol=1e-3)


def test_mixing_draws_its_shares_from_beta_and_its_partners_from_a_permutation() -> None:
    x = torch.randn(6, 1, 8, 20, generator=seeded(5))
    generator = seeded(1)
    share, partner = augmentations.beta(0.3, 6, generator), torch.randperm(6, generator=generator)
    expected = augmentations.mix_statistics(x, share, partner)
    assert torch.equal(augmentations.freq_mixstyle(x, 0.3, seeded(1)), expected)


def test_nothing_is_differentiated_through_the_statistics() -> None:
    x = torch.randn(2, 1, 4, 10, generator=seeded(), requires_grad=True)
    augmentations.mix_statistics(x, torch.tensor([0.5, 0.5]), torch.tensor([1, 0])).sum().backward()
    assert x.grad is not None
    assert torch.allclose(x.grad, x.grad[:, :, :, :1].expand_as(x), atol=1e-6)  # the gain of a row, and no more


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 6), st.integers(1, 40), st.integers(0, 60), st.integers(0, 99))
def test_a_roll_is_a_circular_shift_within_its_limit(batch: int, samples: int, limit: int, seed: int) -> None:
    waveforms = torch.arange(batch * samples, dtype=torch.float32).reshape(batch, samples)
    rolled = augmentations.roll_waveforms(waveforms, limit, seeded(seed))
    within = range(-limit, limit + 1)
    for before, after in zip(waveforms, rolled, strict=True):
        assert any(torch.equal(after, before.roll(shift)) for shift in within)


def test_every_shift_is_as_likely_as_any_other() -> None:
    clips = torch.arange(100.0).repeat(7000, 1)
    firsts = augmentations.roll_waveforms(clips, 3, seeded())[:, 0].long()
    shifts = -torch.where(firsts > 50, firsts - 100, firsts)
    counts = torch.bincount(shifts + 3, minlength=7)
    assert len(counts) == 7
    assert scipy.stats.chisquare(counts.numpy()).pvalue > 0.01


def test_no_limit_is_no_shift_and_the_input_is_left_alone() -> None:
    waveforms = torch.randn(3, 10, generator=seeded())
    kept = waveforms.clone()
    assert torch.equal(augmentations.roll_waveforms(waveforms, 0, seeded()), waveforms)
    augmentations.roll_waveforms(waveforms, 5, seeded())
    assert torch.equal(waveforms, kept)


def masked_rows(limit: int, n_mels: int = 256, batch: int = 20_000) -> np.ndarray:
    """(batch, n_mels): where a clip was masked."""
    mel = augmentations.mask_frequencies(torch.ones(batch, 1, n_mels, 1), limit, seeded())
    rows: np.ndarray = (mel[:, 0, :, 0] == 0).numpy()
    return rows


@pytest.mark.parametrize(("limit", "n_mels"), [(48, 256), (2, 5), (5, 5), (1, 5), (0, 5)])
def test_a_mask_is_one_band_of_at_most_limit_less_one_rows(limit: int, n_mels: int) -> None:
    rows = masked_rows(limit, n_mels, 2000)
    widths = rows.sum(1)
    assert widths.max() == max(0, limit - 1)
    edges = np.abs(np.diff(np.pad(rows, ((0, 0), (1, 1))).astype(int), axis=1)).sum(1)
    assert set(edges.tolist()) <= {0, 2}


def test_widths_and_starts_of_a_mask_are_distributed_as_documented() -> None:
    """Width: whole part of a number uniform in [0, 48); start: whole part of one uniform in [0, 256 - width)."""
    rows = masked_rows(48)
    widths = rows.sum(1)
    assert scipy.stats.chisquare(np.bincount(widths, minlength=48)).pvalue > 0.01
    wide = widths > 0
    starts = rows.argmax(1)[wide]
    shares = (starts + 0.5) / (256 - widths[wide] - 0.5)  # the real width lies in [width, width + 1)
    assert scipy.stats.kstest(shares, "uniform").pvalue > 0.01


def test_a_mask_spans_all_frames_has_its_value_and_changes_nothing_else() -> None:
    mel = torch.rand(50, 1, 64, 7, generator=seeded()) + 1
    kept = mel.clone()
    found = augmentations.mask_frequencies(mel, 20, seeded(), value=-3.0)
    assert torch.equal(mel, kept)
    masked = found == -3
    assert masked.any()
    assert torch.equal(masked, masked[..., :1].expand_as(masked))
    assert torch.equal(found[~masked], mel[~masked])


@pytest.mark.parametrize("alpha", [0.1, 0.3, 1.0, 4.0])
def test_shares_are_distributed_as_beta(alpha: float) -> None:
    draws = augmentations.beta(alpha, 20_000, seeded()).double().numpy()
    assert draws.min() >= 0
    assert draws.max() <= 1
    inner = draws[(draws > 1e-6) & (draws < 1 - 1e-6)]  # float32 has no values between 1 - 6e-8 and 1
    law = scipy.stats.beta(alpha, alpha)
    low, high = law.cdf(1e-6), law.cdf(1 - 1e-6)
    assert scipy.stats.kstest((law.cdf(inner) - low) / (high - low), "uniform").pvalue > 0.01
    assert (draws <= 1e-6).mean() == pytest.approx(low, abs=0.01)


@pytest.mark.parametrize("alpha", [1e-3, 1e-2, 100.0])
def test_shares_are_numbers_from_0_to_1_for_every_alpha(alpha: float) -> None:
    draws = augmentations.beta(alpha, 5000, seeded())
    assert ((draws >= 0) & (draws <= 1)).all()
    assert float(draws.mean()) == pytest.approx(0.5, abs=0.03)


def test_a_small_alpha_takes_one_clip_or_the_other() -> None:
    """Beta(0.01, 0.01) lies within 0.01 of 0 or 1 with a probability of 95 %; gamma draws do for no smaller alpha."""
    draws = augmentations.beta(0.01, 5000, seeded()).double().numpy()
    law = scipy.stats.beta(0.01, 0.01)
    expected = law.cdf(0.99) - law.cdf(0.01)
    assert ((draws > 0.01) & (draws < 0.99)).mean() == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("probability", [0.0, 0.4, 1.0])
def test_chance_is_as_frequent_as_it_was_asked_for(probability: float) -> None:
    generator = seeded()
    hits = sum(augmentations.chance(probability, generator) for _ in range(4000))
    assert hits / 4000 == pytest.approx(probability, abs=0.03 if 0 < probability < 1 else 0)


@pytest.mark.parametrize(
    "draw",
    [
        lambda generator: augmentations.roll_waveforms(torch.arange(40.0).reshape(2, 20), 9, generator),
        lambda generator: augmentations.mask_frequencies(torch.ones(9, 1, 64, 2), 30, generator),
        lambda generator: augmentations.freq_mixstyle(torch.arange(60.0).reshape(3, 1, 4, 5).sin(), 0.3, generator),
        lambda generator: augmentations.beta(0.3, 5, generator),
        lambda generator: torch.tensor([augmentations.chance(0.5, generator) for _ in range(30)]),
    ],
    ids=["roll", "mask", "mixstyle", "beta", "chance"],
)
def test_a_seed_gives_the_same_draws_and_another_seed_others(draw: Callable[[torch.Generator], Tensor]) -> None:
    torch.manual_seed(1)
    one = draw(seeded(3))
    torch.manual_seed(2)  # the global generator has no say
    assert torch.equal(draw(seeded(3)), one)
    assert not torch.equal(draw(seeded(4)), one)
