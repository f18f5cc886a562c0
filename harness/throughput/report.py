"""Speeds as a table for the terminal. Rounding happens here, where numbers are shown."""

from __future__ import annotations

from collections.abc import Sequence

from harness.outcomes import Outcome
from harness.throughput.speed import Figures, Ratio, Speed

Row = Sequence[str]

SPEEDS = (
    "system", "weights", "clips", "rounds", "p50 ms", "p90 ms", "p99 ms", "clips/s ↑", "real-time factor ↓",
    "times the baseline ↑", "95 % interval", "peak MiB", "mJ a clip",
)  # fmt: skip

DISTURBED = 0.1
"""Cores busy with something else above which a note says so."""

MIB = 1 << 20


def rows(speeds: Sequence[Speed]) -> list[Row]:
    """A row for each system and way of asking."""
    return [row for one in speeds for row in _rows(one)]


def _rows(one: Speed) -> list[Row]:
    name = f"{one.subject.entry}/{one.subject.system}"
    if one.outcome is not Outcome.OK:
        return [(name, one.outcome, *[""] * (len(SPEEDS) - 2))]
    found = []
    for figures, words in ((one.one, ""), (one.batch, ""), (one.network, " network only")):
        if figures is not None:
            found.append(_row(one, name, figures, words))
            name = ""
    return found


def _row(one: Speed, name: str, found: Figures, words: str) -> Row:
    return (
        name,
        ("trained" if one.cell else "untrained") if name else "",
        f"{found.batch}{words}",
        f"{found.rounds}",
        *(
            f"{1000 * value:.3g}" if value < 1 else f"{1000 * value:,.0f}"
            for value in (found.p50, found.p90, found.p99)
        ),
        f"{found.clips_per_second:,.3g}" if found.clips_per_second < 100 else f"{found.clips_per_second:,.0f}",
        f"{found.real_time_factor:.3g}",
        *shown(found.ratio),
        f"{(one.device_memory_bytes or one.peak_memory_bytes or 0) / MIB:,.0f}" if name else "",
        f"{1000 * found.joules_per_clip:.3g}" if found.joules_per_clip is not None else "",
    )


def shown(ratio: Ratio | None) -> tuple[str, str]:
    """A ratio and its interval."""
    if ratio is None:
        return "", ""
    between = (
        f"{ratio.low:.3f} to {ratio.high:.3f}" if ratio.low is not None and ratio.high is not None else "one sitting"
    )
    return f"{ratio.value:.3f}", between


def notes(speeds: Sequence[Speed]) -> list[str]:
    """What a reader of the table should know: the hardware, the baseline, what disturbed, why a system has no speed."""
    lines = []
    for one in speeds:
        if one.reason is not None:
            words = f"{one.reason.problem} {one.reason.remedy} [{one.reason.rule}]"
            lines.append(f"{one.subject.system}: {one.outcome}: {words}")
        elif (one.others or 0.0) > DISTURBED:
            lines.append(f"{one.subject.system}: other programs kept {one.others:.1f} cores busy meanwhile.")
    fine = next((one for one in speeds if one.outcome is Outcome.OK), None)
    if fine is not None:
        energy = f"; energy by {', '.join(fine.energy)}" if fine.energy else "; this machine does not tell its energy"
        lines.append(
            f"on {fine.hardware}, in {fine.sittings} sittings; baseline: {fine.baseline}, in the same run, in turns; "
            f"first {fine.warm_up[0]} calls, later {fine.warm_up[1]} a turn, do not count; a request for nothing takes "
            f"{1000 * (fine.overhead or 0):.2f} ms{energy}"
        )
    return lines
