"""Whether lists are the published ones: by content, whatever the line ends, the prefix and the order of rows."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.data.findings import Check, Fault
from harness.data.listing import Listing
from harness.data.lists import LIST_COLUMNS, META_COLUMNS
from harness.data.published import Published, PublishedList

SHOWN = 4
SAME_COUNTS = "its counts are right, its clips are others"


@dataclass(frozen=True)
class _Content:
    """A list as its publisher would write it: header and rows, and what to count.

    `count` is of the clips that it asks for, be they in this copy of the data set or not.
    """

    name: str
    count: int
    rows: list[str]
    header: str
    devices: Counter[str]
    labels: Counter[str]

    @property
    def sha256(self) -> str:
        """Of the file with LF line ends and with the prefix in every name."""
        return _digest([self.header, *self.rows])

    @property
    def clips(self) -> str:
        """Of the sorted rows alone."""
        return _digest(sorted(self.rows))


def _digest(lines: Sequence[str]) -> str:
    return hashlib.sha256(("\n".join(lines) + "\n").encode()).hexdigest()


def check(listing: Listing, published: Published) -> Check:
    """One check for all lists: a list that differs is a fault that says in which counts."""
    faults: list[Fault] = []
    notes: list[str] = []
    looked_at = 0
    for content in _contents(listing):
        known = published.lists.get(content.name)
        if known is None:
            continue
        looked_at += 1
        difference = _difference(content, known)
        if known.sha256 == content.sha256 or (known.clips is None and not difference):
            continue
        if known.clips == content.clips:
            if known.sha256:
                notes.append(f"{content.name} holds the published clips in another order.")
            continue
        sentence = f"{content.name} is not the published list: {difference or SAME_COUNTS}."
        faults.append(Fault(check="published lists", subject=content.name, sentence=sentence))
    return Check(
        name="published lists",
        looked_at=looked_at,
        unit="lists",
        faults=tuple(faults),
        says="as published",
        notes=tuple(notes),
    )


def _contents(listing: Listing) -> Iterator[_Content]:
    """Where clips have several labels, publishers state the lengths of lists and nothing else."""
    meta = listing.meta
    if meta.label_sets:
        lengths = [(meta.name, len(meta.names))] + [(one.name, len(one.names) + one.missing) for one in listing.lists]
        yield from (_Content(name, length, [], "", Counter(), Counter()) for name, length in lengths)
        return
    if meta.names:
        rows = ["\t".join(row) for row in zip(meta.names, meta.labels, meta.identifiers, meta.devices, strict=True)]
        header = "\t".join(META_COLUMNS)
        yield _Content(meta.name, len(rows), rows, header, Counter(meta.devices), Counter(meta.labels))
    for listed in listing.lists:
        labels = listed.labels or [meta.labels[meta.rows[name]] if name in meta.rows else "" for name in listed.names]
        rows = ["\t".join(row) for row in zip(listed.names, labels, strict=True)]
        devices = Counter(name.rpartition(".")[0].rpartition("-")[2] for name in listed.names)
        yield _Content(listed.name, len(rows), rows, "\t".join(LIST_COLUMNS), devices, Counter(labels))


def _difference(content: _Content, known: PublishedList) -> str:
    """The first counts that differ; nothing where none does. What was not published is not compared."""
    each = dict.fromkeys(content.labels, known.each_label) if known.each_label else known.labels
    found = [
        *_different("clips", {"": content.count}, {"": known.count}),
        *(_different("of device ", content.devices, known.devices) if known.devices else ()),
        *(_different("of ", content.labels, each) if each else ()),
    ]
    return "; ".join(found[:SHOWN]) + (f"; and {len(found) - SHOWN} more counts" if len(found) > SHOWN else "")


def _different(what: str, found: Mapping[str, int], known: Mapping[str, int]) -> Iterator[str]:
    for key in sorted({*found, *known}):
        if found.get(key, 0) != known.get(key, 0):
            yield f"{found.get(key, 0):,} {what}{key} instead of {known.get(key, 0):,}"
