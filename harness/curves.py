"""Training curves: losses by epoch that an entry may leave in `run.work`, read as what strangers wrote."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from pathlib import Path

METRICS = "metrics.csv"
"""A table with the column `epoch`, as `baselines.training` writes it."""

SUFFIX = ".training.csv"
"""What the name of a result's curves ends in, beside its record."""

LARGEST = 2**20
NAMES_MOST, NAME_LONGEST, EPOCHS_MOST = 16, 40, 10_000


@dataclass(frozen=True)
class Curves:
    """Metrics by epoch: `names` without "epoch", and a row of numbers for every one of `epochs`."""

    names: tuple[str, ...]
    epochs: tuple[int, ...]
    rows: tuple[tuple[float, ...], ...]

    def column(self, name: str) -> tuple[float, ...]:
        """One metric, by epoch."""
        place = self.names.index(name)
        return tuple(row[place] for row in self.rows)

    def csv(self) -> bytes:
        """The table as CSV, numbers with six digits."""
        lines = [",".join(("epoch", *self.names))]
        lines += [
            ",".join((str(epoch), *(f"{value:.6g}" for value in row)))
            for epoch, row in zip(self.epochs, self.rows, strict=True)
        ]
        return ("\n".join(lines) + "\n").encode()


def read(path: Path) -> Curves | None:
    """The curves in a file; None where there is none, or what lies there is no table of finite numbers."""
    try:
        if path.stat().st_size > LARGEST:
            return None
        return parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def parse(text: str) -> Curves | None:
    """Curves of a CSV text; None where it is none. Raises ValueError for what is no number."""
    table = list(csv.reader(io.StringIO(text)))
    if len(table) < 2 or table[0][:1] != ["epoch"] or len(table) > EPOCHS_MOST:
        return None
    names = tuple(table[0][1:])
    plain = all(name.isidentifier() and len(name) <= NAME_LONGEST for name in names)
    if not names or not plain or len(names) > NAMES_MOST or len(set(names)) < len(names):
        return None
    if any(len(row) != len(table[0]) for row in table[1:]):
        return None
    rows = tuple(tuple(float(field) for field in row[1:]) for row in table[1:])
    if not all(math.isfinite(value) for row in rows for value in row):
        return None
    return Curves(names, tuple(int(row[0]) for row in table[1:]), rows)
