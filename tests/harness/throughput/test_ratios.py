"""Percentiles, ratios with their intervals, and the verdict between two runs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from harness.throughput import ratios


def test_percentiles_are_measured_seconds() -> None:
    seconds = [float(number) for number in range(1, 101)]
    assert [ratios.percentile(seconds, share) for share in (50, 90, 99)] == [50, 90, 99]
    assert ratios.percentile([3.0], 99) == 3.0


def test_a_sitting_whose_turns_both_slow_down_alike_has_the_ratio_of_a_quiet_one() -> None:
    baseline, system = [[4.0, 4.0], [8.0, 8.0]], [[2.0, 2.0], [4.0, 4.0]]
    assert math.exp(ratios.log_ratio(baseline, system)) == pytest.approx(2.0)


def test_the_interval_is_students_over_sittings() -> None:
    logs = [0.1, 0.2, 0.4, 0.25]
    found = ratios.ratio(logs)
    low, high = stats.t.interval(0.95, len(logs) - 1, np.mean(logs), stats.sem(logs))
    assert (found.low, found.high) == (pytest.approx(math.exp(low)), pytest.approx(math.exp(high)))
    assert found.value == pytest.approx(math.exp(np.mean(logs)))


def test_one_sitting_has_no_interval() -> None:
    assert ratios.ratio([0.5]).low is None


def test_the_interval_holds_the_true_ratio_nineteen_times_of_twenty() -> None:
    generator = np.random.default_rng(0)
    held = 0
    for _ in range(2000):
        found = ratios.ratio(list(generator.normal(0.3, 0.05, 5)))
        assert found.low is not None
        assert found.high is not None
        held += found.low <= math.exp(0.3) <= found.high
    assert 0.93 < held / 2000 < 0.97


def test_change_is_welchs_test() -> None:
    before, now = [0.0, 0.02, -0.01, 0.01, 0.03], [0.2, 0.22, 0.18, 0.25, 0.21]
    change, verdict = ratios.changed(before, now)
    expected = stats.ttest_ind(now, before, equal_var=False).confidence_interval()
    assert verdict == "faster"
    assert change.low == pytest.approx(math.exp(expected.low))
    assert change.high == pytest.approx(math.exp(expected.high))
    assert ratios.changed(now, before)[1] == "slower"
    assert ratios.changed(before, before)[1] == "no difference"


def test_false_alarms_are_rare() -> None:
    generator = np.random.default_rng(1)
    verdicts = [
        ratios.changed(list(generator.normal(0, 0.03, 5)), list(generator.normal(0, 0.03, 5)))[1] for _ in range(2000)
    ]
    assert verdicts.count("no difference") / 2000 > 0.94


def test_sittings_that_do_not_differ_at_all_are_told_apart() -> None:
    assert ratios.changed([0.0, 0.0], [0.0, 0.0])[1] == "no difference"
    assert ratios.changed([0.0, 0.0], [0.1, 0.1])[1] == "faster"
