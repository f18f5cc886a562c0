"""A new entry: a copy of `submissions/_template` under a name of its own."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from harness.files import disk_mistake
from harness.outcomes import Mistake

TEMPLATE = Path(__file__).resolve().parent.parent / "submissions" / "_template"
NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_-]*$")


def new(name: str, into: Path) -> Path:
    """Makes `into/name`, an entry that passes its check as it stands; an existing folder is left alone."""
    if not NAME.match(name):
        problem = f'"{name}" is no name for an entry.'
        raise Mistake("new.name", problem, "Use letters, digits, - and _, beginning with a letter.")
    folder = into / name
    if folder.exists():
        raise Mistake("new.exists", f"{folder} exists already.", "Choose another name, or remove it first.")
    if not TEMPLATE.is_dir():
        raise Mistake("new.template", "submissions/_template is not here.", "Run this in a clone of the project.")
    try:
        shutil.copytree(TEMPLATE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    except OSError as error:
        raise disk_mistake(error, f"The folder {folder}") from None
    return folder
