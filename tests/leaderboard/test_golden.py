"""Pages as they were looked at by a person: a change of one shows as a difference of a file.

`UPDATE_GOLDEN=1 pytest tests/leaderboard/test_golden.py` writes them anew; look at the difference before you commit it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.harness.throughput.made import speed
from tests.leaderboard.conftest import Build
from tests.leaderboard.made import failure, predicted, result

GOLDEN = Path(__file__).parent / "golden"
PAGES = (
    "index.html",
    "demo/index.html",
    "demo/systems/cpjku-good.html",
    "demo/compare/cpjku-good--cpjku-poor.html",
    "demo/trade-off.html",
    "excluded.html",
    "studies/index.html",
)
SKILLS = {"good": 2.0, "poor": 0.5}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_the_one_that_was_looked_at(name: str, build: Build) -> None:
    """Without its style and script, a tag a line; charts are tested by themselves."""
    good, poor = ([predicted(system, skill, seed=seed) for seed in (0, 1)] for system, skill in SKILLS.items())
    made = build(
        *good,
        *poor,
        predicted("teacher", 3.0, role="teacher"),
        result("quick", official=False, unofficial_because=("it is a quick run",)),
        failure("huge"),
        speeds=[speed("good", cell=good[0].key), speed("poor", cell=poor[0].key, others=0.4)],
    )
    html = re.sub(r"<(style|script|svg)\b.*?</\1>", "", made.html(name), flags=re.DOTALL)
    html = re.sub(r"'sha256-[^']+'", "'sha256'", html)
    lines = [line for line in re.sub(r"(?=<(?!/))", "\n", html).splitlines() if line.strip()]
    found = "\n".join(line.rstrip() for line in lines) + "\n"
    path = GOLDEN / f"{name.replace('/', '.')}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8")
