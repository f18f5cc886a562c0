"""WCAG 2.2, levels A and AA, as far as axe-core can tell: on a wide screen, in the dark, and on a phone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.site.browsing import DARK, LIGHT, PHONE, View, load, opened
from tests.site.pages import Page, Site, named, require_none

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from playwright.sync_api import Page as Tab

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]

RUN = """tags => axe.run(document, {
    runOnly: {type: 'tag', values: tags}, rules: {'target-size': {enabled: true}}, resultTypes: ['violations'],
})"""

BROKEN = "<!DOCTYPE html><title></title><p style='color: #ccc; background: #fff'>pale</p><a href='#'><img></a>"


@pytest.fixture(scope="session")
def axe(npm_packages: Path) -> str:
    """The program of axe-core. It is evaluated, not loaded, so that no content policy of a page keeps it out."""
    return (npm_packages / "axe-core" / "axe.min.js").read_text(encoding="utf-8") + ";0"


@pytest.mark.parametrize("view", [LIGHT, DARK, PHONE], ids=lambda view: view.name)
def test_axe_finds_no_violation(browser: Browser, site: Site, axe: str, view: View) -> None:
    with opened(browser, view) as tab:
        found = [(page, _violations(tab, page, axe)) for page in site.sample]
    assert found
    require_none(named(found))


def test_axe_finds_violations_where_there_are_some(browser: Browser, axe: str) -> None:
    with opened(browser, LIGHT) as tab:
        tab.set_content(BROKEN)
        found = " ".join(_run(tab, axe))
    assert all(rule in found for rule in ("color-contrast", "document-title", "html-has-lang", "image-alt"))


def _violations(tab: Tab, page: Page, axe: str) -> list[str]:
    load(tab, page)
    return _run(tab, axe)


def _run(tab: Tab, axe: str) -> list[str]:
    tab.evaluate(axe)
    result: dict[str, Any] = tab.evaluate(RUN, TAGS)
    assert result["testEngine"]["name"] == "axe-core"
    return [_in_words(one) for one in result["violations"]]


def _in_words(violation: dict[str, Any]) -> str:
    nodes = violation["nodes"]
    where = "; ".join(f"{node['html'][:120]} [{node['failureSummary'].splitlines()[-1].strip()}]" for node in nodes[:3])
    return f"{violation['id']} ({violation['impact']}), {len(nodes)} times: {where}"
