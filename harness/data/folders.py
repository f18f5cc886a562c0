"""What a data folder must hold to be of a layout, asked before anything in it is read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.outcomes import Mistake
from harness.tracks import Track


@dataclass(frozen=True)
class Wanted:
    """The parts of a folder in a layout, by the rule that speaks of them: files, or folders with / behind them.

    Any one of a part's places will do; parts that are called audio… are wanted only where audio is. `holds` are the
    parts in the words of a remedy.
    """

    layout: str
    parts: Mapping[str, tuple[str, ...]]
    holds: str


def require(folder: Path, track: Track, wanted: Wanted, *, with_audio: bool = True) -> None:
    """Raises `Mistake` when `folder` is not one that holds what is wanted, or may not be read."""
    what = f"the folder of {track.source.title}" if track.source else f"a folder in the {wanted.layout} layout"
    where = f"Download {track.source.record}; then" if track.source else "Then"
    remedy = f"{where} give --data DIR, the folder that holds {wanted.holds}."
    try:
        missing = _missing_part(folder, wanted, with_audio=with_audio)
    except PermissionError:
        missing = "permission"
    if missing == "permission":
        raise closed(folder)
    if missing == "folder":
        raise Mistake("data.missing", f"{folder} is not a folder; {track.name} needs {what}.", remedy)
    if missing:
        part = " or ".join(_named(place) for place in wanted.parts[missing])
        raise Mistake(f"data.{missing}", f"{folder} holds no {part}; {track.name} needs {what}.", remedy)


def closed(place: Path | str) -> Mistake:
    """What is said of a folder that may not be looked into."""
    return Mistake("data.permission", f"{place} may not be read.", "Give yourself the right to read and enter it.")


def _named(place: str) -> str:
    return f"{place.rstrip('/')} folder" if place.endswith("/") else place


def _missing_part(folder: Path, wanted: Wanted, *, with_audio: bool) -> str | None:
    if not folder.is_dir():
        return "folder"
    if not os.access(folder, os.R_OK | os.X_OK):
        return "permission"
    asked_for = (part for part in wanted.parts if with_audio or not part.startswith("audio"))
    return next((part for part in asked_for if not any(_is_there(folder, one) for one in wanted.parts[part])), None)


def _is_there(folder: Path, place: str) -> bool:
    return (folder / place).is_dir() if place.endswith("/") else (folder / place).is_file()
