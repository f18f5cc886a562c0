"""What a verification found: checks, each with its faults, and the counts of every list. Written as JSON."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from harness.validated import Record

SCHEMA = 1


class Fault(Record):
    """One thing that is wrong: which check found it, in which file, and a whole sentence about it."""

    check: str
    subject: str
    sentence: str


class Check(Record):
    """One check: how many things it looked at, what it says of them, and the faults it found.

    `notes` are sentences about what is worth knowing and no fault.
    """

    name: str
    looked_at: int
    unit: str
    faults: tuple[Fault, ...] = ()
    says: str = "fine"
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """What stands in the table."""
        count = len(self.faults)
        return self.says if not count else f"{count:,} fault{'s' if count > 1 else ''}"


class Counts(Record):
    """How many clips of a list come from each device and class; recordings are segments of one device."""

    clips: int
    recordings: int
    segments: int
    locations: int
    devices: dict[str, int]
    labels: dict[str, int]


class Report(Record):
    """A whole verification.

    `data` maps each training split to the fingerprint of its training and test audio: the `digests.data` of results
    that were computed on them; it is empty where the audio was not looked at or not all of it can be read.
    """

    schema_version: int = SCHEMA
    created: datetime
    track: str
    track_version: int
    folder: str
    clips: int
    seconds: float
    counts: dict[str, Counts]
    checks: tuple[Check, ...]
    data: dict[str, str] = Field(default_factory=dict)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """All faults, in the order of the checks."""
        return tuple(fault for check in self.checks for fault in check.faults)

    @property
    def notes(self) -> tuple[str, ...]:
        """All notes, in the order of the checks."""
        return tuple(note for check in self.checks for note in check.notes)

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults
