"""Which entries a change touches, by their own files or by modules of `baselines`; and where they can be tried."""

from __future__ import annotations

from pathlib import Path

from harness import entry, tracks
from harness.outcomes import Mistake
from harness.regression import revisions

REFERENCE = Path("baselines/systems/dcase2024")
"""What every speed is a ratio to: touched whenever the harness is, so that what it counts is seen to be the same."""

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
    commit = revisions.base(repo, base).commit
    touched = {str(root / name) for diff in commit.diff(None) for name in (diff.a_path, diff.b_path) if name}
    touched |= {str(root / name) for name in repo.untracked_files}
    every = [path.parent for folder in FOLDERS for path in sorted((root / folder).glob("[!_]*/submission.toml"))]
    harness = any(Path(name).is_relative_to(root / "harness") for name in touched)
    found = [folder.relative_to(root) for folder in every]
    return [one for one in found if _touches(touched, root / one) or (harness and one == REFERENCE)]


def _touches(files: set[str], folder: Path) -> bool:
    """Whether one of the files lies in the entry's folder, or is imported from there."""
    if any(Path(name).is_relative_to(folder) for name in files):
        return True
    try:
        return any(str(path.resolve()) in files for _, path in entry.baselines_of(sorted(folder.rglob("*.py"))))
    except Mistake:
        return True
