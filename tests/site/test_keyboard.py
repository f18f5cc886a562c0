"""Without a mouse: Tab reaches everything that can be used, shows where it is, and is held nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.site.browsing import LIGHT, load, opened
from tests.site.pages import Page, Site, named, require_none

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from playwright.sync_api import Page as Tab

WATCH = """() => {
    const scrolls = one => {
        const style = getComputedStyle(one), rolls = name => ['auto', 'scroll'].includes(style[name]);
        return (rolls('overflowX') && one.scrollWidth > one.clientWidth)
            || (rolls('overflowY') && one.scrollHeight > one.clientHeight);
    };
    const usable = 'a[href], a[*|href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]';
    const shadow = one => getComputedStyle(one).boxShadow;
    const stops = [...document.body.querySelectorAll('*')]
        .filter(one => one.checkVisibility({visibilityProperty: true}) && !one.disabled)
        .filter(one => one.matches(usable) || scrolls(one))
        .map(one => ({one, scrolls: !one.matches(usable), shadow: shadow(one), reached: false, seen: false}));
    window.stopsOfTest = stops;
    document.addEventListener('focusin', event => {
        const stop = stops.find(stop => stop.one === event.target), style = getComputedStyle(event.target);
        if (!stop) return;
        stop.reached = true;
        stop.seen ||= (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0)
            || (style.boxShadow !== 'none' && style.boxShadow !== stop.shadow);
    }, true);
    document.activeElement?.blur();
    return stops.length;
}"""

TELL = """() => {
    const stops = window.stopsOfTest;
    const same = (a, b) => a.type === 'radio' && b.type === 'radio' && a.name === b.name && a.form === b.form;
    const served = stop => stop.reached
        || (stop.scrolls && stops.some(other => other.reached && stop.one.contains(other.one)))
        || stops.some(other => other.reached && same(stop.one, other.one));
    const tag = one => one.cloneNode(false).outerHTML.slice(0, 100);
    const text = ({one}) => tag(one) + ' ' + one.textContent.trim().slice(0, 30);
    return {unreached: stops.filter(stop => !served(stop)).map(text),
            unseen: stops.filter(stop => stop.reached && !stop.seen).map(text),
            last: document.activeElement === stops.at(-1)?.one};
}"""


def test_tab_reaches_everything_shows_where_it_is_and_goes_on(browser: Browser, site: Site) -> None:
    with opened(browser, LIGHT) as tab:
        found = [(page, _walked(tab, page)) for page in site.sample]
    assert found
    require_none(named(found))


def test_a_trap_and_a_hidden_focus_are_found(browser: Browser) -> None:
    with opened(browser, LIGHT) as tab:
        tab.set_content(
            "<a href='#1'>first</a><a href='#2' style='outline: none'>two</a>"
            "<input onkeydown='event.preventDefault()'><button>after the trap</button>"
        )
        found = " ".join(_walk(tab))
    assert "not reached: <button>" in found
    assert 'focus not visible: <a href="#2" style="outline: none">' in found
    assert "first" not in found


def _walked(tab: Tab, page: Page) -> list[str]:
    load(tab, page)
    return _walk(tab)


def _walk(tab: Tab) -> list[str]:
    """Presses Tab once for everything that can be used, and twice more to leave the last of them.

    Where there is only one, Tab may come back to it.
    """
    number = tab.evaluate(WATCH)
    for _ in range(number + 1):
        tab.keyboard.press("Tab")
    was_last = tab.evaluate(TELL)["last"]
    tab.keyboard.press("Tab")
    told: dict[str, Any] = tab.evaluate(TELL)
    held = ["Tab does not leave the last of them"] if number > 1 and was_last and told["last"] else []
    unreached = [f"not reached: {text}" for text in told["unreached"]]
    return unreached + [f"focus not visible: {text}" for text in told["unseen"]] + held
