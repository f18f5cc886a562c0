"""What evidence is made of where clips have one label each: what the cells of a board scored in blocks of clips."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness import results
from harness.blocks import Blocks, Sums
from harness.scoring import CALIBRATION_BINS
from harness.statistics.estimates import Drawn, Floats, Sample
from harness.statistics.resampling import REMEMBERED, RESAMPLES, Bools, Measure, Resamples, scored, scored_of
from leaderboard.boards import Board
from leaderboard.label_material import LabelMaterial
from leaderboard.tested import Cells, Tested, list_of
from leaderboard.workers import spread

MANY = 100
"""Systems above which a board draws fewer resamples."""

RESAMPLES_OF_MANY = 2_000


class Material(Tested):
    """What the cells scored in every block of the test clips.

    Splits may have test lists of their own (folds): `lists` has the blocks of each by its digest, `blocks` are those of
    all lists, one behind the other, and a cell has nothing in blocks that it was not tested on. Cells that were tested
    on other clips, or whose predictions are missing, are not here.
    """

    def __init__(self, board: Board, lists: Mapping[str, Blocks]) -> None:
        self.board = board
        self.blocks = blocks = Blocks.joined(list(lists.values()))
        self.resamples = Resamples(blocks, RESAMPLES if len(board.rows) <= MANY else RESAMPLES_OF_MANY)
        ends = np.cumsum([0, *map(len, lists.values())])
        self._slices = {name: slice(*ends[at : at + 2]) for at, name in enumerate(lists)}
        same = [cell for row in board.rows for cell in row.cells if list_of(cell) in lists]
        self._list_of_cell = [str(list_of(cell)) for cell in same]
        small = np.uint16 if blocks.clips.max() < 2**16 else np.uint32
        self.correct = np.zeros((len(same), len(blocks)), dtype=small)
        self.loss = np.zeros((len(same), len(blocks)), dtype=np.float32)
        self.reliability = np.zeros((len(same), 3, CALIBRATION_BINS), dtype=np.float32)
        self.places: dict[Path, int] = {}

        def read(at: int) -> Sums | None:
            return Sums.read(same[at].path, same[at].result.key, lists[self._list_of_cell[at]])

        for at, sums in enumerate(spread(read, len(same))):
            if sums is not None:
                own = self._slices[self._list_of_cell[at]]
                self.places[same[at].path] = at
                self.correct[at, own], self.loss[at, own], self.reliability[at] = (
                    sums.correct,
                    sums.loss,
                    sums.reliability,
                )
        self._values: dict[tuple[Measure, bytes], Floats] = {}
        self._means: dict[tuple[tuple[int, ...], ...], Sums] = {}

    def mean(self, cells: Cells) -> Sums:
        """The mean over seeds, then over the splits that were tested on a block, block by block.

        Where all splits are tested on the same clips, its scores are the means of the cells' scores.
        """
        key = tuple(tuple(seeds) for seeds in cells.values())
        if key not in self._means:
            self._means = {} if len(self._means) >= REMEMBERED else self._means
            self._means[key] = self._mean(cells)
        return self._means[key]

    def _mean(self, cells: Cells) -> Sums:
        parts = [(self.correct[seeds].mean(axis=0), self.loss[seeds].mean(axis=0)) for seeds in cells.values()]
        reliability = np.mean([self.reliability[seeds].mean(axis=0) for seeds in cells.values()], axis=0)
        tested = np.zeros(len(self.blocks))
        for seeds in cells.values():
            tested[self._tested_on(seeds)] += 1
        often = np.maximum(tested, 1)
        correct, loss = (np.stack(part).sum(axis=0, dtype=np.float64) / often for part in zip(*parts, strict=True))
        return Sums(correct, loss, reliability)

    def _tested_on(self, seeds: Sequence[int]) -> slice:
        """The blocks of the list that the cells of a split were tested on."""
        return self._slices[self._list_of_cell[seeds[0]]]

    def scored(self, rows: Sequence[tuple[str, Cells]]) -> list[Sample]:
        """Macro accuracy."""
        return self.samples(rows, "macro_accuracy")

    def samples(self, rows: Sequence[tuple[str, Cells]], measure: Measure, chosen: Bools | None = None) -> list[Sample]:
        """The measure of rows (name, cells): means over seeds, then over splits, with the noise of both levels."""
        if not rows:
            return []
        values, drawn = self._drawn(rows, measure, chosen)
        single = self.scores(measure, chosen)
        return [
            self.resamples.over_seeds(
                float(values[at]),
                drawn[:, at],
                {f"{name} {split}": single[list(seeds)] for split, seeds in cells.items()},
            )
            for at, (name, cells) in enumerate(rows)
        ]

    def _drawn(self, rows: Sequence[tuple[str, Cells]], measure: Measure, chosen: Bools | None) -> tuple[Floats, Drawn]:
        """(rows,) and (resamples, rows): the mean over lists, each counting as often as a row's splits have it."""
        means = [self.mean(cells) for _, cells in rows]
        if len(self._slices) == 1:
            return scored(self.blocks, means, measure, chosen), self.resamples.drawn(means, measure, chosen)
        values, weights = np.zeros(len(rows)), np.zeros(len(rows))
        drawn: Drawn = np.zeros((len(self.resamples), len(rows)), dtype=np.float32)
        for own in self._slices.values():
            mask = self._within(own, chosen)
            often = np.array([sum(self._tested_on(seeds) == own for seeds in cells.values()) for _, cells in rows])
            if mask.any() and often.any():
                values += often * scored(self.blocks, means, measure, mask)
                drawn = drawn + often.astype(np.float32) * self.resamples.drawn(means, measure, mask)
                weights += often
        weights = np.maximum(weights, 1)
        means_drawn: Drawn = np.divide(drawn, weights, dtype=np.float32)
        return values / weights, means_drawn

    def _within(self, own: slice, chosen: Bools | None) -> Bools:
        """The chosen blocks of one list."""
        mask = np.zeros(len(self.blocks), dtype=bool)
        mask[own] = True if chosen is None else chosen[own]
        return mask

    def scores(self, measure: Measure, chosen: Bools | None = None) -> Floats:
        """(cells,): the measure of every cell on the clips that it was tested on."""
        key = (measure, b"" if chosen is None else chosen.tobytes())
        if key not in self._values:
            every: NDArray[np.generic] = self.loss if measure == "log_loss" else self.correct
            found = np.zeros(len(every))
            for name, own in self._slices.items():
                mask = self._within(own, chosen)
                tested = [at for at, each in enumerate(self._list_of_cell) if each == name]
                if mask.any() and tested:
                    found[tested] = scored_of(self.blocks, every[tested], measure, mask)
            self._values[key] = found
        return self._values[key]

    def heard_by(self, devices: Iterable[str]) -> Bools:
        """The blocks that some devices heard."""
        wanted = set(devices)
        return np.isin(self.blocks.device, [i for i, name in enumerate(self.blocks.devices) if name in wanted])


def material(board: Board, folders: Sequence[Path]) -> Material | LabelMaterial | None:
    """The clips that most cells of each split were tested on; None where a list lies under none of the folders."""
    usual = [name for name in dict.fromkeys(board.test_lists.values()) if name]
    lists: dict[str, Blocks] = {}
    for name in usual:
        read = (Blocks.read(results.clips_path(folder, board.name, name)) for folder in folders)
        found = next((blocks for blocks in read if blocks is not None), None)
        if found is None:
            return None
        lists[name] = found
    if not lists:
        return None
    return LabelMaterial(board, lists) if board.track and board.track.multi_label else Material(board, lists)
