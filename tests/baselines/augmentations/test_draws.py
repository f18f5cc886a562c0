"""The random numbers of the augmentations against the laws they are said to follow."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import scipy.stats
import torch
from torch import Tensor

from baselines.augmentations.draws import beta, chance, many, some, uniform
from tests.baselines.augmentations import seeded


@pytest.mark.parametrize("alpha", [0.1, 0.3, 1.0, 4.0, 10.0])
def test_shares_are_distributed_as_beta(alpha: float) -> None:
    draws = beta(alpha, 20_000, seeded()).double().numpy()
    assert draws.min() >= 0
    assert draws.max() <= 1
    inner = draws[(draws > 1e-6) & (draws < 1 - 1e-6)]  # float32 has no values between 1 - 6e-8 and 1
    law = scipy.stats.beta(alpha, alpha)
    low, high = law.cdf(1e-6), law.cdf(1 - 1e-6)
    assert scipy.stats.kstest((law.cdf(inner) - low) / (high - low), "uniform").pvalue > 0.01
    assert (draws <= 1e-6).mean() == pytest.approx(low, abs=0.01)


@pytest.mark.parametrize("alpha", [1e-3, 1e-2, 100.0])
def test_shares_are_numbers_from_0_to_1_for_every_alpha(alpha: float) -> None:
    draws = beta(alpha, 5000, seeded())
    assert ((draws >= 0) & (draws <= 1)).all()
    assert float(draws.mean()) == pytest.approx(0.5, abs=0.03)


def test_a_small_alpha_takes_one_clip_or_the_other() -> None:
    """Beta(0.01, 0.01) lies within 0.01 of 0 or 1 with a probability of 95 %; gamma draws do for no smaller alpha."""
    draws = beta(0.01, 5000, seeded()).double().numpy()
    law = scipy.stats.beta(0.01, 0.01)
    expected = law.cdf(0.99) - law.cdf(0.01)
    assert ((draws > 0.01) & (draws < 0.99)).mean() == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("probability", [0.0, 0.4, 1.0])
def test_chance_is_as_frequent_as_it_was_asked_for(probability: float) -> None:
    generator = seeded()
    hits = sum(chance(probability, generator) for _ in range(4000))
    assert hits / 4000 == pytest.approx(probability, abs=0.03 if 0 < probability < 1 else 0)


@pytest.mark.parametrize("probability", [0.25, 0.6])
def test_each_row_is_taken_on_its_own_with_the_probability(probability: float) -> None:
    generator = seeded()
    taken = torch.zeros(4000, 3)
    for trial in taken:
        trial[some(3, probability, generator)] = 1
    for row in range(3):
        assert scipy.stats.binomtest(int(taken[:, row].sum()), 4000, probability).pvalue > 0.01
    law = scipy.stats.binom(3, probability).pmf(range(4)) * 4000  # of independent rows
    assert scipy.stats.chisquare(torch.bincount(taken.sum(1).long(), minlength=4).numpy(), law).pvalue > 0.01


def test_rows_come_in_rising_order_and_a_probability_of_0_or_1_takes_none_or_all() -> None:
    rows = some(50, 0.5, seeded())
    assert rows.dtype == torch.int64
    assert rows.tolist() == sorted(set(rows.tolist()))
    assert some(50, 0.0, seeded()).tolist() == []
    assert some(50, 1.0, seeded()).tolist() == list(range(50))


def test_uniform_numbers_fill_their_range_evenly() -> None:
    draws = uniform(-7.0, 3.0, (100, 50), seeded())
    assert draws.shape == (100, 50)
    assert draws.min() >= -7
    assert draws.max() < 3
    assert scipy.stats.kstest(draws.flatten().numpy(), scipy.stats.uniform(-7, 10).cdf).pvalue > 0.01


def test_a_generator_for_many_numbers_costs_the_first_one_the_same_however_many_are_drawn() -> None:
    short, long = seeded(), seeded()
    torch.rand(3, generator=many(short, torch.device("cpu")))
    torch.rand(3000, generator=many(long, torch.device("cpu")))
    assert torch.equal(short.get_state(), long.get_state())


@pytest.mark.parametrize(
    "draw",
    [
        lambda generator: beta(0.3, 5, generator),
        lambda generator: torch.tensor([chance(0.5, generator) for _ in range(30)]),
        lambda generator: torch.zeros(40).index_fill(0, some(40, 0.5, generator), 1.0),
        lambda generator: uniform(0, 1, (5,), generator),
        lambda generator: torch.rand(5, generator=many(generator, torch.device("cpu"))),
    ],
    ids=["beta", "chance", "some", "uniform", "many"],
)
def test_a_seed_gives_the_same_draws_and_another_seed_others(draw: Callable[[torch.Generator], Tensor]) -> None:
    torch.manual_seed(1)
    one = draw(seeded(3))
    torch.manual_seed(2)  # the global generator has no say
    assert torch.equal(draw(seeded(3)), one)
    assert not torch.equal(draw(seeded(4)), one)
