"""Which entries a change touches, by their own files or by modules of `baselines`; and where they can be tried."""

from __future__ import annotations

from pathlib import Path

from harness import entry, tracks
from harness.outcomes import Mistake
from harness.regression import revisions

REFERENCE = Path("baselines/systems/dcase2024")
"""What every speed is a ratio to: touched whenever the harness is, so that what it counts is seen to be the same."""

HARNESS = ("harness", "pyproject.toml")
"""What all entries are run by."""

FOLDERS = ("submissions", "baselines/systems")


DEMO = "demo"
"""The track of entries that name no other one whose data are made on the spot."""


def demo_track(folder: Path) -> str:
    """The first track that an entry names whose data need no download."""
    try:
        named = entry.listed(folder).submission.tracks
    except Mistake:
        return DEMO
    known = (name for name in named if name in tracks.names())
    return next((name for name in known if tracks.load(name)[0].dataset == DEMO), DEMO)


def entries(base: str, project: Path) -> list[Path]:
    """Folders of the entries that differ from where this left `base`, by their paths in the project.

    One that cannot be read counts as touched: its check says why. Templates, whose names begin with _, do not.
    """
    repo = revisions.repository(project)
    root = Path(str(repo.working_tree_dir)).resolve()
    touched = {root / name for name in revisions.touched(repo, revisions.base(repo, base).commit, None)}
    every = [path.parent for folder in FOLDERS for path in sorted((root / folder).glob("[!_]*/submission.toml"))]
    shared = any(path.is_relative_to(root / name) for path in touched for name in HARNESS)
    found = {one for one in every if _touches(touched, one, root) or (shared and one == root / REFERENCE)}
    while more := {one for one in every if one not in found and _needs(one) & found}:
        found |= more
    return [one.relative_to(root) for one in every if one in found]


def _touches(files: set[Path], folder: Path, root: Path) -> bool:
    """Whether one of the files lies in the entry's folder, or is imported from there.

    A module of `baselines` that is gone is imported by nobody any more, or by entries that no longer run: all count.
    """
    if any(path.is_relative_to(folder) for path in files):
        return True
    gone = (path for path in files if path.suffix == ".py" and not path.exists())
    if any(path.is_relative_to(root / "baselines") and not path.is_relative_to(root / FOLDERS[1]) for path in gone):
        return True
    try:
        return any(path.resolve() in files for _, path in entry.baselines_of(sorted(folder.rglob("*.py"))))
    except Mistake:
        return True


def _needs(folder: Path) -> set[Path]:
    """Folders of the entries whose systems those of this one learn from."""
    try:
        systems = entry.listed(folder).submission.systems.values()
    except Mistake:
        return set()
    return {(folder / need.entry).resolve() for one in systems for need in one.needs if need.entry}
