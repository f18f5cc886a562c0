"""The first page: every track, who leads it, and what else is here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from leaderboard.boards import Board
from leaderboard.display import STATUSES, Statement, count, loss
from leaderboard.evidence import NONE, Evidence
from leaderboard.measures import main
from leaderboard.page import Page, Section
from leaderboard.pages import places as at
from leaderboard.pages.board import title
from leaderboard.pages.figures import figure
from leaderboard.pages.places import Places, between
from leaderboard.rows import Row
from leaderboard.tables import NOTHING, Column, Field, Table

LEAD = (
    "Low-complexity acoustic scene classification: every system here was checked against its edition's limits, "
    "trained, and scored by one and the same program, dcase-bench."
)
NO_RESULTS = (
    "There is no result in the results folder. This command makes one, in some minutes, on data that it makes itself:"
)
FIRST_COMMAND = "nox -s evaluate -- baselines/systems/dcase2024"


def page(
    boards: Sequence[Board], evidence: Mapping[str, Mapping[str, Evidence]], excluded: int, places: Places
) -> Page:
    """Links to every board; `excluded`: how many results count for nothing."""
    empty = Section("empty", "No results yet", (NO_RESULTS,), command=FIRST_COMMAND)
    tracks = Section("tracks", "Tracks", tables=(_table(boards, evidence, places),) if boards else ())
    return Page(
        path=at.INDEX,
        title="DCASE Task 1 leaderboard",
        lead=(LEAD,),
        sections=(
            tracks if boards else empty,
            Section(
                "more",
                "Also here",
                links=(
                    ("Tables of papers, measured beside printed", at.STUDIES),
                    ("The rules: limits and counting, by year", at.RULES),
                    (f"Results that are not ranked, and why ({excluded})", at.EXCLUDED),
                    ("Feed of new results (Atom)", at.FEED),
                ),
            ),
            Section("reading", "How to read these pages", statements=READING),
        ),
    )


def _table(boards: Sequence[Board], evidence: Mapping[str, Mapping[str, Evidence]], places: Places) -> Table:
    columns = (
        Column("track", "Track", number=False),
        Column("first", "First", number=False),
        Column("score", "Its score, %", "up"),
        Column("log_loss", "Its log loss", "down"),
        Column("ranked", "Ranked"),
        Column("others", "Not ranked"),
        Column("newest", "Newest result", number=False),
    )
    return Table(
        "tracks", f"Tracks with results: {len(boards)}", columns, tuple(_row(one, evidence, places) for one in boards)
    )


def _row(board: Board, evidence: Mapping[str, Mapping[str, Evidence]], places: Places) -> tuple[Field, ...]:
    first = board.ranked[0] if board.ranked else None
    found = evidence.get(board.name, {}).get(first.slug, NONE) if first else NONE
    newest = max((cell.result.created for cell in board.cells), default="")
    others = len(board.unranked) + len(board.teachers) + len(board.failures)
    return (
        Field(title(board), board.name, href=between(at.INDEX, places.board(board)), code=board.name),
        _named(first, board, places),
        _score(first, found, board),
        _log_loss(first, found),
        Field(count(len(board.ranked)), len(board.ranked)),
        Field(count(others), others),
        Field(newest[:10], newest),
    )


def _named(first: Row | None, board: Board, places: Places) -> Field:
    if first is None:
        return Field("nobody yet", "")
    return Field(first.title, first.name, href=between(at.INDEX, places.system(board, first)), code=first.name)


def _log_loss(first: Row | None, found: Evidence) -> Field:
    return figure(first.others.get("log_loss"), found.others.get("log_loss"), write=loss) if first else NOTHING


def _score(first: Row | None, found: Evidence, board: Board) -> Field:
    """The main score of the first system, with what it is called."""
    if first is None:
        return NOTHING
    field = figure(first.main, found.mean)
    return replace(field, notes=(main(board).short, *field.notes)) if first.main else field


READING = (
    Statement(
        "Means",
        "Of every split, the mean over the seeds that have a score, ± their sample standard deviation; n is the "
        "number of seeds. Log loss, device groups, gap and worst device are means over the splits of the ranking.",
    ),
    Statement(
        "Intervals",
        "The smaller figures “low to high” hold the true score with a probability of 95 %: recording locations, "
        "and seeds, are drawn anew 10,000 times (2,000 times on boards of more than 100 systems). Clips of one "
        "location are not independent, so clips are never drawn one by one.",
    ),
    Statement(
        "Ranks",
        "Equal scores share the better rank. Below a rank stand the ranks that the system may truly have, by "
        "paired tests of all pairs of systems at once (Holm, 5 %), and its group: systems that cannot be told "
        "apart from the best one of the group.",
    ),
    Statement(
        "Not ranked",
        "Systems that lack a split, unofficial runs, runs of another version of the track, and teachers are shown"
        " and not ranked.",
    ),
    Statement("Gap", "Accuracy on the group “seen” less that on the group “unseen”, in percentage points."),
    Statement(
        "Cost",
        "Bytes are those of all parameters, each in its own number format. MACs are multiply-accumulate "
        "operations for one clip by this project's count; the organisers' count (torchinfo) must be within the "
        "limit too, and the bar shows the larger.",
    ),
    *(Statement(status, f"A figure of the rules that was {meaning}.") for status, meaning in STATUSES.items()),
)
