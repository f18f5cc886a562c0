"""Accuracy against cost: which systems nobody beats in both, and who would be first with less."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from leaderboard import charts, display, measures, speeds
from leaderboard.boards import Board
from leaderboard.evidence import NONE, Evidence
from leaderboard.page import Chart, Page, Section
from leaderboard.pages.board import title as track_title
from leaderboard.pages.board import trade_off_name
from leaderboard.pages.figures import cost, figure
from leaderboard.pages.places import Places, between
from leaderboard.rows import Cost, Row
from leaderboard.scales import Axis
from leaderboard.tables import NOTHING, Column, Field, Table

SHARES = (1.0, 0.5, 0.25, 0.1)
"""Parts of the limits for which a first system is named."""

Price = Callable[[Row], float]

COSTS: Mapping[str, Price] = {
    "MACs": lambda row: _cost(row).decisive_macs,
    "bytes": lambda row: _cost(row).parameter_bytes,
}
TIME = "time"
"""Seconds a clip in the track's batch, on the hardware that the board shows."""


def page(board: Board, evidence: Mapping[str, Evidence], places: Places) -> Page:
    """Ranked systems whose cost was counted."""
    rows = [row for row in board.ranked if row.cost and row.main]
    timed = [row for row in rows if _seconds(row, board) is not None]
    fronts = {name: front(rows, price) for name, price in COSTS.items()}
    fronts |= {TIME: front(timed, _time(board))} if timed else {}
    path, score = places.trade_off(board), measures.main(board).short
    numbers = (_table(rows, fronts, board, evidence, path, places),) if rows else ()
    drawn = [_chart(name, rows, fronts[name], board, path, places) for name in COSTS] if rows else []
    drawn += [_chart(TIME, timed, fronts[TIME], board, path, places)] if timed else []
    return Page(
        path=path,
        title=f"{trade_off_name(board)}: {track_title(board)}",
        lead=(
            f"A system is on the front where no other one has at least its {score} and at most its cost, and is better "
            "in one of the two.",
            *((f"Times are those of a clip in the track's batch, on {board.hardware}.",) if timed else ()),
        ),
        sections=(
            Section("charts", trade_off_name(board), charts=tuple(drawn)),
            Section("costs", "In numbers", tables=numbers),
            Section("budget", "Who would be first with less", tables=_budget(rows, board, path, places)),
        ),
        crumbs=(("Leaderboard", "index.html"), (track_title(board), places.board(board))),
    )  # fmt: skip


def front(rows: Sequence[Row], price: Price) -> set[str]:
    """Slugs of the rows that no other row beats in accuracy and cost together."""
    found: set[str] = set()
    best: float | None = None
    for row in sorted(rows, key=lambda row: (price(row), -_accuracy(row))):
        if best is None or _accuracy(row) > best:
            best = _accuracy(row)
            cheapest = price(row)
            found |= {one.slug for one in rows if _accuracy(one) == best and price(one) == cheapest}
    return found


def _accuracy(row: Row) -> float:
    assert row.main is not None, row.name  # noqa: S101 - only such rows come here
    return row.main.value


def _cost(row: Row) -> Cost:
    assert row.cost is not None, row.name  # noqa: S101 - only such rows come here
    return row.cost


def _seconds(row: Row, board: Board) -> float | None:
    """Of a clip in the track's batch; None where the row was not timed on the board's hardware."""
    found = speeds.shown(speeds.on(row, board.hardware))
    return found.p50 / found.batch if found else None


def _time(board: Board) -> Price:
    return lambda row: _seconds(row, board) or 0.0


def _limit(board: Board, name: str) -> int | None:
    rules = board.track.rules if board.track else None
    if rules is None or name == TIME:
        return None
    return rules.limits.macs.value if name == "MACs" else rules.limits.parameter_bytes.value


def _chart(name: str, rows: Sequence[Row], on_front: set[str], board: Board, path: str, places: Places) -> Chart:
    scale, unit = {"MACs": (1e6, "million MACs"), "bytes": (1e3, "thousand bytes"), TIME: (1e-3, "ms a clip")}[name]
    score = measures.main(board)
    price = _time(board) if name == TIME else COSTS[name]
    marks = [
        charts.Mark(
            row.name, price(row) / scale, 100 * _accuracy(row),
            href=between(path, places.system(board, row)), front=row.slug in on_front,
        )
        for row in rows
    ]  # fmt: skip
    limit = _limit(board, name)
    drawn = charts.scatter(
        marks, Axis(unit, write=display.short), Axis(score.axis, write=display.short),
        title=f"{score.heading} against {name}", limits=[("limit", limit / scale)] if limit else (),
        description="Systems on the front are filled and joined; the table has the numbers.",
    )  # fmt: skip
    return Chart(drawn, "costs")


def _table(
    rows: Sequence[Row],
    fronts: Mapping[str, set[str]],
    board: Board,
    evidence: Mapping[str, Evidence],
    path: str,
    places: Places,
) -> Table:
    columns = (
        Column("system", "System", number=False),
        Column(measures.main(board).name, measures.main(board).title, "up"),
        Column("macs", "MACs", "down"),
        Column("bytes", "Bytes", "down"),
        *((Column("seconds", "Time a clip", "down"),) if TIME in fronts else ()),
        Column("front", "On the front of", number=False),
    )
    lines = []
    for row in rows:
        one, on = _cost(row), [name for name, slugs in fronts.items() if row.slug in slugs]
        lines.append(
            (
                Field(row.name, href=between(path, places.system(board, row))),
                figure(row.main, evidence.get(row.slug, NONE).mean),
                cost(one.macs, _limit(board, "MACs"), decisive=one.decisive_macs),
                cost(one.parameter_bytes, _limit(board, "bytes")),
                *((_clip_time(row, board),) if TIME in fronts else ()),
                Field(display.words(tuple(on)) or "none", on),
            )
        )
    return Table("costs", f"Ranked systems by accuracy and cost: {len(rows)}", columns, tuple(lines), sortable=True)


def _clip_time(row: Row, board: Board) -> Field:
    seconds = _seconds(row, board)
    return NOTHING if seconds is None else Field(display.seconds(seconds), seconds)


def _budget(rows: Sequence[Row], board: Board, path: str, places: Places) -> tuple[Table, ...]:
    macs, size = _limit(board, "MACs"), _limit(board, "bytes")
    if not rows or macs is None or size is None:
        return ()
    columns = (
        Column("share", "Share of both limits", number=False),
        Column("first", "First system", number=False),
        Column(measures.main(board).name, measures.main(board).title, "up"),
        Column("systems", "Systems within"),
    )
    lines = []
    for share in SHARES:
        within = [
            row for row in rows
            if _cost(row).decisive_macs <= share * macs and _cost(row).parameter_bytes <= share * size
        ]  # fmt: skip
        best = max(within, key=_accuracy, default=None)
        name = Field(best.name, href=between(path, places.system(board, best))) if best else Field("nobody", "")
        accuracy = figure(best.main if best else None)
        lines.append((Field(f"{share:.0%}", share), name, accuracy, Field(display.count(len(within)), len(within))))
    return (Table("budget", "The most accurate system within a part of the limits", columns, tuple(lines)),)
