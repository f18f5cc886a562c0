"""A folder of results as a git revision has it. Nothing is checked out: blobs are read from the repository."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from harness.outcomes import Mistake

if TYPE_CHECKING:
    from git import Commit, Repo

FETCH = "Give a branch, tag or commit that this clone has; `git fetch origin NAME` brings one."
LINK = 0o120000
"""The mode of a symbolic link, which may point anywhere."""


@dataclass(frozen=True)
class Revision:
    """A commit, and how it is called in what is shown."""

    commit: Commit
    name: str


def repository(folder: Path) -> Repo:
    """The git repository that `folder` is in; raises `Mistake` where there is none."""
    try:
        import git  # noqa: PLC0415 - it looks for the program when it is imported, and there may be none
    except ImportError:
        raise Mistake("regression.git", "There is no git on this machine.", "Install git.") from None
    try:
        return git.Repo(folder, search_parent_directories=True)
    except git.GitError:
        problem = f"{folder} is in no git repository."
        raise Mistake("regression.git", problem, "Run this in a clone of the project.") from None


def base(repo: Repo, name: str, head: Commit | None = None) -> Revision:
    """Where `head`, or what is here, left `name`: what landed there since then is no change of ours.

    Raises `Mistake` where there is no such revision, or a shallow clone does not reach back to where they parted.
    """
    from git import GitError  # noqa: PLC0415

    given = revision(repo, name)
    try:
        common = repo.merge_base(given.commit, head or repo.head.commit)
    except (GitError, ValueError):
        common = []
    if not common and (Path(repo.common_dir) / "shallow").is_file():
        problem = f"This clone is shallow and does not reach back to where it left {name}."
        raise Mistake("regression.revision", problem, "Fetch the whole history: git fetch --unshallow.")
    if not common or common[0] is None or common[0] == given.commit:
        return given
    return Revision(common[0], f"{common[0].hexsha[:9]} (where this left {name})")


def revision(repo: Repo, name: str) -> Revision:
    """The commit that is called `name`; raises `Mistake` where there is none."""
    from git import GitError, ODBError  # noqa: PLC0415

    try:
        commit = repo.commit(name)
    except (GitError, ODBError, ValueError, IndexError):
        raise Mistake("regression.revision", f'There is no revision "{name}" here.', FETCH) from None
    return Revision(commit, f"{name} ({commit.hexsha[:9]})")


def touched(repo: Repo, before: Commit, head: Commit | None) -> set[str]:
    """Paths in the repository that differ between a commit and another one, or the files as they lie here."""
    found = {name for diff in before.diff(head) for name in (diff.a_path, diff.b_path) if name}
    return found if head is not None else found | set(repo.untracked_files)


def names_in(commit: Commit, folder: str) -> set[str]:
    """The folders that a commit has in `folder`; none where it has no such folder."""
    try:
        return {Path(str(one.path)).name for one in (commit.tree / folder).trees}
    except KeyError:
        return set()


@contextmanager
def folder_of(found: Revision, repo: Repo, folder: Path) -> Iterator[Path]:
    """The files that a revision has in `folder`, in one that is gone after the block.

    Raises `Mistake` where the folder is outside the repository, or the revision has nothing there.
    """
    from git import Blob, Tree  # noqa: PLC0415

    root = Path(str(repo.working_tree_dir)).resolve()
    if not folder.resolve().is_relative_to(root):
        problem = f"{folder} is not in the repository {root}."
        raise Mistake("regression.folder", problem, "Give a folder of results that is kept in git.")
    inside = folder.resolve().relative_to(root).as_posix()
    try:
        tree = found.commit.tree / inside
    except KeyError:
        problem = f"{found.name} has no {inside}."
        raise Mistake("regression.folder", problem, "Give a revision that has results.") from None
    if not isinstance(tree, Tree):
        raise Mistake("regression.folder", f"{inside} is no folder in {found.name}.", "Give the folder of the results.")
    with TemporaryDirectory(prefix="dcase-bench-base-") as place:
        for one in tree.traverse():
            if isinstance(one, Blob) and one.mode != LINK:
                path = Path(place) / Path(str(one.path)).relative_to(inside)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(one.data_stream.read())
        yield Path(place)
