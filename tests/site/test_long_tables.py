"""Boards of hundreds of systems: rows are grids of set columns, and yet a table to whoever reads, sorts, prints it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from leaderboard import site as leaderboard_site
from leaderboard.tables import LONG
from tests.benchmarks import made_board
from tests.site.browsing import LIGHT, PHONE, PLAIN, View, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from playwright.sync_api import Page as Tab

SYSTEMS = LONG + 10

LAID_OUT = """() => {
    const table = document.getElementById('ranked-table');
    const seen = one => one.checkVisibility() && !one.hidden;
    const place = one => { const r = one.getBoundingClientRect(); return [Math.round(r.left), Math.round(r.right)]; };
    const heads = [...table.tHead.querySelectorAll('th[scope=col]')].filter(seen).map(place);
    const spills = one => one.scrollWidth > one.clientWidth + 1;
    const rows = [...table.tBodies[0].rows].filter(seen);
    return {
        heads: heads.sort((a, b) => a[0] - b[0]),
        cells: rows.slice(0, 40).map(row => [...row.cells].filter(seen).map(place)),
        spilled: rows.slice(0, 40).flatMap(row => [...row.cells].filter(spills).map(cell => cell.textContent)),
        rows: rows.length,
        names: rows.map(row => row.querySelector('code').textContent),
    };
}"""


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a board with more systems than a browser lays out at once."""
    place = tmp_path_factory.mktemp("long")
    made_board.write(place / "results", SYSTEMS, 1, predictions=False)
    leaderboard_site.build([place / "results"], place / "site", project=place)
    return place / "site" / made_board.TRACK / "index.html"


@pytest.fixture(params=[LIGHT, PHONE], ids=lambda view: view.name)
def tab(browser: Browser, board: Path, request: pytest.FixtureRequest) -> Iterator[Tab]:
    view: View = request.param
    with opened(browser, view) as tab:
        tab.goto(board.as_uri())
        yield tab


def laid_out(tab: Tab) -> dict[str, Any]:
    found: dict[str, Any] = tab.evaluate(LAID_OUT)
    return found


def test_every_cell_stands_below_its_heading_and_holds_its_text(tab: Tab) -> None:
    found = laid_out(tab)
    assert found["rows"] == SYSTEMS
    assert len(found["heads"]) > 12
    assert all(row == found["heads"] for row in found["cells"])
    assert not found["spilled"]


def test_columns_that_are_hidden_leave_no_gap(tab: Tab) -> None:
    before = laid_out(tab)
    tab.evaluate("location.hash = '#ranked-table?hide=2.4'")
    tab.wait_for_function("() => document.querySelectorAll('#ranked-table th[hidden]').length > 0")
    found = laid_out(tab)
    assert len(found["heads"]) == len(before["heads"]) - 2
    assert all(row == found["heads"] for row in found["cells"])
    assert all(left == right for (_, left), (right, _) in zip(found["heads"], found["heads"][1:], strict=False))
    tab.go_back()
    tab.wait_for_function("() => document.querySelectorAll('#ranked-table th[hidden]').length === 0")
    assert laid_out(tab)["cells"] == before["cells"]


def test_sorting_and_searching_keep_and_hide_rows(tab: Tab) -> None:
    before = laid_out(tab)["names"]
    tab.locator("#ranked-table thead button").first.click()
    tab.locator("#ranked-table th[aria-sort=ascending]").wait_for()
    tab.locator("#ranked-table thead button").first.click()
    tab.locator("#ranked-table th[aria-sort=descending]").wait_for()
    turned = laid_out(tab)["names"]
    assert (turned[0], turned[-1]) == (before[-1], before[0])
    assert sorted(turned) == sorted(before)
    tab.locator("input[type=search]").first.fill("team007")
    tab.wait_for_function("() => document.querySelector('[role=status]').textContent.includes(' of ')")
    assert sorted(laid_out(tab)["names"]) == [f"team007/S{number}" for number in range(1, 5)]


def test_it_is_still_a_table_to_a_screen_reader(tab: Tab) -> None:
    """By the tree that Chromium hands to assistive technology, once the rows out of view are laid out too."""
    tab.wait_for_function(f"() => document.querySelectorAll('#ranked-table tr.whole').length === {SYSTEMS}")
    tree = tab.context.new_cdp_session(tab).send("Accessibility.getFullAXTree")["nodes"]
    roles = [node["role"]["value"] for node in tree if not node.get("ignored")]
    found = laid_out(tab)
    assert roles.count("rowheader") >= SYSTEMS
    assert roles.count("row") >= SYSTEMS
    assert roles.count("columnheader") >= len(found["heads"])


def test_every_row_is_there_without_scripts_and_on_paper(browser: Browser, board: Path) -> None:
    with opened(browser, PLAIN) as tab:
        tab.goto(board.as_uri())
        assert tab.locator("#ranked-table tbody tr").count() == SYSTEMS
        assert tab.locator("#ranked-table tbody tr.whole").count() == 0
    with opened(browser, LIGHT) as tab:
        tab.goto(board.as_uri())
        tab.emulate_media(media="print")
        shown = tab.evaluate("getComputedStyle(document.querySelector('#ranked-table tbody tr')).contentVisibility")
        assert shown == "visible"
