"""Which entries a change touches: their own files, or the `baselines` modules that they import."""

from __future__ import annotations

from pathlib import Path

from harness import entry
from harness.outcomes import Mistake
from harness.regression import revisions

REFERENCE = Path("baselines/systems/dcase2024")
"""What every speed is a ratio to: touched whenever the harness is, so that what it counts is seen to be the same."""

FOLDERS = ("submissions", "baselines/systems")


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
