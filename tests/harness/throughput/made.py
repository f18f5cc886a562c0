"""Made speeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from harness.outcomes import Outcome
from harness.results import Provenance
from harness.throughput import ratios
from harness.throughput.speed import Figures, Speed, Subject


def figures(batch: int = 64, seconds: float = 0.1, logs: Sequence[float] = (0.1, 0.12, 0.11)) -> Figures:
    """Figures of requests of a batch that take so long."""
    return Figures(
        batch=batch,
        rounds=30,
        p50=seconds,
        p90=1.1 * seconds,
        p99=1.5 * seconds,
        clips_per_second=batch / seconds,
        real_time_factor=seconds / batch,
        ratio=ratios.ratio(logs),
        ratios=tuple(logs),
        seconds=(((seconds,),),),
        baseline_seconds=(((seconds * math.e,),),),
    )


def speed(
    system: str = "S1",
    *,
    track: str = "demo",
    cell: str | None = "cell",
    hardware: str = "Some CPU, 2 cores",
    **fields: Any,
) -> Speed:
    """The speed of a system of the entry `cpjku`."""
    known: dict[str, Any] = {
        "subject": Subject(track=track, entry="cpjku", system=system),
        "entry_digest": "entry",
        "config": {},
        "outcome": Outcome.OK,
        "cell": cell,
        "baseline": "dcase2024/baseline",
        "hardware": hardware,
        "device": "cpu",
        "created": "2026-11-22T04:32:31+00:00",
        "command": "nox -s bench -- submissions/cpjku",
        "provenance": Provenance(
            harness="0.1.0", git_commit=None, git_dirty=None, python="3.11.7", packages={}, hardware={}
        ),
        "sittings": 3,
        "warm_up": (3, 1),
        "one": figures(1, 0.004),
        "batch": figures(),
        "network": figures().model_copy(update={"ratio": None, "ratios": ()}),
        "peak_memory_bytes": 300 << 20,
        "overhead": 2e-5,
        "others": 0.0,
    }
    return Speed(**{**known, **fields})
