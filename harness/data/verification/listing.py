"""meta.csv and the lists of a track as they lie, faults included: the tolerant twin of `tau.read`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from harness.data import lists, tau
from harness.data.lists import META_COLUMNS, Table, normal_name
from harness.data.verification.report import Check, Counts, Fault
from harness.outcomes import Mistake, nearest
from harness.tracks import Track

TEST = "test"


@dataclass(frozen=True)
class Listed:
    """A list as it lies: the test list or that of a training split. Names have the `audio/` prefix."""

    split: str
    path: Path
    names: tuple[str, ...]
    labels: tuple[str, ...] | None
    lines: Sequence[int]

    @property
    def shown(self) -> str:
        """How checks call it."""
        return "test list" if self.split == TEST else f"split {self.split}"


@dataclass(frozen=True)
class Meta:
    """meta.csv by columns; `rows` finds a clip by its name."""

    path: Path
    names: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    lines: Sequence[int] = ()

    @cached_property
    def rows(self) -> dict[str, int]:
        """The row of each clip; of the first one where a name stands twice."""
        return {name: row for row, name in reversed(list(enumerate(self.names)))}

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """The segment of each clip, the same for all devices."""
        return tuple(map(tau.segment_of, self.names))


@dataclass(frozen=True)
class Listing:
    """What a folder lists, and what is wrong with the lists themselves."""

    meta: Meta
    splits: tuple[Listed, ...]
    test: Listed | None
    checks: tuple[Check, ...] = field(default=())

    @property
    def lists(self) -> tuple[Listed, ...]:
        """Training lists, then the test list."""
        return (*self.splits, *([self.test] if self.test else []))

    def rows(self, listed: Listed) -> list[int]:
        """Rows of the list's clips in meta.csv, without those it does not have."""
        known = self.meta.rows
        return [known[name] for name in listed.names if name in known]

    def counts(self, rows: Iterable[int]) -> Counts:
        """Clips by device and class, and how many recordings, segments and locations they come from."""
        meta = self.meta
        some = list(rows)
        return Counts(
            clips=len(some),
            recordings=len({(meta.segments[row], meta.devices[row]) for row in some}),
            segments=len({meta.segments[row] for row in some}),
            locations=len({meta.identifiers[row] for row in some}),
            devices=dict(sorted(Counter(meta.devices[row] for row in some).items())),
            labels=dict(sorted(Counter(meta.labels[row] for row in some).items())),
        )


def read(folder: Path, track: Track, list_folders: Sequence[Path]) -> Listing:
    """Everything that can be read of the lists; what cannot is a fault of the check named after the list."""
    meta, meta_check = _meta(folder / "meta.csv", track)
    places = tau.list_places(folder, list_folders)
    found = [_listed(split, name, places, track, meta) for split, name in (*track.splits.items(), (TEST, track.test))]
    checks = (meta_check, *(check for _, check in found))
    splits = tuple(listed for listed, _ in found if listed and listed.split != TEST)
    test = next((listed for listed, _ in found if listed and listed.split == TEST), None)
    return Listing(meta, splits, test, (*checks, _names_check(meta, track)))


def _meta(path: Path, track: Track) -> tuple[Meta, Check]:
    try:
        table = lists.read(path, META_COLUMNS)
    except Mistake as mistake:
        return Meta(path), Check(name=path.name, looked_at=0, unit="clips", faults=(_unread(path.name, path, mistake),))
    names, labels, identifiers, sources = (tuple(table.columns[name]) for name in META_COLUMNS)
    meta = Meta(path, tuple(map(normal_name, names)), labels, identifiers, sources, table.lines)
    faults = [
        *_table_faults(path.name, table, meta.names),
        *_unknown(meta, meta.labels, track.labels, "label"),
        *_unknown(meta, meta.devices, known_devices(track), "device"),
    ]
    return meta, Check(name=path.name, looked_at=len(meta.names), unit="clips", faults=tuple(faults))


def known_devices(track: Track) -> set[str]:
    """Devices of all groups of a track."""
    return {device for group in track.device_groups.values() for device in group}


def _unread(check: str, path: Path, mistake: Mistake, places: Sequence[Path] = ()) -> Fault:
    """What kept a list from being read; a report goes to others, and folders of this machine stay out of it."""
    sentence = mistake.problem
    for place in (path, *sorted(places, key=lambda place: -len(str(place)))):
        sentence = sentence.replace(str(place), place.name)
    return Fault(check=check, subject=path.name, sentence=sentence)


def _table_faults(check: str, table: Table, names: Sequence[str]) -> Iterator[Fault]:
    """Lines with too few columns, names that stand twice, and no line at all."""
    subject = table.path.name
    for line in table.short:
        yield Fault(check=check, subject=subject, sentence=f"{subject}, line {line} has too few columns.")
    first: dict[str, int] = {}
    for name, line in zip(names, table.lines, strict=True):
        if name in first:
            yield Fault(
                check=check,
                subject=subject,
                sentence=f"{subject}, line {line}: {name} stands in line {first[name]} too.",
            )
        first.setdefault(name, line)
    if not names:
        yield Fault(check=check, subject=subject, sentence=f"{subject} lists no clip.")


def _unknown(meta: Meta, values: Sequence[str], known: Iterable[str], what: str) -> Iterator[Fault]:
    valid = set(known)
    hints = {value: nearest(value, valid) for value in set(values) - valid}
    for value, line in zip(values, meta.lines, strict=True):
        if value in hints:
            sentence = f'{meta.path.name}, line {line}: "{value}" is no {what} of this track. {hints[value]}'
            yield Fault(check=meta.path.name, subject=meta.path.name, sentence=sentence)


def _listed(split: str, name: str, places: Sequence[Path], track: Track, meta: Meta) -> tuple[Listed | None, Check]:
    shown = Listed(split, Path(name), (), None, ()).shown
    path = Path(name)
    try:
        path = tau.find_list(name, places, track)
        table = lists.read(path, ("filename",))
    except Mistake as mistake:
        fault = _unread(shown, path, mistake, places)
        return None, Check(name=shown, looked_at=0, unit="clips", faults=(fault,))
    names = tuple(map(normal_name, table.columns["filename"]))
    labels = table.columns.get("scene_label")
    listed = Listed(split, path, names, tuple(labels) if labels else None, table.lines)
    faults = [*_table_faults(shown, table, names), *_against_meta(listed, meta, track.labels)]
    return listed, Check(name=shown, looked_at=len(names), unit="clips", faults=tuple(faults))


def _against_meta(listed: Listed, meta: Meta, known: Collection[str]) -> Iterator[Fault]:
    """Clips that meta.csv does not have, or to which it gives another label."""
    rows, labels, subject = meta.rows, listed.labels, listed.path.name
    if not meta.names:  # told once, of meta.csv
        return
    for place, (name, line) in enumerate(zip(listed.names, listed.lines, strict=True)):
        row, where = rows.get(name), f"{subject}, line {line}: "
        if row is None:
            yield Fault(check=listed.shown, subject=subject, sentence=f"{where}{name} is not in meta.csv.")
        elif labels and labels[place] != meta.labels[row] and meta.labels[row] in known:
            called = f"is called {labels[place]}" if labels[place] else "has no label"
            sentence = f"{where}{name} {called}, and {meta.labels[row]} in meta.csv."
            yield Fault(check=listed.shown, subject=subject, sentence=sentence)


def _names_check(meta: Meta, track: Track) -> Check:
    """Names of the form <scene>-<city>-<location>-<segment>-<k>-<device>.wav say what the columns say."""
    faults, other = [], 0
    labels, devices = set(track.labels), known_devices(track)
    for name, label, identifier, device, line in zip(
        meta.names, meta.labels, meta.identifiers, meta.devices, meta.lines, strict=True
    ):
        parts = name.removeprefix("audio/").rpartition(".")[0].split("-")
        if label not in labels or device not in devices:  # told already
            continue
        if len(parts) != len(tau.GRAMMAR):
            other += 1
        elif parts[0] != label or f"{parts[1]}-{parts[2]}" != identifier or parts[5] != device:
            sentence = f"{meta.path.name}, line {line}: {name} is said to be {label}, {identifier}, device {device}."
            faults.append(Fault(check="names", subject=meta.path.name, sentence=sentence))
    names = "names are" if other > 1 else "name is"
    notes = (f"{other:,} {names} not of the TAU form: such a clip is taken for a segment.",) if other else ()
    return Check(name="names", looked_at=len(meta.names), unit="clips", faults=tuple(faults), notes=notes)
