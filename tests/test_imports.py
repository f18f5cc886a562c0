"""Who may import whom (docs/design.md, section 3)."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
OURS = ("harness", "baselines", "leaderboard", "submissions", "tests")
FOR_PAGES = {
    "analysing", "blocks", "curves", "editions", "entry", "files", "multilabel", "outcomes", "plan", "replicates",
    "results", "rules", "scoring", "statistics", "studies", "throughput", "tracks", "validated",
}  # fmt: skip


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def arrows(folder: str) -> Iterator[tuple[str, str]]:
    """(file, what of ours or of torch it imports) for every file in `folder`."""
    for path in sorted((PROJECT / folder).rglob("*.py")):
        for name in imported(path):
            if name.split(".")[0] in (*OURS, "torch"):
                yield str(path.relative_to(PROJECT)), name


def allowed(file: str, name: str) -> bool:
    top, *rest = name.split(".")
    here = Path(file).parts[0]
    if here == "harness":
        return top in {"harness", "torch"} or (
            file == "harness/__main__.py"
            and name in {"leaderboard.analyses", "leaderboard.site", "leaderboard.printed"}
        )
    if here == "leaderboard":
        return top == "leaderboard" or (top == "harness" and rest[0] in FOR_PAGES)
    if here == "baselines":
        return top in {"baselines", "torch"} or name.startswith("harness.contract")
    return top in {"torch", "baselines"} or name.startswith("harness.contract")


@pytest.mark.parametrize("folder", ["harness", "leaderboard", "baselines", "submissions"])
def test_arrows_go_where_the_design_says(folder: str) -> None:
    found = list(arrows(folder))
    assert found
    assert [arrow for arrow in found if not allowed(*arrow)] == []


@pytest.mark.parametrize(
    ("word", "where"), [("exec_module", "harness/child/entries.py"), ("import_module", "harness/analysing/plugins.py")]
)
def test_only_the_child_imports_an_entry_and_only_one_file_an_analysis(word: str, where: str) -> None:
    alone = PROJECT / "harness" / "packages" / "inside.py"  # a program of its own, that nothing imports
    loads = [path for path in (PROJECT / "harness").rglob("*.py") if word in path.read_text() and path != alone]
    assert [str(path.relative_to(PROJECT)) for path in loads] == [where]


def test_the_command_line_the_pages_and_the_comparisons_never_import_torch() -> None:
    program = """
import sys, harness.__main__, leaderboard.site, leaderboard.analyses, harness.analysing.running
import harness.packages.judging, harness.packages.writing, harness.regression.running, harness.suite
from harness.analysing import plugins
assert len([plugins.comparison(name) for name in plugins.names()]) >= 4
sys.exit('torch' in sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=PROJECT)
