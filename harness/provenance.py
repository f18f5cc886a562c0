"""Where a result comes from: commit, versions, hardware. Host and user names are left out on purpose."""

from __future__ import annotations

import os
import platform
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

import harness
from harness.results import Provenance

PACKAGES = ("torch", "torchaudio", "torchvision", "timm", "numpy", "scipy", "fvcore", "torchinfo", "soundfile")


@cache
def describe(folder: Path) -> Provenance:
    """Provenance of a run started in `folder`."""
    commit, dirty = commit_of(folder)
    return Provenance(
        harness=harness.__version__,
        git_commit=commit,
        git_dirty=dirty,
        python=platform.python_version(),
        packages=package_versions(),
        hardware=hardware(),
    )


def commit_of(folder: Path) -> tuple[str | None, bool | None]:
    """(commit, whether the tree has changes beside `reports/`); (None, None) where there is no commit."""
    try:
        import git  # noqa: PLC0415 - it looks for the program when it is imported, and there may be none
    except ImportError:
        return None, None
    try:
        repository = git.Repo(folder, search_parent_directories=True)
        commit = repository.head.commit.hexsha
        changes = repository.git.status("--porcelain", "--", ".", ":!reports")
    except (git.GitError, ValueError):
        return None, None
    return commit, bool(changes)


def package_versions() -> dict[str, str]:
    """Versions of the packages that decide numbers."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found


def hardware() -> dict[str, str | int | float | None]:
    """Processor, cores this process may use, memory."""
    return {
        "system": sys.platform,
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
    }


def _processor() -> str | None:
    """The processor's name as the system gives it."""
    path = Path("/proc/cpuinfo")
    if not path.is_file():
        return platform.processor() or None
    lines = (line.partition(":") for line in path.read_text().splitlines())
    return next((value.strip() for key, _, value in lines if key.strip() == "model name"), None)
