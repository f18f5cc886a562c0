"""What evidence is made of where clips have several labels: the draws of mean average precision beside the results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from harness import replicates
from harness.blocks import Blocks
from harness.statistics.estimates import Drawn, Sample
from leaderboard.boards import Board
from leaderboard.tested import Cells, Tested, list_of


class LabelMaterial(Tested):
    """The cells that were tested on the one list of a multi-label track and have their draws beside them."""

    def __init__(self, board: Board, lists: Mapping[str, Blocks]) -> None:
        self.board = board
        ((digest, self.blocks),) = lists.items()
        self.resamples = replicates.resamples(self.blocks)
        self.places: dict[Path, int] = {}
        self._values: list[float] = []
        self._drawn: list[Drawn] = []
        for cell in (cell for row in board.rows for cell in row.cells if list_of(cell) == digest):
            drawn = replicates.read(cell.path, cell.result.key)
            if drawn is not None:
                self.places[cell.path] = len(self._values)
                self._values.append(cell.scores.main)
                self._drawn.append(drawn)

    def scored(self, rows: Sequence[tuple[str, Cells]]) -> list[Sample]:
        """Mean average precision."""
        return [self._scored(name, cells) for name, cells in rows]

    def _scored(self, name: str, cells: Cells) -> Sample:
        by_split = {split: np.array([self._values[at] for at in seeds]) for split, seeds in cells.items()}
        means = [np.mean([self._drawn[at] for at in seeds], axis=0, dtype=np.float64) for seeds in cells.values()]
        return self.resamples.over_seeds(
            float(np.mean([values.mean() for values in by_split.values()])),
            np.mean(means, axis=0).astype(np.float32),
            {f"{name} {split}": values for split, values in by_split.items()},
        )
