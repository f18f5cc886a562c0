"""How mean average precision varies over draws of the test clips' locations: some kilobytes beside a result.

Accuracies are ratios of sums, and pages draw them anew from sums (`blocks`). Average precision is not: it needs every
score. So it is drawn once, when a cell is scored, over draws that follow from the test clips alone: all systems of a
board meet the same ones, and their differences are paired.
"""

from __future__ import annotations

import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from harness.blocks import UNREADABLE, Blocks
from harness.multilabel import Drawn, drawn_precisions
from harness.statistics.resampling import Resamples

REPLICATES = ".draws.npy"
"""Ending of the file beside a result."""

RESAMPLES = 1_000
"""Draws of the locations; each costs a pass over all scores of a cell."""


def resamples(clips: Blocks) -> Resamples:
    """The draws that every cell tested on `clips` is scored on."""
    return Resamples(clips, RESAMPLES)


def replicates(scores: ArrayLike, targets: ArrayLike, clips: Blocks) -> Drawn:
    """(resamples,): mean average precision of `scores` (clips, classes) against `targets` on every draw."""
    weights = resamples(clips).weights[:, clips.location[clips.of_clip]]
    return drawn_precisions(np.asarray(scores, dtype=np.float64), np.asarray(targets, dtype=bool), weights)


def packed(found: Drawn, key: str) -> bytes:
    """Replicates as one npy record, with the key of the cell that they are of."""
    record = np.zeros(
        (), dtype=[("key", f"S{max(1, len(key.encode()))}"), ("drawn", "<f4", found.shape), ("crc", "<u4")]
    )
    record["key"], record["drawn"] = key.encode(), found
    record["crc"] = zlib.crc32(record.tobytes())
    buffer = BytesIO()
    np.save(buffer, record, allow_pickle=False)
    return buffer.getvalue()


def read(result: Path, key: str) -> Drawn | None:
    """The replicates beside the record `result`; None where they are absent, damaged, or of another cell."""
    try:
        record = np.load(BytesIO(result.with_suffix(REPLICATES).read_bytes()), allow_pickle=False)
        crc = int(record["crc"])
        record["crc"] = 0
        drawn = np.asarray(record["drawn"], dtype=np.float32)
        whole = zlib.crc32(record.tobytes()) == crc and bytes(record["key"]) == key.encode()
    except UNREADABLE:
        return None
    return drawn if whole and drawn.shape == (RESAMPLES,) and np.isfinite(drawn).all() else None
