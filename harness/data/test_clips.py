"""The test clips as a system gets them: waveforms without names and labels, in an order that says nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.data import packing, store
from harness.data.dataset import Dataset, Rows
from harness.data.packing import Packing
from harness.data.store import Layout
from harness.files import digest_of_value


@dataclass(frozen=True)
class TestClips:
    """A store of shuffled test clips; `order[i]` is the place in the test list of the clip seen as number i."""

    __test__ = False  # no test case, whatever its name looks like

    place: Layout
    order: Rows
    shuffled: Dataset

    @property
    def fingerprint(self) -> str:
        """A digest of what the clips' files hold."""
        return self.place.fingerprint(self.shuffled.test)

    @property
    def packed(self) -> bool:
        """Whether every clip is there."""
        return store.holds(self.place, self.shuffled, self.shuffled.test)

    def pack(self, telling: Packing) -> None:
        """Packs what is missing; raises `Mistake` as `packing.pack` does."""
        packing.pack(self.place, self.shuffled, self.shuffled.test, telling)

    @property
    def devices(self) -> tuple[str, ...]:
        """Device ids in the order in which a system sees the clips."""
        return tuple(self.shuffled.devices.tolist())

    def in_list_order(self, predictions: NDArray[Any]) -> NDArray[Any]:
        """Predictions (clips, …) put back into the order of the test list."""
        restored = np.empty_like(predictions)
        restored[self.order] = predictions
        return restored


def shuffled(dataset: Dataset, test: Rows, sample_rate: int, clip_seconds: float, cache: Path) -> TestClips:
    """The clips of `dataset` in the rows `test`, maybe not packed yet. Their order follows from their names alone."""
    shuffle = order([dataset.names[row] for row in test])
    rows = test[shuffle]
    alone = replace(
        dataset,
        names=tuple(dataset.names[row] for row in rows),
        labels=dataset.labels[rows],
        devices=dataset.devices[rows],
        segments=dataset.segments[rows],
        locations=dataset.locations[rows],
        splits={},
        test=np.arange(len(rows)),
        tests={},
    )
    return TestClips(store.layout(alone, alone.test, sample_rate, clip_seconds, "float32", cache), shuffle, alone)


def order(names: Sequence[str]) -> Rows:
    """Where in the test list the clips stand that a system sees first, second, …: it follows from the names alone."""
    digest = digest_of_value(list(names))
    return np.random.default_rng(int(digest[:16], 16)).permutation(len(names))
