"""The record of how fast a system is on a machine, and where it lies.

    <results>/<track>/<entry>/<system>/speed-<hardware>.json

One for each system and hardware: speed depends on neither seed nor split. It says which cell's weights were timed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from harness.files import digest_of_value, disk_mistake, write_bytes
from harness.outcomes import Outcome
from harness.results import SPEED_PREFIX, Damaged, Provenance, Reason
from harness.validated import Record


class Ratio(Record):
    """A ratio and its 95 % interval; without one where there was a single sitting."""

    value: float
    low: float | None
    high: float | None


class Figures(Record):
    """How fast requests of `batch` clips are.

    Seconds of a request at the 50th, 90th and 99th percentile of `rounds`; `clips_per_second` at the median.
    `real_time_factor` is processing time over the clips' own time. `ratio`: clips per second, as times the baseline's.
    `seconds` and `baseline_seconds` are what was measured, by sitting and turn.
    """

    batch: int
    rounds: int
    p50: float
    p90: float
    p99: float
    clips_per_second: float
    real_time_factor: float
    ratio: Ratio | None = None
    ratios: tuple[float, ...] = ()
    joules_per_clip: float | None = None
    seconds: tuple[tuple[tuple[float, ...], ...], ...]
    baseline_seconds: tuple[tuple[tuple[float, ...], ...], ...] = ()


class Subject(Record):
    """Which system was timed; `settings` and `preset` as in `results.Identity`."""

    track: str
    entry: str
    system: str
    settings: dict[str, Any] = Field(default_factory=dict)
    preset: str | None = None

    def path(self, results: Path, hardware: str, *, trained: bool) -> Path:
        """Where its record lies; one of untrained weights lies beside it."""
        preset = f"-preset-{self.preset}" if self.preset else ""
        changed = f"-set-{digest_of_value(self.settings)[:8]}" if self.settings else ""
        untrained = "" if trained else "-untrained"
        name = f"{SPEED_PREFIX}{slug(hardware)}{preset}{changed}{untrained}.json"
        return results / self.track / self.entry / self.system / name


class Speed(Record):
    """How fast a system is on `hardware`, beside `baseline` in the same run.

    `cell` is the key of the cell whose weights were timed, None for untrained ones. `one`: a clip at a time, `batch`:
    the track's batch, `network`: that without the frontend, where it can be told apart. `overhead` (s) is a request for
    nothing, which all figures hold; `others` how many cores were busy with something else; `peak_macs` a second, the
    most this machine's torch can do. `warm_up` calls count for nothing: at the first turn, at later ones.
    """

    schema_version: Literal[1] = 1
    subject: Subject
    entry_digest: str
    config: dict[str, Any]
    outcome: Outcome
    reason: Reason | None = None
    cell: str | None
    weights: str | None = None
    macs: int | None = None
    baseline: str
    hardware: str
    device: str
    created: str
    command: str
    provenance: Provenance
    sittings: int = 0
    warm_up: tuple[int, int] = (0, 0)
    one: Figures | None = None
    batch: Figures | None = None
    network: Figures | None = None
    peak_memory_bytes: int | None = None
    device_memory_bytes: int | None = None
    overhead: float | None = None
    others: float | None = None
    peak_macs: float | None = None
    energy: tuple[str, ...] = ()

    def path(self, results: Path) -> Path:
        """Where it lies under a folder of results."""
        return self.subject.path(results, self.hardware, trained=self.cell is not None)


def hardware_of(provenance: Provenance) -> str:
    """What speeds are compared on: the accelerator, or the processor and how many of its cores."""
    known = provenance.hardware
    if known.get("accelerator"):
        return str(known["accelerator"])
    return f"{known.get('processor') or known.get('machine')}, {known.get('cores')} cores"


def slug(hardware: str) -> str:
    """The hardware in letters that every file system takes."""
    return re.sub(r"[^a-z0-9]+", "-", hardware.lower()).strip("-")[:60]


def write(speed: Speed, results: Path) -> Path:
    """Writes the record, whole or not at all; its path. A failure never takes the place of figures."""
    path = speed.path(results)
    known = read(path) if path.is_file() else None
    if speed.outcome is not Outcome.OK and isinstance(known, Speed) and known.outcome is Outcome.OK:
        path = path.with_suffix(".failure.json")
    try:
        write_bytes(path, (speed.model_dump_json(indent=1) + "\n").encode())
        if speed.outcome is Outcome.OK:
            path.with_suffix(".failure.json").unlink(missing_ok=True)
    except OSError as error:
        raise disk_mistake(error, f"The speed {path}") from None
    return path


def read(path: Path) -> Speed | Damaged:
    """The record at `path`, or why it is none."""
    try:
        return Speed.model_validate_json(path.read_bytes())
    except OSError as error:
        return Damaged(path, f"cannot be read ({error.strerror})")
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return Damaged(path, f"is no speed of schema 1 ({where or 'the whole file'}: {first['msg']})")


def read_all(folders: Sequence[Path]) -> Iterator[tuple[Path, Speed | Damaged]]:
    """Every speed under folders of results, in the order of the paths; failures are not among them."""
    for folder in folders:
        for path in sorted(folder.rglob(f"{SPEED_PREFIX}*.json")):
            if not path.name.endswith(".failure.json"):
                yield path, read(path)
