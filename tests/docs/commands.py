"""The commands that stand in the documentation, as they stand there."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PAGES = (
    "README.md", "CONTRIBUTING.md", *(f"docs/{path.name}" for path in sorted((PROJECT / "docs").glob("*.md"))),
    *(path.relative_to(PROJECT).as_posix() for path in sorted((PROJECT / "submissions").glob("*/README.md"))),
    *(path.relative_to(PROJECT).as_posix() for path in sorted((PROJECT / "reports").rglob("*.md"))),
)  # fmt: skip

BEGIN = re.compile(r"^(nox|python -m|uv) ")
INLINE = re.compile(r"`((?:nox -s|python -m harness) [^`]+)`")


@dataclass(frozen=True)
class Command:
    """A command of a page, split as a shell would."""

    page: str
    line: int
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {shlex.join(self.words)}"


def every() -> list[Command]:
    """All commands of all pages, those in blocks and those within a sentence."""
    return [command for page in PAGES for command in of(page)]


def of(page: str) -> Iterator[Command]:
    """The commands of a page, in their order."""
    inside = False
    text = (PROJECT / page).read_text().replace("\\\n", " ")  # a line that goes on
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("```"):
            inside = not inside
        elif inside and BEGIN.match(line):
            for part in line.split("&&"):
                yield Command(page, number, tuple(shlex.split(part, comments=True)))
        elif not inside:
            for found in INLINE.findall(line):
                yield Command(page, number, tuple(shlex.split(found, comments=True)))


def sessions() -> set[str]:
    """The names of the sessions in noxfile.py."""
    found = set()
    for node in ast.parse((PROJECT / "noxfile.py").read_text()).body:
        if isinstance(node, ast.FunctionDef):
            for one in node.decorator_list:
                if isinstance(one, ast.Attribute) and one.attr == "session":
                    found.add(node.name)
                elif isinstance(one, ast.Call):
                    found |= {str(word.value.value) for word in one.keywords if isinstance(word.value, ast.Constant)}
    return found
