"""Pages in a real browser: how they are opened, and what one visit of a page shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tests.site.pages import Page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage
    from playwright.sync_api import Page as Tab

NARROW = 360


@dataclass(frozen=True)
class View:
    """How a reader looks at a page."""

    name: str
    width: int = 1280
    height: int = 900
    colours: Literal["light", "dark"] = "light"
    scripts: bool = True


LIGHT = View("light")
DARK = View("dark", colours="dark")
PHONE = View("phone", width=NARROW, height=740)
PLAIN = View("without JavaScript", scripts=False)


@dataclass(frozen=True)
class Visit:
    """What a page did when it was opened: `requests` are addresses, `rows` the visible body rows of each table.

    `width` and `too_wide` (what sticks out) are of the page on a phone.
    """

    page: Page
    complaints: tuple[str, ...]
    requests: tuple[str, ...]
    rows: tuple[int, ...]
    width: int
    too_wide: tuple[str, ...]


OPEN_DETAILS = "() => document.querySelectorAll('details').forEach(one => { one.open = true })"

ROWS = """() => [...document.querySelectorAll('table')].map(table =>
    [...table.tBodies].flatMap(body => [...body.rows]).filter(row => row.checkVisibility()).length)"""

WIDTH = """() => {
    const roomy = one => one && one !== document.body && one !== document.documentElement
        && (getComputedStyle(one).overflowX !== 'visible' || roomy(one.parentElement));
    const edge = document.documentElement.clientWidth + 1;
    const spills = one => one.getBoundingClientRect().right > edge
        || (one.scrollWidth > one.clientWidth + 1 && one.getBoundingClientRect().left + one.scrollWidth > edge);
    const wide = [...document.body.querySelectorAll('*')].reverse()
        .filter(one => one.checkVisibility() && spills(one) && !roomy(one.parentElement) && !roomy(one))
        .map(one => one.cloneNode(false).outerHTML.slice(0, 90) + ' ' + (one.textContent || '').trim().slice(0, 40));
    return {width: document.scrollingElement.scrollWidth, wide};
}"""


@contextmanager
def opened(browser: Browser, view: View) -> Iterator[Tab]:
    """A tab for pages seen in one way; motion is reduced, so that colours are what they end up as."""
    context = browser.new_context(
        viewport={"width": view.width, "height": view.height},
        color_scheme=view.colours,
        reduced_motion="reduce",
        java_script_enabled=view.scripts,
    )
    try:
        yield context.new_page()
    finally:
        context.close()


def visited(browser: Browser, pages: Sequence[Page], view: View) -> tuple[Visit, ...]:
    """One visit of every page."""
    with opened(browser, view) as tab:
        heard = _Ear(tab)
        return tuple(_visit(tab, heard, page) for page in pages)


def load(tab: Tab, page: Page, fragment: str = "") -> None:
    """Opens a page with everything that folds unfolded."""
    tab.goto(page.file.as_uri() + fragment, wait_until="load")
    tab.evaluate(OPEN_DETAILS)


def _visit(tab: Tab, heard: _Ear, page: Page) -> Visit:
    heard.clear()
    wide = tab.viewport_size
    load(tab, page)
    rows = tab.evaluate(ROWS)
    tab.set_viewport_size({"width": PHONE.width, "height": PHONE.height})
    measured: dict[str, Any] = tab.evaluate(WIDTH)
    tab.set_viewport_size(wide)
    return Visit(
        page=page,
        rows=tuple(rows),
        width=measured["width"],
        too_wide=tuple(measured["wide"][:4]),
        complaints=tuple(heard.complaints),
        requests=tuple(heard.requests),
    )


class _Ear:
    """What a tab says while a page is open."""

    def __init__(self, tab: Tab) -> None:
        self.complaints: list[str] = []
        self.requests: list[str] = []
        tab.on("console", self._message)
        tab.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        tab.on("dialog", lambda dialog: (self.complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        tab.on("popup", lambda popup: self.complaints.append(f"opened a window: {popup.url}"))
        tab.on("request", lambda request: self.requests.append(request.url))

    def clear(self) -> None:
        self.complaints.clear()
        self.requests.clear()

    def _message(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")
