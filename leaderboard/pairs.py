"""Pairs: which two systems of a track have a page that compares them: the best ones, and those somebody asked for.

What was asked for stands in `compared.csv` beside the track's results, a pair of slugs a line, so that every later
build makes the same pages.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Sequence
from io import StringIO
from itertools import pairwise
from pathlib import Path

from harness.files import write_bytes
from harness.outcomes import Mistake, nearest
from leaderboard.boards import Board
from leaderboard.rows import Row

FILE = "compared.csv"
HEADER = ("one", "other")

EVERY_TWO = 8
"""Ranked systems of which every two have a page."""

NEIGHBOURS = 32
"""Ranked systems after those that have a page with the one before them."""

Pair = tuple[Row, Row]


def pairs(board: Board, folders: Sequence[Path]) -> tuple[Pair, ...]:
    """The pairs of a board that have a page, each once and in the order of the board."""
    place = {row.slug: at for at, row in enumerate(board.rows)}
    known = [pair for folder in folders for pair in _asked(_file(board, folder)) if place.keys() >= set(pair)]
    asked = [sorted(pair, key=place.__getitem__) for pair in known]
    by_slug = {row.slug: row for row in board.rows}
    every = [*_best(board.ranked), *((by_slug[one], by_slug[other]) for one, other in asked)]
    return tuple({(one.slug, other.slug): (one, other) for one, other in every}.values())


def _best(ranked: Sequence[Row]) -> Iterator[Pair]:
    head = ranked[:EVERY_TWO]
    yield from ((one, other) for at, one in enumerate(head) for other in head[at + 1 :])
    yield from pairwise(ranked[EVERY_TWO - 1 : EVERY_TWO + NEIGHBOURS])


def ask(board: Board, one: Row, other: Row, folder: Path) -> None:
    """Keeps a pair in the results `folder`; nothing changes where it is kept already."""
    path = _file(board, folder)
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    wanted = dict.fromkeys([*_asked(path), _in_order(one.slug, other.slug)])
    writer.writerows([HEADER, *wanted])
    write_bytes(path, text.getvalue().encode())


def _file(board: Board, folder: Path) -> Path:
    """Beside the results of a track; a name that is a path leads nowhere else."""
    return folder / Path(board.name).name / FILE


def _asked(path: Path) -> list[tuple[str, str]]:
    """The pairs of a file; lines that are none are passed over."""
    try:
        lines = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    except (OSError, ValueError, csv.Error):
        return []
    return [_in_order(*line) for line in lines if len(line) == len(HEADER) and line[0] != line[1] and line != [*HEADER]]


def _in_order(one: str, other: str) -> tuple[str, str]:
    return (one, other) if one < other else (other, one)


def track_of(one: str, other: str, made: Collection[Board]) -> str:
    """The track that both systems have results on; `Mistake` where that is none, or several."""
    names = {board.name: {name for row in board.rows for name in (row.slug, row.name)} for board in made}
    both = [track for track, known in names.items() if {one, other} <= known]
    if len(both) == 1:
        return both[0]
    if both:
        problem = f"{one} and {other} are both on {len(both)} tracks."
        raise Mistake("compare.track", problem, f"Choose with --track: {', '.join(sorted(both))}.")
    every = set().union(*names.values())
    for name in (one, other):
        if name not in every:
            systems = {row.name for board in made for row in board.rows}
            raise Mistake("compare.system", f"No system with a score is called {name}.", nearest(name, systems))
    raise Mistake("compare.track", f"{one} and {other} are on no track together.", "Evaluate them on the same one.")


def named(board: Board, name: str) -> Row:
    """The row that `name` says, as ENTRY/SYSTEM or as its page is called; `Mistake` where that is none, or several."""
    found = [row for row in board.rows if name in (row.slug, row.name)]
    found = [row for row in found if row.slug == name] or found
    if len(found) == 1:
        return found[0]
    if found:
        slugs = ", ".join(row.slug for row in found)
        problem = f"{len(found)} systems of {board.name} are called {name}."
        raise Mistake("compare.system", problem, f"Name one by its page: {slugs}.")
    problem = f"No system of {board.name} with a score is called {name}."
    raise Mistake("compare.system", problem, nearest(name, [row.name for row in board.rows]))
