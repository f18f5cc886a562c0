"""An entry of this project with its module, as the referee's child sees it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness import entry
from harness.child.entries import configured, import_entry
from harness.contract import Task
from harness.entry import Entry

PROJECT = Path(__file__).resolve().parents[2]
LABELS = (
    "airport", "bus", "metro", "metro_station", "park", "public_square", "shopping_mall", "street_pedestrian",
    "street_traffic", "tram",
)  # fmt: skip
TASK = Task(LABELS, 1.0, ("a", "b", "c"))


def load(name: str) -> tuple[Entry, Any]:
    folder = PROJECT / "submissions" / name
    return entry.read(folder), import_entry(folder)


def config(read: Entry, module: Any, system: str, preset: str | None = None, **changes: Any) -> Any:
    fields = read.submission.presets[preset] if preset else {}
    return configured(module.Config, {**read.system(system).config, **fields, **changes})
