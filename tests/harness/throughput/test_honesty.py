"""Whether what was timed is what was scored, and whether it can be true."""

from __future__ import annotations

import numpy as np
import pytest

from harness.outcomes import Mistake
from harness.throughput import honesty
from harness.throughput.sitting import Round

LOGITS = np.array([[2.0, -1.0, 0.5], [0.0, 0.1, -3.0]])


def rounds(known: float, fresh: float, count: int = 5) -> list[Round]:
    """So many rounds of either kind, a little apart."""
    return [
        Round(seconds=seconds * (1 + 0.01 * number), known=kind)
        for kind, seconds in ((True, known), (False, fresh))
        for number in range(count)
    ]


def test_the_same_logits_pass_and_so_does_rounding() -> None:
    honesty.require_same(LOGITS, LOGITS + 1e-4, "test clips", exact=True)
    honesty.require_same(LOGITS, LOGITS + 1e-2, "test clips", exact=False)


@pytest.mark.parametrize("change", [np.array([0.1, 0, 0]), np.array([1.0, 1.0, 1.0])], ids=["one class", "all classes"])
def test_other_logits_are_refused_also_where_only_all_classes_moved(change: np.ndarray) -> None:
    with pytest.raises(Mistake, match="other logits for test clips") as refused:
        honesty.require_same(LOGITS, LOGITS + change, "test clips", exact=False)
    assert refused.value.rule == "speed.answers"


def test_logits_of_another_shape_or_without_a_value_are_refused() -> None:
    with pytest.raises(Mistake):
        honesty.require_same(LOGITS * np.nan, LOGITS, "test clips", exact=False)


def test_sixteen_bits_are_not_taken_for_thirty_two() -> None:
    with pytest.raises(Mistake):
        honesty.require_same(LOGITS, LOGITS + np.array([5e-3, 0, 0]), "test clips", exact=True)


def test_test_clips_that_are_answered_at_twice_the_speed_were_known() -> None:
    honesty.require_unforeseen(rounds(known=0.6, fresh=1.0))
    with pytest.raises(Mistake, match="times as fast as others") as refused:
        honesty.require_unforeseen(rounds(known=0.4, fresh=1.0))
    assert refused.value.rule == "speed.known"


def test_of_a_few_rounds_nothing_is_said() -> None:
    honesty.require_unforeseen(rounds(known=0.1, fresh=1.0, count=4))
    honesty.require_unforeseen([])


def test_more_products_a_second_than_the_machine_can_do_are_refused() -> None:
    honesty.require_possible(1_000_000, clips_per_second=3_900, peak=1e9)
    honesty.require_possible(1_000_000, clips_per_second=1e9, peak=None)
    with pytest.raises(Mistake, match="times what this machine") as refused:
        honesty.require_possible(1_000_000, clips_per_second=4_100, peak=1e9)
    assert refused.value.rule == "speed.impossible"
