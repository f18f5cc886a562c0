"""Clips that a list asks for and that are not in the folder: a fault each, or counted where every copy has holes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.data.findings import Check, Fault
from harness.tracks import Track


@dataclass(frozen=True)
class Hole:
    """A clip that is not there, and where it is asked for: the file of the list and its line."""

    clip: str
    file: str
    line: int


def check(name: str, listed: int, missing: int, holes: Iterable[Hole], track: Track) -> Check:
    """The check of a list of `listed` clips that is called `name`: of what it lacks, and of nothing else."""
    if not track.missing_share:
        sentences = ((hole.file, f"{hole.file}, line {hole.line}: {hole.clip} is not there.") for hole in holes)
        faults = tuple(Fault(check=name, subject=file, sentence=sentence) for file, sentence in sentences)
        return Check(name=name, looked_at=listed, unit="clips", faults=faults)
    share = missing / max(1, listed)
    lacking = f"{missing:,} of {listed:,} clips of the {name} are not in this copy ({100 * share:.1f} %)"
    if share > track.missing_share:
        sentence = f"{lacking}; at most {100 * track.missing_share:g} % may be missing."
        fault = Fault(check=name, subject=name, sentence=sentence)
        return Check(name=name, looked_at=listed, unit="clips", faults=(fault,))
    return Check(name=name, looked_at=listed, unit="clips", notes=(f"{lacking}.",) if missing else ())
