"""The installable package of 2025: a module a system, with the four functions that the organisers call.

<team>_inference/
  pyproject.toml  README.md
  <team>/<label>.py            a module a system
  <team>/code/                 the entry, the parts of baselines that it imports, the contract
  <team>/ckpts/<label>.pt      what its training gave
  <team>/resources/            dummy.wav, test.csv
"""

from __future__ import annotations

import io
import json
import shutil
import wave
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

import harness
from harness.data import lists
from harness.editions import Edition
from harness.entry import Entry
from harness.packages import vendoring
from harness.packages.labels import Label
from harness.tracks import Track

TEMPLATES = Path(__file__).parent / "templates"
DUMMY_RATE, DUMMY_BYTES = 44_100, 3


@dataclass(frozen=True)
class Packaged:
    """A system as it goes into an inference package: its label and the file of its trained classifier."""

    label: Label
    checkpoint: Path


def write(
    folder: Path, read: Entry, saved_as: str, systems: Sequence[Packaged], track: Track, edition: Edition,
    test: Sequence[tuple[str, str]],
) -> None:  # fmt: skip
    """Writes the package into `folder`, which is new; `test` are the names and labels of the development test clips.

    `saved_as`: what the entry's module is called in the checkpoints.
    """
    team = systems[0].label.team
    inside = folder / team
    inside.mkdir(parents=True)
    words = {
        "team": team, "code": vendoring.CODE, "version": harness.__version__, "edition": edition.title,
        "entry": read.name, "saved_as": saved_as, "clip_seconds": track.clip_seconds,
        "device_revealed": track.device_revealed,
        "devices": tuple(sorted({device for group in track.device_groups.values() for device in group})),
    }  # fmt: skip
    files = vendoring.sources(read.folder)
    _write_code(inside / vendoring.CODE, files, f"{team}.{vendoring.CODE}")
    (inside / "__init__.py").write_text(f'"""Inference of {team} for {edition.title}."""\n')
    (inside / "ckpts").mkdir()
    for system in systems:
        text = _rendered("module.py", {**words, "label": str(system.label), "labels": list(track.labels)})
        (inside / f"{system.label}.py").write_text(text, encoding="utf-8")
        shutil.copyfile(system.checkpoint, inside / "ckpts" / f"{system.label}.pt")
    (inside / "resources").mkdir()
    (inside / "resources" / "dummy.wav").write_bytes(dummy(track.clip_seconds))
    lists.write(inside / "resources" / "test.csv", lists.LIST_COLUMNS, test)
    requirements = vendoring.requirements(files)
    (folder / "pyproject.toml").write_text(_rendered("pyproject.toml", {**words, "requirements": requirements}))
    labels = [str(system.label) for system in systems]
    (folder / "README.md").write_text(_rendered("README.md", {**words, "labels": labels}), encoding="utf-8")


def _write_code(place: Path, files: Mapping[str, Path], root: str) -> None:
    for name, path in files.items():
        target = place / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".py":
            text = vendoring.turned(path.read_text(encoding="utf-8"), root, name)
            target.write_text(text, encoding="utf-8")
        else:
            shutil.copyfile(path, target)
    (place / "__init__.py").write_text('"""The system\'s code, as it was trained."""\n')
    (place / "sources.json").write_text(json.dumps(vendoring.digest(files), indent=1) + "\n")


def _rendered(name: str, words: Mapping[str, object]) -> str:
    loader = FileSystemLoader(TEMPLATES)
    environment = Environment(loader=loader, undefined=StrictUndefined, keep_trailing_newline=True)  # noqa: S701 - no HTML
    return environment.get_template(f"{name}.jinja").render(words)


def dummy(seconds: float) -> bytes:
    """A made clip as the data set's are: mono, 24 bit, 44,100 Hz; 132,344 bytes for a second."""
    noise = np.random.default_rng(0).normal(0, 0.05, round(seconds * DUMMY_RATE))
    steps = np.clip(noise * 2**23, -(2**23), 2**23 - 1).astype("<i4")
    frames = steps.view("u1").reshape(-1, 4)[:, :DUMMY_BYTES].tobytes()
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(DUMMY_BYTES)
        stream.setframerate(DUMMY_RATE)
        stream.writeframes(frames)
    return buffer.getvalue()
