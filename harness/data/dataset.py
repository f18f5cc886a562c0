"""A data set as the referee sees it: names, labels, devices and places of its clips, and which rows each list holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.tracks import Length

Rows = NDArray[np.int64]
Names = NDArray[np.str_]
Labels = NDArray[np.int64] | NDArray[np.bool_]
"""(clips,) indices into the track's labels; of multi-label tracks (clips, classes): whether a clip has each."""

UNKNOWN_DEVICE = "unknown"
"""The device of every clip where nobody knows what it was recorded with; the track then has no device groups."""


@dataclass(frozen=True)
class Dataset:
    """All clips of a folder (arrays of one item a clip) and the rows of its lists.

    `audio` is the folder that the names are relative to. Where it is not
    `here`, only the sizes of its lists are known: enough to plan with. In cross-validation each split has a test list
    of its own in `tests`, and `test` holds the clips of all of them, in the order of their rows. `devices` are all
    `UNKNOWN_DEVICE` where nobody knows them. `length` is what becomes of clips that are longer or shorter.
    `validation` are the rows of the publisher's list for choosing, where there is one. `missing` counts the clips of
    each list, by its name in reports, that are not in this copy of a data set that has holes; they have no row.
    """

    audio: Path
    names: tuple[str, ...]
    labels: Labels
    devices: Names
    segments: Names
    locations: Names
    splits: Mapping[str, Rows]
    test: Rows
    here: bool = True
    tests: Mapping[str, Rows] = field(default_factory=dict)
    length: Length = "exact"
    validation: Rows | None = None
    missing: Mapping[str, int] = field(default_factory=dict)

    def test_of(self, split: str) -> Rows:
        """The test clips of a split: its own, or those of all splits."""
        return self.tests.get(split, self.test)

    def learned_from(self, training: Rows) -> Rows:
        """The rows of all clips that a training gets: those of its list, then those for choosing."""
        return training if self.validation is None else np.concatenate([training, self.validation])
