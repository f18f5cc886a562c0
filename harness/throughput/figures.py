"""From sittings to the figures of a mode: pure functions of what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from harness.throughput import ratios, sitting
from harness.throughput.sitting import Mode, Round, Sitting, Who
from harness.throughput.speed import Figures


def figures(sittings: Sequence[Sitting], mode: Mode, batch: int, clip_seconds: float) -> Figures | None:
    """The figures of a mode; None where no sitting had it."""
    own = [seconds(one, "system", mode) for one in sittings]
    every = [value for turns in own for turn in turns for value in turn]
    if not every:
        return None
    beside: Mode = "batch" if mode == "network" else mode
    baseline = [seconds(one, "baseline", beside) for one in sittings]
    logs = [] if mode == "network" else [ratios.log_ratio(a, b) for a, b in zip(baseline, own, strict=True)]
    count, middle = sitting.batch_of(mode, batch), median(every)
    return Figures(
        batch=count,
        rounds=len(every),
        p50=ratios.percentile(every, 50),
        p90=ratios.percentile(every, 90),
        p99=ratios.percentile(every, 99),
        clips_per_second=count / middle,
        real_time_factor=middle / (count * clip_seconds),
        ratio=ratios.ratio(logs) if logs else None,
        ratios=tuple(logs),
        joules_per_clip=joules(sittings, mode, count),
        seconds=_frozen(own),
        baseline_seconds=_frozen(baseline) if logs else (),
    )


def seconds(one: Sitting, who: Who, mode: Mode) -> list[list[float]]:
    """Seconds of the rounds that count, by turn."""
    return [turn.seconds for turn in sitting.of(one.turns, who, mode)]


def rounds(sittings: Sequence[Sitting], mode: Mode) -> list[Round]:
    """All rounds of the system in a mode, also those that count for nothing."""
    return [each for one in sittings for turn in sitting.of(one.turns, "system", mode) for each in turn.rounds]


def joules(sittings: Sequence[Sitting], mode: Mode, count: int) -> float | None:
    """Energy of a clip: the median over rounds, of all that the machine's meters have counted meanwhile."""
    known = [each.joules for each in rounds(sittings, mode) if each.joules is not None and not each.known]
    return median(known) / count if known else None


def _frozen(turns: Sequence[Sequence[Sequence[float]]]) -> tuple[tuple[tuple[float, ...], ...], ...]:
    return tuple(tuple(tuple(turn) for turn in one) for one in turns)
