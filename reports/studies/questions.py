"""Questions to results: two systems on the same test clips, as Markdown, beside what a paper printed.

Intervals and p-values are those of the leaderboard: locations and seeds drawn anew, paired (docs/statistics.md).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tabulate import tabulate

from harness import tracks
from harness.statistics.estimates import Difference, Sample
from harness.statistics.resampling import Measure
from leaderboard import display, pairs, printed, site
from leaderboard.boards import boards
from leaderboard.material import Material, material

RESULTS = Path(__file__).parents[1] / "results"

Cell = tuple[str, str, str, str]


@dataclass(frozen=True)
class Question:
    """`one` against `other`, as `nox -s compare` takes them, on some splits.

    `cells` are the printed numbers (paper, table, row, column) of the two, `about` their data set and measure.
    `same_seeds`: only seeds that both have are compared, else all.
    """

    title: str
    one: str
    other: str
    splits: tuple[str, ...]
    cells: tuple[Cell, Cell] | None
    about: str = ""
    same_seeds: bool = False


@dataclass(frozen=True)
class Report:
    """Questions to the results of a track."""

    track: str
    head: str
    questions: tuple[Question, ...]


def written(report: Report, folders: Sequence[Path]) -> str:
    """The report as Markdown."""
    cells, _ = site.read(folders)
    every = boards(cells, {report.track: tracks.load(report.track)[0]})
    board = next(one for one in every if one.name == report.track)
    clips = material(board, folders)
    if not isinstance(clips, Material):
        sys.exit("error: the test clips do not lie beside the results")
    parts = [report.head, *(part for question in report.questions for part in _answered(question, clips))]
    return "\n\n".join(parts) + "\n"


def _answered(question: Question, clips: Material) -> Iterator[str]:
    yield f"## {question.title}"
    yield f"`{question.one}` against `{question.other}`, {_splits(question, clips)}. {_printed(question)}"
    known = {name for row in clips.board.rows for name in (row.name, row.slug)}
    rows = [pairs.named(clips.board, name) for name in (question.one, question.other) if name in known]
    if len(rows) < 2 or not all(set(question.splits) <= row.by_split.keys() for row in rows):
        yield "Not run yet."
        return
    if question.same_seeds:
        both = set.intersection(*(set(row.seeds(split)) for row in rows for split in question.splits))
        rows = [replace(row, cells=tuple(cell for cell in row.cells if cell.seed in both)) for row in rows]
    cells = [clips.cells(row, question.splits) for row in rows]
    if not all(cells):
        sys.exit(f"error: {question.title}: the sums of a cell are missing")
    having = [(row.slug, found) for row, found in zip(rows, cells, strict=True) if found]
    track = clips.board.track
    groups = track.device_groups if track else {}
    parts: dict[str, tuple[Measure, tuple[str, ...]]] = {
        "macro accuracy, %": ("macro_accuracy", clips.blocks.devices),
        **{f"{name} devices, %": ("accuracy", devices) for name, devices in groups.items()},
        "log loss, nats": ("log_loss", clips.blocks.devices),
    }
    lines = []
    for name, (measure, devices) in parts.items():
        samples = clips.samples(having, measure, clips.heard_by(devices))
        lines.append([name, *_line(samples, clips.resamples.difference(*samples), 1 if measure == "log_loss" else 100)])
    seeds = [min((row.seeds(split) for split in question.splits), key=len) for row in rows]
    named = [f"{row.name.partition('/')[2]}, {_seeds(own)}" for row, own in zip(rows, seeds, strict=True)]
    yield tabulate(lines, ["", *named, "difference", "95 %", "p"], tablefmt="github", disable_numparse=True)


def _splits(question: Question, clips: Material) -> str:
    if clips.board.folds:
        return f"folds {display.words(question.splits)}"
    return f"split {display.words(question.splits)} %"


def _seeds(seeds: tuple[int, ...]) -> str:
    return f"{len(seeds)} seeds" if len(seeds) > 1 else "one seed"


def _line(samples: Sequence[Sample], found: Difference, times: int) -> list[str]:
    digits = 2 if times == 100 else 3
    written = [f"{times * sample.value:.{digits}f}" for sample in samples]
    between = f"{times * found.low:+.{digits}f} to {times * found.high:+.{digits}f}"
    sure = " *" if found.low > 0 or found.high < 0 else ""
    return [*written, f"{times * found.value:+.{digits}f}{sure}", between, display.p_value(found.p_value)]


def _printed(question: Question) -> str:
    if question.cells is None:
        return "The paper prints no such pair."
    one, other = (
        printed.paper(paper).table(table).row(row).values[column] for paper, table, row, column in question.cells
    )
    paper, table, *_ = question.cells[0]
    where = f"{printed.paper(paper).title}, {table}"
    return f"Printed ({where}, {question.about}): {one:.2f} against {other:.2f}, {one - other:+.2f}."
