"""A data set as the referee sees it: names, labels, devices and places of its clips, and which rows each list holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
Names = NDArray[np.str_]


@dataclass(frozen=True)
class Dataset:
    """All clips of a folder (arrays of one item a clip) and the rows of its lists.

    `audio` is the folder that the names are relative to. `labels` are indices into the track's labels. Where it is not
    `here`, only the sizes of its lists are known: enough to plan with.
    """

    audio: Path
    names: tuple[str, ...]
    labels: Rows
    devices: Names
    segments: Names
    locations: Names
    splits: Mapping[str, Rows]
    test: Rows
    here: bool = True
