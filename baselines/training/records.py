"""What a training writes down after every epoch: a CSV file, and the same as TensorBoard events."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from tensorboardX import SummaryWriter

Row = Mapping[str, float]


class Record:
    """Metrics by epoch, in `<folder>/metrics.csv` and `<folder>/tensorboard`.

    The file is rewritten whole, so that a resumed run has each epoch once. Without a folder they are remembered only.
    """

    def __init__(self, folder: Path | None, rows: Sequence[Row] = ()) -> None:
        self.folder = folder
        self.rows = [dict(row) for row in rows]
        self._events = SummaryWriter(str(folder / "tensorboard"), purge_step=len(self.rows) + 1) if folder else None

    def add(self, row: Row) -> None:
        """Another epoch; `row` has the same names every time."""
        self.rows.append(dict(row))
        if self.folder is None or self._events is None:
            return
        with (self.folder / "metrics.csv").open("w", newline="") as stream:
            writer = csv.DictWriter(stream, ["epoch", *self.rows[0]])
            writer.writeheader()
            writer.writerows({"epoch": epoch, **row} for epoch, row in enumerate(self.rows, start=1))
        for name, value in row.items():
            self._events.add_scalar(name, value, len(self.rows))
        self._events.flush()

    def column(self, name: str) -> list[float]:
        """One metric by epoch."""
        return [row[name] for row in self.rows]

    def close(self) -> None:
        """Ends the events file."""
        if self._events:
            self._events.close()
