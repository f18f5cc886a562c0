"""Pictures of each kind of page at two widths, for docs/: `nox -s screenshots`.

python -m tests.site.screenshots RESULTS FOLDER
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from leaderboard import site
from tests.site import machine

PAGES: Mapping[str, str] = {
    "index": "index.html",
    "board": "scene10-mobile/index.html",
    "system": "scene10-mobile/systems/dcase2024-baseline.html",
    "compare": "scene10-mobile/compare/*.html",
    "trade-off": "scene10-mobile/trade-off.html",
    "study": "studies/*-table*.html",
    "excluded": "excluded.html",
    "rules": "rules.html",
}
"""Kinds of pages, and where one of each lies; of several the first by name."""

WIDTHS: Mapping[str, tuple[int, int]] = {"wide": (1280, 960), "phone": (390, 844)}


def main(results: str, folder: str) -> None:
    """Builds the site of the results and writes KIND-WIDTH.png for every kind and width."""
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, machine.playwright().sync_playwright() as driver:
        site.build([Path(results)], Path(place))
        browser = driver.chromium.launch(executable_path=machine.chromium(), args=["--no-sandbox"])
        for kind, pattern in PAGES.items():
            page = min(Path(place).glob(pattern))
            for width, (across, down) in WIDTHS.items():
                tab = browser.new_page(viewport={"width": across, "height": down})
                tab.goto(page.as_uri())
                tab.screenshot(path=out / f"{kind}-{width}.png")
                tab.close()
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
