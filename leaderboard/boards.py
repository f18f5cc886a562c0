"""Boards: a pure function from results to what the page shows. Every result has exactly one place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.outcomes import Outcome
from harness.results import Reason, Result
from harness.throughput.speed import Speed
from harness.tracks import Track
from leaderboard import eligibility, ranking, speeds
from leaderboard.rows import Cell, Row, gather, named, row_key, settings_text, system_key

UNKNOWN_TRACK = "the rules of this track are not known here"


@dataclass(frozen=True)
class Failure:
    """Cells of a system that ended in the same way; another run of those in `scored` has a result on the board."""

    name: str
    settings: str
    outcome: Outcome
    reason: Reason | None
    cells: tuple[Cell, ...]
    scored: tuple[Cell, ...]


@dataclass(frozen=True)
class Board:
    """The leaderboard of one track. `track` is None where its name is not known; then nothing is ranked.

    `required` are the splits that the ranking is over; `splits`, `groups` and `devices` those that results have,
    in the track's order. `superseded` are results that a newer one of the same cell took the place of. `hardware` is
    what speeds are shown of, `test_lists` the digest of the clips that most results of each split were tested on.
    """

    name: str
    track: Track | None
    required: tuple[str, ...]
    splits: tuple[str, ...]
    groups: tuple[str, ...]
    devices: tuple[str, ...]
    clips: tuple[int, ...]
    ranked: tuple[Row, ...]
    unranked: tuple[Row, ...]
    teachers: tuple[Row, ...]
    failures: tuple[Failure, ...]
    superseded: tuple[Cell, ...]
    hardware: str | None = None
    test_lists: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def folds(self) -> bool:
        """Whether the splits are folds of a cross-validation, each tested on clips of its own."""
        return bool(self.track and self.track.folds)

    @property
    def rows(self) -> tuple[Row, ...]:
        """Every row, in the order of the page."""
        return self.ranked + self.unranked + self.teachers

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Every result that this board shows."""
        shown = [cell for place in (self.rows, self.failures) for item in place for cell in item.cells]
        return (*shown, *self.superseded)


def boards(cells: Iterable[Cell], tracks: Mapping[str, Track], timed: Sequence[Speed] = ()) -> tuple[Board, ...]:
    """A board for each track that has results: newest edition first, made data after real, unknown tracks last.

    Raises AssertionError when a result is in no place or in two.
    """
    read = sorted(cells, key=_listing)
    by_track: dict[str, list[Cell]] = {}
    for cell in read:
        by_track.setdefault(cell.result.identity.track, []).append(cell)
    made = [board(name, found, tracks.get(name), timed) for name, found in by_track.items()]
    _require_one_place(read, made)
    return tuple(sorted(made, key=_order))


def _listing(cell: Cell) -> tuple[object, ...]:
    """By system, split (5 before 10) and seed."""
    return system_key(cell.result), len(cell.split), cell.split, cell.seed, str(cell.path)


def _require_one_place(read: Iterable[Cell], made: Iterable[Board]) -> None:
    """Rows in are rows out: a result that the page lost, or shows twice, is a bug of ours."""
    coming = Counter(cell.path for cell in read)
    going = Counter(cell.path for one in made for cell in one.cells)
    if coming != going:
        lost, extra = sorted(map(str, coming - going)), sorted(map(str, going - coming))
        raise AssertionError(f"results without a place: {lost}; with more than one: {extra}")


def _order(one: Board) -> tuple[bool, bool, int, str]:
    if one.track is None:
        return True, False, 0, one.name
    rules = one.track.rules
    return False, one.track.dataset == "demo", -rules.year if rules else 0, one.name


def board(name: str, cells: Sequence[Cell], track: Track | None, timed: Sequence[Speed] = ()) -> Board:
    """The board of the results of one track, which come in the order in which their systems are to be listed."""
    scored = [cell for cell in cells if _is_scored(cell.result)]
    failed = [cell for cell in cells if not _is_scored(cell.result)]
    splits = _ordered({cell.split for cell in scored}, track.splits if track else ())
    required = _required_splits(track, splits)
    newest, superseded = _newest(scored)
    by_system = speeds.by_system(timed, name)
    rows = named(gather(group, required) for group in _grouped(newest, splits))
    rows = [replace(row, speeds=speeds.of(row, by_system)) for row in rows] if by_system else rows
    test_lists = _usual_test_lists(newest, splits, track)
    mark = _Marker(track, required, test_lists, failed)
    teachers = [mark(row) for row in rows if _is_teacher(row)]
    systems = [mark(row) for row in rows if not _is_teacher(row)]
    groups, devices = _device_names(rows, track)
    return Board(
        name=name,
        track=track,
        required=required,
        splits=splits,
        groups=groups,
        devices=devices,
        clips=tuple(sorted({cell.scores.clips for cell in scored})),
        ranked=_ranked(systems, track),
        unranked=tuple(row for row in systems if row.marks),
        teachers=tuple(teachers),
        failures=_failures(failed, newest),
        superseded=tuple(superseded),
        hardware=speeds.usual_hardware(rows),
        test_lists=test_lists,
    )


def _is_scored(result: Result) -> bool:
    return result.outcome is Outcome.OK and result.scores is not None


def _is_teacher(row: Row) -> bool:
    return row.newest.role == "teacher"


def _ordered(names: set[str], known: Iterable[str]) -> tuple[str, ...]:
    """The names in the order of the known ones, then the others, shorter first so that 5 stands before 10."""
    order = [name for name in known if name in names]
    return (*order, *sorted(names - set(order), key=lambda name: (len(name), name)))


def _required_splits(track: Track | None, present: tuple[str, ...]) -> tuple[str, ...]:
    """The splits that the ranking is over: the track's default ones, else all of its own."""
    if track is None or not track.splits:
        return present
    return track.default_splits or tuple(track.splits)


def _newest(cells: Sequence[Cell]) -> tuple[list[Cell], list[Cell]]:
    """The newest result of each cell, and those that it takes the place of."""
    found: dict[tuple[object, ...], Cell] = {}
    for cell in sorted(cells, key=lambda cell: (cell.result.created, str(cell.path))):
        found[row_key(cell.result), cell.split, cell.seed] = cell
    kept = {cell.path for cell in found.values()}
    return [cell for cell in cells if cell.path in kept], [cell for cell in cells if cell.path not in kept]


def _grouped(cells: Iterable[Cell], splits: Sequence[str]) -> Iterable[list[Cell]]:
    """The cells of each row, by split and seed."""
    groups: dict[tuple[str, ...], list[Cell]] = {}
    for cell in sorted(cells, key=lambda cell: splits.index(cell.split)):
        groups.setdefault(row_key(cell.result), []).append(cell)
    return [groups[key] for key in sorted(groups)]


class _Marker:
    """Gives rows every reason why they are not ranked, and the official seeds that they lack."""

    def __init__(
        self,
        track: Track | None,
        required: tuple[str, ...],
        test_lists: Mapping[str, str | None],
        failed: Iterable[Cell],
    ) -> None:
        self.track, self.required, self.test_lists = track, required, test_lists
        self.failed: dict[tuple[str, str, str], dict[str, Outcome]] = {}
        for cell in failed:
            self.failed.setdefault(system_key(cell.result), {})[cell.split] = cell.result.outcome

    def __call__(self, row: Row) -> Row:
        if self.track is None:
            return replace(row, marks=(UNKNOWN_TRACK,))
        ended = self.failed.get(system_key(row.newest), {})
        terms = eligibility.Terms(self.track, self.required, self.test_lists, ended)
        notes = eligibility.missing_seeds(row, self.track)
        return replace(row, marks=eligibility.reasons(row, terms), notes=notes)


def _usual_test_lists(cells: Sequence[Cell], splits: Iterable[str], track: Track | None) -> dict[str, str | None]:
    """By split, the digest of the test list that most results have: folds have lists of their own, other splits one."""
    if track is None or not track.folds:
        return dict.fromkeys(splits, _usual_test_list(cells))
    return {split: _usual_test_list(cell for cell in cells if cell.split == split) for split in splits}


def _usual_test_list(cells: Iterable[Cell]) -> str | None:
    """The digest of the test list that most results have."""
    lists = Counter(cell.result.digests.test_list for cell in cells)
    return max(sorted(lists, key=str), key=lists.__getitem__, default=None)


def _ranked(systems: Iterable[Row], track: Track | None) -> tuple[Row, ...]:
    return ranking.ranked([row for row in systems if not row.marks], track.ranking) if track else ()


def _device_names(rows: Sequence[Row], track: Track | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the device groups and of the devices that rows have."""
    members = track.device_groups if track else {}
    groups = {name for row in rows for name in row.groups}
    devices = {name for row in rows for name in row.devices}
    known = dict.fromkeys(device for group in members.values() for device in group)
    return _ordered(groups, members), _ordered(devices, known)


def _failures(failed: Iterable[Cell], newest: Iterable[Cell]) -> tuple[Failure, ...]:
    """One for each system and way to fail."""
    groups: dict[tuple[object, ...], list[Cell]] = {}
    for cell in failed:
        result = cell.result
        why = result.reason.model_dump_json() if result.reason else ""
        groups.setdefault((system_key(result), result.outcome, why), []).append(cell)
    scored = {_walked(cell): cell for cell in newest}
    return tuple(_failure(cells, scored) for cells in groups.values())


def _failure(cells: Sequence[Cell], scored: Mapping[object, Cell]) -> Failure:
    first = cells[0].result
    return Failure(
        name=f"{first.identity.entry}/{first.identity.system}",
        settings=settings_text(first),
        outcome=first.outcome,
        reason=first.reason,
        cells=tuple(cells),
        scored=tuple(cell for cell in cells if _walked(cell) in scored),
    )


def _walked(cell: Cell) -> object:
    """Which cell a result is of, whatever came of it."""
    return system_key(cell.result), cell.split, cell.seed
