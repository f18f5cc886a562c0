"""What all evidence is made of: the test clips of a board, draws of their locations, its cells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from harness.blocks import Blocks
from harness.statistics.estimates import Sample
from harness.statistics.resampling import Resamples
from leaderboard.boards import Board
from leaderboard.rows import Cell, Row

Cells = Mapping[str, Sequence[int]]
"""A row's cells: by split, one for each seed, as places in `Tested`."""


class Tested:
    """The test clips of a board, draws of their locations, and the cells whose predictions are known, by their path."""

    board: Board
    blocks: Blocks
    resamples: Resamples
    places: dict[Path, int]

    def cells(self, row: Row, splits: Iterable[str]) -> Cells | None:
        """A row's cells by split and seed; None where a split, or the predictions of a cell, are missing."""
        found: dict[str, list[int]] = {split: [] for split in splits}
        for cell in row.cells:
            if cell.split in found:
                if cell.path not in self.places:
                    return None
                found[cell.split].append(self.places[cell.path])
        return found if found and all(found.values()) else None

    def scored(self, rows: Sequence[tuple[str, Cells]]) -> list[Sample]:
        """The main score of rows (name, cells): means over seeds, then over splits, with the noise of both levels."""
        raise NotImplementedError


def list_of(cell: Cell) -> str | None:
    """The digest of the clips that a cell was tested on."""
    return cell.result.digests.test_list
