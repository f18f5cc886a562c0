"""Every page is valid HTML by html-validate's standard rules, which need no network."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.site import machine
from tests.site.pages import Site, require_none

CONFIG = Path(__file__).parent / "htmlvalidate.json"


def test_every_page_is_valid_html(site: Site, npm_packages: Path, tmp_path: Path) -> None:
    require_none(_mistakes(site.folder, npm_packages, tmp_path / "report.json"))


def test_the_validator_finds_what_is_invalid(tmp_path: Path, npm_packages: Path) -> None:
    (tmp_path / "broken.html").write_text("<!DOCTYPE html>\n<p id=a><div id=a>\n", encoding="utf-8")
    found = " ".join(_mistakes(tmp_path, npm_packages, tmp_path / "report.json"))
    assert "no-dup-id" in found
    assert "broken.html:2" in found


def _mistakes(folder: Path, npm_packages: Path, told: Path) -> Iterator[str]:
    """What the validator says about every HTML file under a folder, one sentence a mistake.

    It writes to the file `told`, because it ends before a pipe has taken a long report.
    """
    program = npm_packages / "html-validate" / "bin" / "html-validate.mjs"
    options = ("--config", str(CONFIG), "--formatter", f"json={told}", "--ext", "html")
    run = subprocess.run(
        [machine.node(), str(program), *options, "."], cwd=folder, capture_output=True, text=True, check=False
    )
    assert run.returncode in (0, 1), run.stderr
    for file in json.loads(told.read_text(encoding="utf-8")):
        name = (folder / file["filePath"]).resolve().relative_to(folder.resolve())
        for one in file["messages"]:
            yield f"{name}:{one['line']}:{one['column']}: {one['message']} ({one['ruleId']})"
