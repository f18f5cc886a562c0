"""Freq-MixStyle against the official code's numbers and a plain numpy version of its formula."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import torch
from safetensors.torch import load_file
from torch import Tensor

from baselines.augmentations import FreqMixStyle
from baselines.augmentations.draws import beta, chance
from baselines.augmentations.mixstyle import freq_mixstyle, mix_statistics
from tests.baselines.augmentations import batch_of, relative, seeded


@pytest.fixture(scope="module")
def golden(shared: Path) -> dict[str, Tensor]:
    return load_file(shared / "golden/augment/freq_mixstyle.safetensors")


@pytest.mark.parametrize(
    ("x", "y"), [("in.x", "out.y"), ("in.x_2ch", "out.y_2ch"), ("in.x_const_sample0", "out.y_const_sample0")]
)
def test_mixed_statistics_are_those_of_the_official_code(golden: dict[str, Tensor], x: str, y: str) -> None:
    found = mix_statistics(golden[x], golden["in.lam"], golden["in.perm"])
    assert relative(found, golden[y]) < 1e-5


def test_mixed_statistics_at_double_precision_are_those_of_the_official_code(golden: dict[str, Tensor]) -> None:
    found = mix_statistics(golden["in.x"].double(), golden["in.lam"], golden["in.perm"])
    assert relative(found, golden["out.y_f64"]) < 1e-7


def with_mixed_statistics(x: np.ndarray, share: np.ndarray, partner: np.ndarray) -> np.ndarray:
    """The formula clip by clip and row by row, in float64; x (batch, channels, rows, frames)."""
    found = np.empty_like(x)
    for clip, other in enumerate(partner):
        for row in range(x.shape[2]):
            own, theirs = x[clip, :, row], x[other, :, row]
            mean = share[clip] * own.mean() + (1 - share[clip]) * theirs.mean()
            own_spread, their_spread = (np.sqrt(one.var(ddof=1) + 1e-6) for one in (own, theirs))
            spread = share[clip] * own_spread + (1 - share[clip]) * their_spread
            found[clip, :, row] = (own - own.mean()) / own_spread * spread + mean
    return found


@pytest.mark.parametrize("channels", [1, 3])
def test_mixed_statistics_follow_the_formula(channels: int) -> None:
    generator = seeded(7)
    x = torch.randn(5, channels, 6, 9, generator=generator).double() * 3 + torch.arange(6.0)[:, None]
    share, partner = torch.rand(5, generator=generator).double(), torch.tensor([3, 0, 2, 4, 1])
    expected = with_mixed_statistics(x.numpy(), share.numpy(), partner.numpy())
    assert relative(mix_statistics(x, share, partner), torch.from_numpy(expected)) < 1e-12


def test_a_share_of_one_leaves_a_clip_as_it_was_and_of_zero_gives_it_its_partner_s_statistics() -> None:
    x = torch.randn(4, 1, 8, 50, generator=seeded()) * torch.arange(1, 5)[:, None, None, None]
    partner = torch.tensor([1, 2, 3, 0])
    assert torch.allclose(mix_statistics(x, torch.ones(4), partner), x, atol=1e-5)
    other = mix_statistics(x, torch.zeros(4), partner)
    assert torch.allclose(other.mean(3), x[partner].mean(3), atol=1e-4)
    assert torch.allclose(other.std(3), x[partner].std(3), rtol=1e-3)


def test_mixing_draws_its_shares_from_beta_and_its_partners_from_a_permutation() -> None:
    x = torch.randn(6, 1, 8, 20, generator=seeded(5))
    generator = seeded(1)
    share, partner = beta(0.3, 6, generator), torch.randperm(6, generator=generator)
    assert torch.equal(freq_mixstyle(x, 0.3, seeded(1)), mix_statistics(x, share, partner))


def test_nothing_is_differentiated_through_the_statistics() -> None:
    x = torch.randn(2, 1, 4, 10, generator=seeded(), requires_grad=True)
    mix_statistics(x, torch.tensor([0.5, 0.5]), torch.tensor([1, 0])).sum().backward()
    assert x.grad is not None
    assert torch.allclose(x.grad, x.grad[:, :, :, :1].expand_as(x), atol=1e-6)  # the gain of a row, and no more


def test_a_clip_alone_stays_as_it_was() -> None:
    x = torch.randn(1, 1, 8, 20, generator=seeded())
    assert torch.allclose(freq_mixstyle(x, 0.3, seeded(1)), x, atol=1e-5)


def own_shares(step: FreqMixStyle, batches: int) -> np.ndarray:
    """Shares that the step mixed with, read off two clips whose rows have means 0 and 1 and the same variance."""
    x = torch.tensor([-1.0, 1.0]).repeat(2, 1, 1, 2)
    x[1] += 1
    generator = seeded(2)
    means = torch.stack([step.apply(batch_of(x), generator).x.double().mean(3).flatten() for _ in range(batches)])
    partnered = means[(means - torch.tensor([0.0, 1.0])).abs().max(1).values > 1e-3]  # not those with themselves
    return torch.cat([1 - partnered[:, 0], partnered[:, 1]]).numpy()


def test_the_share_of_a_clip_s_own_statistics_is_beta_or_the_larger_part_of_it() -> None:
    law = scipy.stats.beta(2.0, 2.0)
    any_share = own_shares(FreqMixStyle(probability=1, alpha=2.0), 1500)
    assert len(any_share) == pytest.approx(1500, abs=150)  # every second permutation of two changes places
    assert scipy.stats.kstest(any_share, law.cdf).pvalue > 0.01
    larger = own_shares(FreqMixStyle(probability=1, alpha=2.0, own_share="larger"), 1500)
    assert larger.min() >= 0.5 - 1e-6
    assert scipy.stats.kstest(larger, lambda share: 2 * law.cdf(share) - 1).pvalue > 0.01


def test_the_larger_share_is_the_same_draw_or_what_is_left_of_it() -> None:
    x = torch.randn(6, 1, 8, 20, generator=seeded(5))
    generator = seeded(1)
    assert chance(1.0, generator)
    share, partner = beta(0.4, 6, generator), torch.randperm(6, generator=generator)
    expected = with_mixed_statistics(
        x.double().numpy(), np.maximum(share.double().numpy(), 1 - share.double().numpy()), partner.numpy()
    )
    found = FreqMixStyle(probability=1, alpha=0.4, own_share="larger").apply(batch_of(x), seeded(1)).x
    assert relative(found, torch.from_numpy(expected)) < 1e-5


def test_the_whole_batch_is_changed_or_none_of_it_with_the_probability() -> None:
    x = torch.randn(8, 1, 4, 6, generator=seeded(3)) + torch.arange(8.0)[:, None, None, None]
    step, generator = FreqMixStyle(probability=0.4, alpha=2.0), seeded()
    changed = [int((step.apply(batch_of(x), generator).x != x).flatten(1).any(1).sum()) for _ in range(1000)]
    assert scipy.stats.binomtest(sum(count > 0 for count in changed), 1000, 0.4).pvalue > 0.01
    assert np.mean([count for count in changed if count]) > 6.5  # all but the one clip that meets itself on average


def test_labels_stay_labels() -> None:
    batch = batch_of(torch.randn(4, 1, 4, 6, generator=seeded()))
    assert torch.equal(FreqMixStyle(probability=1, alpha=0.3).apply(batch, seeded()).targets, batch.targets)
