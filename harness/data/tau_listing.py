"""meta.csv and the lists of a track in the TAU layout as they lie, faults included: the tolerant twin of `tau.read`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.data import lists, tau
from harness.data.findings import Check, Fault
from harness.data.listing import TEST, Listed, Listing, Meta, against_meta, table_faults, unknown, unread
from harness.data.lists import META_COLUMNS, normal_name
from harness.outcomes import Mistake
from harness.tracks import Track


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
        fault = unread(path.name, path, mistake)
        return Meta(path.name), Check(name=path.name, looked_at=0, unit="clips", faults=(fault,))
    names, labels, identifiers, sources = (tuple(table.columns[name]) for name in META_COLUMNS)
    names = tuple(map(normal_name, names))
    segments = tuple(map(tau.segment_of, names))
    meta = Meta(path.name, names, labels, identifiers, sources, segments, table.lines)
    faults = [
        *table_faults(path.name, table, meta.names),
        *unknown(meta, meta.labels, track.labels, "label"),
        *unknown(meta, meta.devices, known_devices(track), "device"),
    ]
    return meta, Check(name=path.name, looked_at=len(meta.names), unit="clips", faults=tuple(faults))


def known_devices(track: Track) -> set[str]:
    """Devices of all groups of a track."""
    return {device for group in track.device_groups.values() for device in group}


def _listed(split: str, name: str, places: Sequence[Path], track: Track, meta: Meta) -> tuple[Listed | None, Check]:
    shown = Listed(split, name, (), None, ()).shown
    path = Path(name)
    try:
        path = tau.find_list(name, places, track)
        table = lists.read(path, ("filename",))
    except Mistake as mistake:
        fault = unread(shown, path, mistake, places)
        return None, Check(name=shown, looked_at=0, unit="clips", faults=(fault,))
    names = tuple(map(normal_name, table.columns["filename"]))
    labels = table.columns.get("scene_label")
    listed = Listed(split, path.name, names, tuple(labels) if labels else None, table.lines)
    faults = [*table_faults(shown, table, names), *against_meta(listed, meta, track.labels)]
    return listed, Check(name=shown, looked_at=len(names), unit="clips", faults=tuple(faults))


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
            sentence = f"{meta.name}, line {line}: {name} is said to be {label}, {identifier}, device {device}."
            faults.append(Fault(check="names", subject=meta.name, sentence=sentence))
    names = "names are" if other > 1 else "name is"
    notes = (f"{other:,} {names} not of the TAU form: such a clip is taken for a segment.",) if other else ()
    return Check(name="names", looked_at=len(meta.names), unit="clips", faults=tuple(faults), notes=notes)
