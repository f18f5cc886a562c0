"""How test clips are disturbed, how much, and how often each is drawn anew (paper 003, figures 4 and 5).

The paper masks frequencies, masks time, shifts in time and adds noise, each at several levels and three times; how its
levels are measured is in its figures only. Here they are shares, so that they mean the same for every frontend.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["frequency_mask", "time_mask", "time_shift", "noise"]

DRAWS = 3
"""How often a clip is disturbed anew at each strength; each is a run of its own."""

CLEAN = "clean"


@dataclass(frozen=True)
class Disturbance:
    """A kind of disturbance, its strengths in the order they are probed, and what they are shares or ratios of.

    At a strength of `without` a clip is as it was.
    """

    kind: Kind
    strengths: Sequence[float]
    of: str
    without: float | None = 0.0

    @property
    def title(self) -> str:
        return self.kind.replace("_", " ")


DISTURBANCES = (
    Disturbance("frequency_mask", (0.1, 0.2, 0.3, 0.4, 0.5), "share of the mel bands that are masked"),
    Disturbance("time_mask", (0.1, 0.2, 0.3, 0.4, 0.5), "share of the frames that are masked"),
    Disturbance("time_shift", (0.1, 0.2, 0.3, 0.4, 0.5), "shift in a circle, as a share of the clip"),
    Disturbance("noise", (40.0, 30.0, 20.0, 10.0, 0.0), "signal to white noise, dB", without=None),
)
