"""The code that an inference package takes along: the entry, the parts of `baselines` it imports, and the contract.

Each file is copied with its imports turned to where it lies in the package, so that two packages never meet in one
process under one name. Anything else of this project that an entry imports cannot be taken along and is refused.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import packages_distributions, version
from pathlib import Path

from harness import entry
from harness.files import digest_of_file
from harness.outcomes import Mistake

CODE = "code"
"""The folder of a package that holds the code taken along."""

ENTRY = "entry"
OURS = ("baselines", "harness")
ALLOWED = ("harness", "harness.contract", "harness.outcomes")
PROJECT = Path(__file__).resolve().parents[2]


def sources(folder: Path) -> dict[str, Path]:
    """Files to take along, by where they lie below `code/`; `submission.py` is the entry's package itself."""
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_file() and "__pycache__" not in inside.parts and inside.parts[0] != entry.STUDIES:
            name = "__init__.py" if inside.as_posix() == "submission.py" else inside.as_posix()
            found[f"{ENTRY}/{name}"] = path
    python = [path for path in found.values() if path.suffix == ".py"]
    for _, path in entry.baselines_of(python):
        found[path.resolve().relative_to(PROJECT).as_posix()] = path
    for name in ("__init__", "contract", "outcomes"):
        found[f"harness/{name}.py"] = PROJECT / "harness" / f"{name}.py"
    for path in list(found.values()):  # a package whose module is taken needs its own file
        for parent in path.resolve().parents:
            if parent == PROJECT or not parent.is_relative_to(PROJECT) or path.is_relative_to(folder):
                break
            if (parent / "__init__.py").is_file():
                found.setdefault((parent / "__init__.py").relative_to(PROJECT).as_posix(), parent / "__init__.py")
    return found


def turned(text: str, root: str, shown: str) -> str:
    """The text of a Python file whose imports of this project's packages begin with `root`.

    Raises `Mistake` for an import that cannot be turned, with its line.
    """
    lines = text.split("\n")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").split(".")[0] in OURS:
            _require_allowed(node.module or "", [alias.name for alias in node.names], shown, node.lineno)
            _turn(lines, node.lineno, node.col_offset, f"from {node.module}", f"from {root}.{node.module}", shown)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] not in OURS:
                    continue
                _require_allowed(alias.name, [], shown, node.lineno)
                if alias.asname is None or len(node.names) > 1:
                    problem = f"{shown}, line {node.lineno}: import {alias.name} cannot be taken along."
                    raise Mistake("package.imports", problem, f"Write: from … import …, or import {alias.name} as ….")
                _turn(lines, node.lineno, node.col_offset, f"import {alias.name}", f"import {root}.{alias.name}", shown)
    return "\n".join(lines)


def _turn(lines: list[str], line: int, column: int, old: str, new: str, shown: str) -> None:
    """Replaces what stands at a place that the parser named; columns count bytes."""
    encoded = lines[line - 1].encode()
    head, tail = encoded[:column].decode(), encoded[column:].decode()
    written = re.escape(old).replace(r"\ ", r"\s+")
    turned_tail, count = re.subn(rf"\A{written}\b", new, tail, count=1)
    if not count:
        problem = f"{shown}, line {line}: this import is written over several lines before its name."
        raise Mistake("package.imports", problem, "Write its first words on one line.")
    lines[line - 1] = head + turned_tail


def _require_allowed(module: str, names: Iterable[str], shown: str, line: int) -> None:
    """Of the harness itself an entry may use the contract."""
    if module.split(".", maxsplit=1)[0] != "harness":
        return
    wanted = [f"{module}.{name}" for name in names] if module == "harness" else [module]
    for name in wanted:
        if name not in ALLOWED and not name.startswith("harness.__"):
            problem = f"{shown}, line {line}: {name} is not part of the contract and cannot be taken along."
            raise Mistake("package.imports", problem, "Import harness.contract and baselines only.")


def requirements(files: Mapping[str, Path]) -> list[str]:
    """What the code needs installed, in the versions that it ran with here: `torch==2.11.0`."""
    distributions = packages_distributions()
    needed = {"torch", "torchaudio", "soundfile", "numpy"}
    for path in files.values():
        if path.suffix == ".py":
            needed |= set(_imported(path))
    names = {distributions[name][0] for name in needed if name in distributions and name not in OURS}
    return sorted(f"{name}=={version(name).split('+')[0]}" for name in names if not name.startswith("dcase"))


def _imported(path: Path) -> Iterator[str]:
    """Names of the packages from elsewhere that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        found = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found = [node.module]
        for name in found:
            top = name.split(".")[0]
            if top not in sys.stdlib_module_names:
                yield top


def digest(files: Mapping[str, Path]) -> dict[str, str]:
    """SHA-256 of each file as it was before its imports were turned."""
    return {name: digest_of_file(path) for name, path in sorted(files.items())}
