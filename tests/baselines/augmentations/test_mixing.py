"""Mixup and label smoothing; targets of one clip, one class tell who was mixed with whom, and how much."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import torch
from torch import Tensor

from baselines.augmentations import LabelSmoothing, Mixup, Sample
from baselines.augmentations.mixing import mixed
from tests.baselines.augmentations import batch_of, relative, seeded


def each_its_own_class(x: Tensor) -> Sample:
    return batch_of(x, n_classes=len(x))


def mixtures(step: Mixup, clips: int, seed: int = 0) -> np.ndarray:
    """(clips, clips): the share of every clip in every other."""
    sample = each_its_own_class(torch.zeros(clips, 4) if step.domain == "waveform" else torch.zeros(clips, 1, 2, 2))
    shares: np.ndarray = step.apply(sample, seeded(seed)).targets.double().numpy()
    return shares


@pytest.mark.parametrize("own_share", ["any", "larger"])
@pytest.mark.parametrize("probability", [0.5, 1.0])
def test_waveforms_lose_their_means_and_are_mixed_like_their_targets(own_share: str, probability: float) -> None:
    x = torch.randn(12, 50, generator=seeded(1)) + torch.arange(12.0)[:, None]
    step = Mixup.model_validate({"domain": "waveform", "alpha": 2, "own_share": own_share, "probability": probability})
    found = step.apply(each_its_own_class(x), seeded())
    share = found.targets.double().numpy()
    centred = x.double().numpy() - x.double().numpy().mean(1, keepdims=True)
    expected = share @ centred
    expected -= expected.mean(1, keepdims=True)
    alone = torch.from_numpy(share.diagonal() == 1)  # not mixed at all, or with itself
    untouched = (found.x == x).all(1)
    assert not untouched[~alone].any()
    assert relative(found.x[~untouched], torch.from_numpy(expected)[~untouched]) < 1e-5
    assert (~alone).sum() > 2
    assert bool(untouched.any()) == (probability < 1)


def test_spectrograms_are_mixed_like_their_targets_with_their_means() -> None:
    x = torch.randn(9, 1, 6, 7, generator=seeded(1)) + torch.arange(9.0)[:, None, None, None]
    found = Mixup(domain="log_mel", alpha=0.3, own_share="larger").apply(each_its_own_class(x), seeded())
    expected = np.einsum("bo,ochw->bchw", found.targets.double().numpy(), x.double().numpy())
    assert relative(found.x, torch.from_numpy(expected)) < 1e-5


def test_targets_of_several_labels_are_mixed_too() -> None:
    x = torch.randn(6, 20, generator=seeded())
    targets = (torch.rand(6, 4, generator=seeded(2)) < 0.5).float()
    step = Mixup(domain="waveform", alpha=2)
    found = step.apply(batch_of(x, targets=targets, n_classes=4), seeded(5)).targets
    share = step.apply(each_its_own_class(x), seeded(5)).targets  # the same draws
    assert relative(found, share @ targets) < 1e-6


def test_targets_stay_shares() -> None:
    found = Mixup(domain="waveform", alpha=0.3).apply(batch_of(torch.zeros(500, 4)), seeded()).targets
    assert found.shape == (500, 10)
    assert torch.allclose(found.sum(1), torch.ones(500), atol=1e-6)
    assert ((found >= 0) & (found <= 1)).all()


@pytest.mark.parametrize("domain", ["waveform", "log_mel"])
@pytest.mark.parametrize("alpha", [2.0, 10.0])
def test_shares_are_beta_a_draw_for_each_clip(domain: str, alpha: float) -> None:
    step = Mixup.model_validate({"domain": domain, "alpha": alpha})
    own = mixtures(step, 2000).diagonal()
    own = own[own < 1]  # a clip that drew itself has all of it
    assert len(own) > 1990
    assert scipy.stats.kstest(own, scipy.stats.beta(alpha, alpha).cdf).pvalue > 0.01


def test_the_larger_share_is_at_least_a_half() -> None:
    own = mixtures(Mixup(domain="waveform", alpha=2.0, own_share="larger"), 2000).diagonal()
    own = own[own < 1]
    assert own.min() >= 0.5
    law = scipy.stats.beta(2, 2)
    assert scipy.stats.kstest(own, lambda share: 2 * law.cdf(share) - 1).pvalue > 0.01


def test_passt_s_shares_of_spectrograms_are_at_least_a_half() -> None:
    own = mixtures(Mixup(domain="log_mel", alpha=0.3, own_share="larger"), 1000).diagonal()
    law = scipy.stats.beta(0.3, 0.3)
    assert own.min() >= 0.5
    assert (own < 0.9).mean() == pytest.approx(2 * law.cdf(0.9) - 1, abs=0.05)


def test_partners_are_a_random_permutation() -> None:
    counts = np.zeros((3, 3))
    for seed in range(900):
        shares = mixtures(Mixup(domain="waveform", alpha=2.0), 3, seed)
        others = shares - np.diag(shares.diagonal())
        partner = [int(row.argmax()) if row.max() > 0 else place for place, row in enumerate(others)]
        assert sorted(partner) == [0, 1, 2]
        counts[[0, 1, 2], partner] += 1
    assert scipy.stats.chisquare(counts[0]).pvalue > 0.01
    assert scipy.stats.chisquare(counts[2]).pvalue > 0.01


def test_a_clip_is_mixed_with_the_probability() -> None:
    own = mixtures(Mixup(domain="waveform", alpha=2.0, probability=0.5), 2000).diagonal()
    assert scipy.stats.binomtest(int((own < 1).sum()), 2000, 0.5).pvalue > 0.01
    assert (mixtures(Mixup(domain="waveform", alpha=2.0, probability=0), 50) == np.eye(50)).all()


def test_a_share_of_one_leaves_a_clip_as_it_was_and_of_zero_gives_the_other() -> None:
    x = torch.randn(2, 30, generator=seeded()) + 3
    found = mixed(each_its_own_class(x), torch.tensor([1.0, 0.0]), torch.tensor([1, 0]))
    assert torch.equal(found.x, x[[0, 0]])
    assert torch.equal(found.targets, torch.tensor([[1.0, 0.0], [1.0, 0.0]]))
    assert torch.equal(mixed(each_its_own_class(x), torch.ones(2), torch.tensor([1, 0]), centred=True).x, x)


def test_a_clip_alone_keeps_its_label() -> None:
    found = Mixup(domain="log_mel", alpha=0.3).apply(batch_of(torch.ones(1, 1, 3, 3)), seeded())
    assert torch.allclose(found.x, torch.ones(1, 1, 3, 3))
    assert torch.equal(found.targets, torch.eye(10)[:1])


@pytest.mark.parametrize("domain", ["waveform", "log_mel"])
def test_a_seed_gives_the_same_mixtures_and_leaves_the_clips_and_targets_alone(domain: str) -> None:
    step = Mixup.model_validate({"domain": domain, "alpha": 2, "probability": 0.7})
    x = torch.randn(6, 20, generator=seeded()) if domain == "waveform" else torch.randn(6, 1, 4, 5, generator=seeded())
    targets = torch.rand(6, 10, generator=seeded(1))
    batch, kept = batch_of(x, targets=targets), (x.clone(), targets.clone())
    torch.manual_seed(1)
    one = step.apply(batch, seeded(3))
    torch.manual_seed(2)  # the global generator has no say
    same, other = step.apply(batch, seeded(3)), step.apply(batch, seeded(4))
    assert torch.equal(same.x, one.x)
    assert torch.equal(same.targets, one.targets)
    assert not torch.equal(other.x, one.x)
    assert torch.equal(x, kept[0])
    assert torch.equal(targets, kept[1])


def test_smoothing_spreads_its_amount_over_all_classes() -> None:
    batch = batch_of(torch.zeros(3, 5), n_classes=4)
    found = LabelSmoothing(amount=0.1).apply(batch, seeded())
    expected = np.full((3, 4), 0.025)
    expected[[0, 1, 2], [0, 1, 2]] = 0.925
    assert np.allclose(found.targets.numpy(), expected, atol=1e-7)
    assert found.x is batch.x
    assert torch.equal(batch.targets, torch.tensor([0, 1, 2]))


def test_smoothing_takes_several_labels_and_mixtures_as_they_are() -> None:
    targets = torch.tensor([[1.0, 1.0, 0.0, 0.0], [0.3, 0.0, 0.0, 0.7]])
    kept = targets.clone()
    batch = batch_of(torch.zeros(2, 5), targets=targets, n_classes=4)
    found = LabelSmoothing(amount=0.2).apply(batch, seeded()).targets
    assert torch.allclose(found, torch.tensor([[0.85, 0.85, 0.05, 0.05], [0.29, 0.05, 0.05, 0.61]]))
    assert torch.equal(targets, kept)
    assert torch.equal(LabelSmoothing(amount=0).apply(batch, seeded()).targets, targets)
