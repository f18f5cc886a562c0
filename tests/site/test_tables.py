"""Tables that a script makes sortable and searchable: clicks, keys, what is announced, and what the address keeps.

A table with `class="sortable"` has a `<button type="button">` in the header cells that sort it; `aria-sort` of those
cells says how it is sorted. An `<input type="search" data-filter-for="ID">` hides the rows that lack its text, and a
`role="status"` says how many are shown. The address ends in `#ID?sort=…&filter=…`. A cell is sorted by its `data-sort`
where it has one, and by the number that it begins with otherwise: notes below it do not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from tests.site.browsing import LIGHT, load, opened
from tests.site.pages import Page, Site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator
    from playwright.sync_api import Page as Tab

NUMBER = re.compile(r"[-\N{MINUS SIGN}]?\d[\d,]*(?:\.\d+)?")
LEAST_ROWS = 3
PATIENCE = 5000
"""Milliseconds in which a table must have answered."""
SETTLED = 500
"""Milliseconds after which a script that waits for the end of typing has seen it."""
NONSENSE = ("?sort=999d", "?sort=-1a", "?sort=xyz&sort=", "?filter=%E0%A4%A", "?", "?filter=%3Cscript%3E&x=y")

STATE = """table => {
    const heads = [...table.tHead.querySelectorAll('th')].filter(one => one.querySelector('button[type=button]'));
    const rows = [...table.tBodies].flatMap(body => [...body.rows]);
    const shown = rows.filter(row => row.checkVisibility());
    return {
        sorts: heads.map(one => one.getAttribute('aria-sort') ?? 'none'),
        places: heads.map(one => one.getBoundingClientRect().left),
        total: rows.length,
        columns: [...table.tHead.querySelectorAll('th')].filter(one => one.checkVisibility()).length,
        rows: shown.map(row => [...row.cells].filter(cell => cell.checkVisibility()).map(cell => ({
            left: cell.getBoundingClientRect().left, key: cell.dataset.sort ?? null, text: cell.textContent.trim(),
            first: (cell.firstChild ?? cell).textContent.trim(),
        }))),
    };
}"""


@dataclass(frozen=True)
class State:
    """What a table shows; `sorts` are the `aria-sort` of its sorting headers, `keys` the numbers below each of those.

    A header is `numeric` where every cell below it begins with a number or holds no word, and the numbers differ.
    """

    sorts: tuple[str, ...]
    keys: tuple[tuple[float | None, ...], ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]
    columns: int
    total: int


def state(table: Locator) -> State:
    told: dict[str, Any] = table.evaluate(STATE)
    columns = [[_text(row, place) for row in told["rows"]] for place in told["places"]]
    return State(
        sorts=tuple(told["sorts"]),
        keys=tuple(tuple(map(_key, column)) for column in columns),
        numeric=tuple(map(_is_numeric, columns)),
        rows=tuple(tuple(" ".join(cell["text"].split()) for cell in row) for row in told["rows"]),
        columns=told["columns"],
        total=told["total"],
    )


def _text(row: list[dict[str, Any]], place: float) -> str:
    """What a row is sorted by in the column at `place`."""
    cell = min(row, key=lambda cell: abs(cell["left"] - place))
    return str(cell["first"] if cell["key"] is None else cell["key"])


def _key(text: str) -> float | None:
    found = NUMBER.search(text)
    return float(found[0].replace(",", "").replace("\N{MINUS SIGN}", "-")) if found else None


def _is_numeric(column: list[str]) -> bool:
    begins = all(NUMBER.match(text) or not any(letter.isalnum() for letter in text) for text in column)
    return begins and len(set(map(_key, column))) > 1


@pytest.fixture(scope="session")
def sortable(browser: Browser, site: Site) -> tuple[Page, str]:
    """The page and the id of the longest table that can be sorted."""
    held: dict[tuple[Page, str], int] = {}
    for page in site.sample:
        if 'class="' in (text := page.file.read_text(encoding="utf-8")) and "sortable" in text:
            held |= {(page, name): rows for name, rows in _tables(browser, page) if rows >= LEAST_ROWS}
    if not held:
        pytest.skip(f"no sortable table of {LEAST_ROWS} rows or more")
    return max(held, key=held.__getitem__)


def _tables(browser: Browser, page: Page) -> Iterator[tuple[str, int]]:
    with opened(browser, LIGHT) as tab:
        load(tab, page)
        for table in tab.locator("table.sortable").all():
            name = table.get_attribute("id")
            assert name, f"{page.name}: a sortable table has no id"
            yield name, state(table).total


@pytest.fixture
def tab(browser: Browser, sortable: tuple[Page, str]) -> Iterator[Tab]:
    """The page with the sortable table. What it says wrong is an error at the end."""
    with opened(browser, LIGHT) as made:
        made.set_default_timeout(PATIENCE)
        made.set_default_navigation_timeout(6 * PATIENCE)
        errors: list[str] = []
        made.on("pageerror", lambda error: errors.append(str(error)))
        load(made, sortable[0])
        yield made
    assert errors == []


@pytest.fixture
def table(tab: Tab, sortable: tuple[Page, str]) -> Locator:
    return tab.locator(f"table[id='{sortable[1]}']")


@pytest.fixture
def search(tab: Tab, sortable: tuple[Page, str]) -> Locator:
    """The field that filters the table."""
    found = tab.locator(f"input[type=search][data-filter-for='{sortable[1]}']")
    if not found.count():
        pytest.skip("no search field for the sortable table")
    return found


def buttons(table: Locator) -> list[Locator]:
    """The buttons that sort, in the order of `State.sorts`."""
    found = table.locator("thead th").filter(has=table.page.locator("button[type=button]")).all()
    return [head.locator("button[type=button]").first for head in found]


def until(table: Locator, expected: dict[str, Any]) -> State:
    """The state of a table once it is as expected; fails with how it differs when patience has run out."""
    last: dict[str, Any] = {}
    for _ in range(PATIENCE // 50):
        now = state(table)
        last = {name: getattr(now, name) for name in expected}
        if last == expected:
            return now
        table.page.wait_for_timeout(50)
    assert last == expected
    raise AssertionError


def clicked(table: Locator, number: int) -> State:
    """The state after a click on a header, which must say how it is sorted, and be the only one to say so."""
    before = state(table)
    buttons(table)[number].click()
    directions = [one for one in ("ascending", "descending") if before.sorts[number] != one]
    for _ in range(PATIENCE // 50):
        now = state(table)
        if now.sorts[number] in directions:
            break
        table.page.wait_for_timeout(50)
    assert now.sorts[number] in directions, "a click sorts, and a second one the other way round"
    assert [one for one in now.sorts if one != "none"] == [now.sorts[number]], "one column sorts at a time"
    return now


def is_in_order(keys: tuple[float | None, ...], direction: str) -> bool:
    """Whether numbers are sorted; rows without one may stand anywhere, though together."""
    numbers = [key for key in keys if key is not None]
    gaps = sum((one is None) != (other is None) for one, other in pairwise(keys))
    return numbers == sorted(numbers, reverse=direction == "descending") and gaps <= 1


def column_of_numbers(now: State) -> int:
    """The column whose numbers differ most from row to row."""
    return max(range(len(now.keys)), key=lambda number: (now.numeric[number], len(set(now.keys[number]))))


@dataclass(frozen=True)
class Clicks:
    """A table before any click, and after two on each of its headers."""

    first: State
    after: tuple[tuple[State, State], ...]


@pytest.fixture(scope="session")
def clicks(browser: Browser, sortable: tuple[Page, str]) -> Clicks:
    with opened(browser, LIGHT) as tab:
        load(tab, sortable[0])
        table = tab.locator(f"table[id='{sortable[1]}']")
        first = state(table)
        pairs = ((clicked(table, number), clicked(table, number)) for number in range(len(first.sorts)))
        return Clicks(first, tuple(pairs))


def test_every_header_sorts_both_ways_and_loses_neither_rows_nor_columns(clicks: Clicks) -> None:
    assert clicks.after, "a sortable table has buttons in its header"
    for number, pair in enumerate(clicks.after):
        assert {one.sorts[number] for one in pair} == {"ascending", "descending"}
        for now in pair:
            assert sorted(now.rows) == sorted(clicks.first.rows), f"sorting by column {number} changes rows"
            assert now.columns == clicks.first.columns, f"sorting by column {number} hides a column"


def test_numbers_are_sorted_as_numbers(clicks: Clicks) -> None:
    columns = [number for number, numeric in enumerate(clicks.first.numeric) if numeric]
    assert columns, "no column holds numbers"
    for number in columns:
        for now in clicks.after[number]:
            assert is_in_order(now.keys[number], now.sorts[number]), (number, now.sorts[number], now.keys[number])


def test_headers_sort_by_keyboard_too(table: Locator) -> None:
    number = column_of_numbers(state(table))
    buttons(table)[number].focus()
    table.page.keyboard.press("Enter")
    now = state(table)
    assert now.sorts[number] in ("ascending", "descending")
    table.page.keyboard.press("Space")
    assert state(table).sorts[number] not in ("none", now.sorts[number])
    assert table.page.evaluate("() => document.activeElement.tagName") == "BUTTON", "sorting keeps the focus"


def word_to_find(now: State) -> str:
    """A word that some rows of the table hold and some do not."""
    rows = [" ".join(row).casefold() for row in now.rows]
    words = dict.fromkeys(word for row in rows for word in re.findall(r"\w{2,}", row))
    counts = {word: sum(word in row for row in rows) for word in words}
    return min((word for word in words if counts[word] < len(rows)), key=lambda word: (-counts[word], word))


def test_the_search_shows_the_rows_that_hold_its_text_and_says_how_many(table: Locator, search: Locator) -> None:
    first = state(table)
    word = word_to_find(first)
    expected = tuple(row for row in first.rows if word in " ".join(row).casefold())
    search.fill(word.upper())
    until(table, {"rows": expected, "columns": first.columns})
    assert said(table, len(expected))
    search.fill("")
    until(table, {"rows": first.rows})


def test_a_search_for_nothing_that_is_there_says_so(table: Locator, search: Locator) -> None:
    search.fill("no row holds <this>")
    until(table, {"rows": ()})
    assert said(table, 0)


def test_a_search_of_awkward_letters_survives_a_reload(table: Locator, search: Locator) -> None:
    for text in ("a&b=c", "50%", "a+b", "#x?sort=1d", "größer 🎧"):
        search.fill(text)
        search.press("Enter")
        table.page.wait_for_function("() => location.hash.includes('filter=')")
        table.page.wait_for_timeout(SETTLED)
        rows = state(table).rows
        table.page.reload()
        until(table, {"rows": rows})
        assert search.input_value() == text


def said(table: Locator, number: int) -> bool:
    """Whether a live region says a number; `no` and `none` are 0."""
    texts = [text.casefold() for text in table.page.locator("[role=status]").all_inner_texts()]
    words = {str(number), *(("no", "none") if number == 0 else ())}
    return any(words & set(re.findall(r"\w+", text.replace(",", ""))) for text in texts)


def test_the_address_keeps_how_a_table_is_sorted_and_back_undoes_it(table: Locator) -> None:
    first = state(table)
    number = column_of_numbers(first)
    now = clicked(table, number)
    assert "sort=" in fragment(table.page), "sorting changes the address"
    assert fragment(table.page).startswith(str(table.get_attribute("id"))), "which names the table"
    table.page.reload()
    until(table, {"sorts": now.sorts, "rows": now.rows})
    table.page.go_back()
    until(table, {"sorts": first.sorts, "rows": first.rows})
    table.page.go_forward()
    until(table, {"sorts": now.sorts, "rows": now.rows})


def test_the_address_keeps_a_search_beside_the_order_and_back_undoes_one_at_a_time(
    table: Locator, search: Locator
) -> None:
    first = state(table)
    word = word_to_find(first)
    ordered = clicked(table, column_of_numbers(first))
    expected = tuple(row for row in ordered.rows if word in " ".join(row).casefold())
    search.fill(word)
    search.press("Enter")
    until(table, {"rows": expected})
    assert all(one in fragment(table.page) for one in ("sort=", "filter="))
    address = table.page.url
    with opened(table.page.context.browser, LIGHT) as another:  # type: ignore[arg-type]
        another.goto(address)
        there = another.locator(f"table[id='{table.get_attribute('id')}']")
        until(there, {"sorts": ordered.sorts, "rows": expected})
        restored = another.locator(f"input[data-filter-for='{table.get_attribute('id')}']")
        assert restored.input_value() == word
    table.page.go_back()
    until(table, {"sorts": ordered.sorts, "rows": ordered.rows})
    assert search.input_value() == ""
    table.page.go_back()
    until(table, {"sorts": first.sorts, "rows": first.rows})


def test_an_address_that_asks_for_nonsense_does_no_harm(tab: Tab, table: Locator, sortable: tuple[Page, str]) -> None:
    first = state(table)
    for asked in NONSENSE:
        tab.goto("about:blank")
        load(tab, sortable[0], f"#{sortable[1]}{asked}")
        now = state(table)
        assert (now.total, now.columns) == (first.total, first.columns), asked


def fragment(tab: Tab) -> str:
    return str(tab.evaluate("() => decodeURIComponent(location.hash.slice(1))"))
