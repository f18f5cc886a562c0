"""What is not ranked, and why: nothing is left out without a word."""

from __future__ import annotations

from collections.abc import Sequence

from harness.results import Damaged
from leaderboard.boards import Board
from leaderboard.page import Page, Section
from leaderboard.pages import places as at
from leaderboard.pages.board import failures, notes
from leaderboard.pages.board import title as track_title
from leaderboard.pages.places import Places, between
from leaderboard.tables import Column, Field, Table


def page(boards: Sequence[Board], damaged: Sequence[Damaged], places: Places) -> Page:
    """Unranked systems, failures and damaged files of all tracks."""
    sections = [_of(board, number, places) for number, board in enumerate(boards, start=1)]
    return Page(
        path=at.EXCLUDED,
        title="Not ranked, and why",
        lead=("Every result has one place: in a ranking, among older results of the same cell, or here.",),
        sections=(*sections, Section("damaged", "Damaged files", tables=_damaged(damaged, places))),
        crumbs=(("Leaderboard", at.INDEX),),
    )


def _of(board: Board, number: int, places: Places) -> Section:
    found = []
    if board.unranked:
        columns = (Column("system", "System", number=False), Column("why", "Why", number=False))
        rows = tuple(
            (
                Field(row.name, notes=notes(row), href=between(at.EXCLUDED, places.system(board, row))),
                Field("; ".join(row.marks), list(row.marks)),
            )
            for row in board.unranked
        )  # fmt: skip
        found.append(Table(f"unranked-{number}", f"Not ranked: {len(rows)}", columns, rows))
    if board.failures:
        cells = sum(len(one.cells) for one in board.failures)
        found.append(failures(board, f"failed-{number}", f"Cells without a score: {cells}", places, at=at.EXCLUDED))
    return Section(f"track-{number}", track_title(board), tables=tuple(found))


def _damaged(damaged: Sequence[Damaged], places: Places) -> tuple[Table, ...]:
    if not damaged:
        return ()
    columns = (Column("file", "File", number=False), Column("why", "Why it is no result", number=False))
    rows = tuple(
        (Field(places.result(one.path), href=places.to_file(at.EXCLUDED, one.path)), Field(one.why)) for one in damaged
    )
    return (Table("damaged", f"Files that count for nothing: {len(rows)}", columns, rows),)
