"""The page of a track: who is first, by how much, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from leaderboard import charts, display, measures
from leaderboard.boards import Board, Failure
from leaderboard.evidence import NONE, Evidence
from leaderboard.page import Chart, Page, Section
from leaderboard.pages.figures import cost, figure, speed
from leaderboard.pages.places import Places
from leaderboard.rows import Row
from leaderboard.scales import Axis
from leaderboard.tables import NOTHING, Column, Field, Table
from leaderboard.tested import Tested


def page(
    board: Board,
    evidence: Mapping[str, Evidence],
    compared: Sequence[tuple[str, str]],
    printed: tuple[Table, ...],
    clips: Tested | None,
    places: Places,
) -> Page:
    """The board; `compared` are pages of two systems (title, path), `printed` what papers print of this track."""
    made = _Tables(board, evidence, places)
    return Page(
        path=places.board(board),
        title=title(board),
        lead=(display.rule_in_words(board), *_status(board), *_limits(board), *_timed(board)),
        sections=(
            Section("systems", "Ranked systems", _nothing(board), tables=made.ranked()),
            Section("intervals", "How sure the order is", _narrow(clips), charts=made.intervals()),
            Section("more", "Look closer", links=_closer(board, compared, places)),
            Section("unranked", "Not ranked", _incomparable(board), tables=made.unranked()),
            Section("teachers", "Teachers", TEACHERS if board.teachers else (), tables=made.teachers()),
            Section("printed", "Printed by papers", PRINTED if printed else (), tables=printed, folded=True),
            Section("failures", "Failures and refusals", tables=made.failures()),
            Section("devices", "Accuracy on every device", tables=made.devices(), folded=True),
            Section("older", "Older results of the same cells", tables=made.superseded(), folded=True),
            Section("rules", "Rules and data of this track", statements=tuple(display.statements(board)), folded=True),
        ),
        crumbs=(("Leaderboard", "index.html"),),
    )


PRINTED = ("Numbers of papers and official pages: nobody measured them here, and they are not ranked.",)

DRAWN = 30
"""Ranked systems that the chart of intervals shows."""

SPEED = "beside the official 2024 baseline in the same run, in turns, with its 95 % interval"

TEACHERS = ("Systems that others learn from. They need not keep the limits, and are not ranked.",)


def title(board: Board) -> str:
    """What the track is called."""
    return board.track.title if board.track else board.name


def _status(board: Board) -> tuple[str, ...]:
    if board.track is None:
        return ()
    rule = board.track.ranking
    return (f"Ranking rule: {rule.status} ({rule.source}).",)


def _limits(board: Board) -> tuple[str, ...]:
    if board.track is None:
        return ()
    limits = [f"{limit.text} {limit.about} ({limit.status})" for limit in display.limits(board.track)]
    within = f"Limits of {board.track.rules.title}: {'; '.join(limits)}." if board.track.rules else "No limits."
    clips = f"; {display.test_clips(board)} test clips{display.each(board)}" if board.clips else ""
    return (f"{within} Data: {display.data_title(board.track)}{clips}.",)


def _timed(board: Board) -> tuple[str, ...]:
    if not board.hardware:
        return ()
    return (f"Speed: on {board.hardware}, {SPEED}. Systems that were timed elsewhere say so and do not compare.",)


def _nothing(board: Board) -> tuple[str, ...]:
    return ("Nothing is ranked here yet.",) if board.track and not board.ranked else ()


def _incomparable(board: Board) -> tuple[str, ...]:
    if any(row.main is None for row in board.unranked):
        return ("Figures of incomplete systems are means over what is there: they do not compare with ranked ones.",)
    return ()


def _narrow(clips: Tested | None) -> tuple[str, ...]:
    """Where locations are too few to say how sure a class is."""
    lonely = clips.resamples.lonely if clips else 0
    if not lonely:
        return ()
    classes = "A class has" if lonely == 1 else f"{lonely} classes have"
    return (f"{classes} a single recording location, which cannot be drawn anew: all intervals here are too narrow.",)


def _closer(board: Board, compared: Sequence[tuple[str, str]], places: Places) -> tuple[tuple[str, str], ...]:
    if not board.ranked:
        return ()
    links = [(trade_off_name(board), places.trade_off(board)), *compared]
    return tuple((name, places.way(board, path)) for name, path in links)


def trade_off_name(board: Board) -> str:
    """What the page of scores against cost is called."""
    return "Precision against cost" if board.track and board.track.multi_label else "Accuracy against cost"


class _Tables:
    """The tables of a board; columns are the same in all of them."""

    def __init__(self, board: Board, evidence: Mapping[str, Evidence], places: Places) -> None:
        self.board, self.evidence, self.places = board, evidence, places
        self.by = display.ranked_by(board)
        self.main, self.others = measures.main(board), measures.others(board)
        limits = board.track.rules.limits if board.track and board.track.rules else None
        self.bytes_limit = limits.parameter_bytes.value if limits else None
        self.macs_limit = limits.macs.value if limits else None

    def ranked(self) -> tuple[Table, ...]:
        return self._systems("ranked", "Ranked systems", self.board.ranked)

    def intervals(self) -> tuple[Chart, ...]:
        """The first systems by what they are ranked by, where at least two have intervals."""
        scores = [(row, self.evidence.get(row.slug, NONE).score) for row in self.board.ranked[:DRAWN]]
        known = [(row, score) for row, score in scores if score]
        if len(known) < 2:
            return ()
        share = self.by in ("split", "mean")
        times = 100.0 if share else 1.0
        bars = [
            charts.Bar(
                row.name, times * score.value, times * score.low, times * score.high,
                href=self.places.way(self.board, self.places.system(self.board, row)),
            )
            for row, score in known
        ]  # fmt: skip
        titles = {"log_loss": "log loss, nats", "weighted_rank": "weighted rank"}
        axis = Axis(titles.get(self.by or "", self.main.axis), write=display.short)
        which = f"The first {len(bars)} systems" if len(bars) < len(self.board.ranked) else "Ranked systems"
        drawn = charts.intervals(
            bars, axis, title=f"{which} with their 95 % intervals",
            description="Best first. Systems whose intervals overlap may still differ: groups come from paired tests.",
        )  # fmt: skip
        return (Chart(drawn, "ranked"),)

    def unranked(self) -> tuple[Table, ...]:
        return self._systems("unranked", "Systems that are not ranked", self.board.unranked)

    def teachers(self) -> tuple[Table, ...]:
        return self._systems("teachers", "Teachers", self.board.teachers)

    def _systems(self, name: str, caption: str, rows: Sequence[Row]) -> tuple[Table, ...]:
        if not rows:
            return ()
        fields = tuple(tuple(self._row(row, ranked=name == "ranked")) for row in rows)
        columns = self._columns(ranked=name == "ranked")
        return (Table(name, f"{caption}: {len(rows)}", columns, fields, sortable=True),)

    def _columns(self, *, ranked: bool) -> tuple[Column, ...]:
        board, by = self.board, self.by
        found = [Column("rank", "Rank", "down")] if ranked else []
        found.append(Column("system", "System", number=False))
        if by == "mean":
            found.append(Column("mean", f"Mean of {'folds' if board.folds else 'splits'}, %", "up", ranks=True))
        elif by == "weighted_rank":
            found.append(Column("weighted_rank", "Weighted rank", "down", ranks=True))
        found += [
            Column(
                f"split_{split}",
                display.split_name(board, split),
                "up",
                group=self.main.title,
                ranks=by == "split" and split in board.required,
            )
            for split in board.splits
        ]
        found += [Column(one.name, one.title, one.better, ranks=by == one.name) for one in self.others]
        found += [Column(name, name, "up", group="Accuracy by device, %") for name in board.groups]
        if board.devices:
            found.append(Column("worst_device", "worst", "up", group="Accuracy by device, %"))
            found.append(Column("gap", "Gap, points", "down"))
        cost = "Cost, % of limit"
        found += [Column("bytes", "Bytes", "down", group=cost), Column("macs", "MACs", "down", group=cost)]
        if board.hardware:
            found.append(Column("times_baseline", "times the baseline", "up", group="Speed"))
            found.append(Column("clips_per_second", "clips/s", "up", group="Speed"))
        return tuple(found)

    def _row(self, row: Row, *, ranked: bool) -> list[Field]:
        board, found = self.board, self.evidence.get(row.slug, NONE)
        own = self.places.way(board, self.places.system(board, row))
        fields = [_rank(row, found)] if ranked else []
        fields.append(_system(row, own, [self.places.result(cell.path) for cell in row.cells]))
        if self.by == "mean":
            fields.append(figure(row.main, found.mean, href=f"{own}#scores"))
        elif self.by == "weighted_rank":
            fields.append(figure(row.score, found.score, write=display.score, href=f"{own}#scores"))
        href = f"{own}#scores"
        fields += [figure(row.by_split.get(name), found.splits.get(name), href=href) for name in board.splits]
        fields += [figure(row.others.get(one.name), found.others.get(one.name), write=one.write) for one in self.others]
        fields += [figure(row.groups.get(name), found.groups.get(name)) for name in board.groups]
        fields += [_worst(row), figure(row.gap, found.gap)] if board.devices else []
        if row.cost:
            fields.append(cost(row.cost.parameter_bytes, self.bytes_limit))
            fields.append(cost(row.cost.macs, self.macs_limit, decisive=row.cost.decisive_macs))
        else:
            fields += [NOTHING, NOTHING]
        if board.hardware:
            fields += speed(row, board.hardware, f"{own}#speed")
        return fields

    def failures(self) -> tuple[Table, ...]:
        if not self.board.failures:
            return ()
        cells = sum(len(failure.cells) for failure in self.board.failures)
        return (failures(self.board, "failed", f"Cells without a score: {cells}", self.places),)

    def devices(self) -> tuple[Table, ...]:
        board = self.board
        if not board.rows or not board.devices:
            return ()
        columns = [Column("system", "System", number=False), *(Column(name, name, "up") for name in board.devices)]
        rows = []
        for row in board.rows:
            found = self.evidence.get(row.slug, NONE)
            way = self.places.way(board, self.places.system(board, row))
            head = Field(row.name, href=way, notes=notes(row))
            rows.append((head, *(figure(row.devices.get(name), found.devices.get(name)) for name in board.devices)))
        caption = "Accuracy on every device, %, mean over splits and seeds"
        return (Table("by-device", caption, tuple(columns), tuple(rows)),)

    def superseded(self) -> tuple[Table, ...]:
        if not self.board.superseded:
            return ()
        columns = (Column("cell", "Cell", number=False), Column("created", "Made", number=False))
        rows = []
        for cell in self.board.superseded:
            who = cell.result.identity
            text = f"{who.entry}/{who.system}, split {cell.split}, seed {cell.seed}"
            rows.append((Field(text, href=self.places.link(self.board, cell.path)), Field(cell.result.created)))
        return (Table("superseded", f"A newer result took their place: {len(rows)}", columns, tuple(rows)),)


def _rank(row: Row, found: Evidence) -> Field:
    notes: tuple[str, ...] = ()
    more: dict[str, object] = {}
    if found.standing:
        first, last, group = found.standing.first, found.standing.last, found.standing.group
        notes = (f"{first} to {last}" if first < last else f"surely {first}", f"group {group}")
        more = {"first": first, "last": last, "group": group}
    return Field(str(row.rank), row.rank, more, notes)


def _worst(row: Row) -> Field:
    worst = row.worst_device
    if worst is None:
        return NOTHING
    return Field(display.percent(worst.accuracy), worst.accuracy, {"device": worst.name}, (worst.name,))


def _system(row: Row, own: str, cells: list[str]) -> Field:
    external = row.newest.external_data
    below = (*notes(row), *row.marks, *row.notes, *((f"external data: {external}",) if external != "none" else ()))
    more = {"title": row.title, "settings": row.settings, "marks": list(row.marks), "external_data": external}
    more["results"] = cells
    return Field(row.title, row.name, more, below, own, code=row.name, warn=bool(row.marks))


def notes(row: Row) -> tuple[str, ...]:
    """The fields that make another system of it."""
    return (f"with {row.settings}",) if row.settings else ()


def failures(board: Board, name: str, caption: str, places: Places, *, at: str | None = None) -> Table:
    """Cells that ended without a score, by system and reason; `at`: the page that links go from."""
    columns = (
        Column("system", "System", number=False),
        Column("outcome", "Outcome", number=False),
        Column("why", "Why, and what to do", number=False),
        Column("cells", "Cells", number=False),
    )
    return Table(name, caption, columns, tuple(_failure(board, one, places, at) for one in board.failures))


def _failure(board: Board, one: Failure, places: Places, at: str | None) -> tuple[Field, ...]:
    reason = one.reason
    why = (
        Field("No reason is recorded.")
        if reason is None
        else Field(
            f"{reason.problem} {reason.remedy}", more={"rule": reason.rule}, notes=(f"rule {reason.rule}", *_again(one))
        )
    )
    links = tuple(
        (f"{display.split_name(board, cell.split)}, seed {cell.seed}", places.link(board, cell.path, at))
        for cell in one.cells
    )
    return (
        Field(one.name, one.name, notes=(f"with {one.settings}",) if one.settings else ()),
        Field(one.outcome.replace("_", " "), one.outcome.value, warn=True),
        why,
        Field("", [text for text, _ in links], links=links),
    )


def _again(one: Failure) -> tuple[str, ...]:
    if not one.scored:
        return ()
    which = "this cell" if len(one.cells) == 1 else f"{len(one.scored)} of these cells"
    return (f"Another run of {which} has a score, which is shown above.",)
