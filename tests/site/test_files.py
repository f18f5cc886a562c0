"""The site as files, without a browser: links lead somewhere, ids differ, feed and downloads parse."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree as ET  # what it reads is the project's own

import pytest

from harness import results
from harness.results import Result
from tests.site import made_site
from tests.site.pages import Downloads, Outline, Page, Site, named, require_none

ATOM = "{http://www.w3.org/2005/Atom}"
FETCHED_BY_STYLE = re.compile(r"@import|url\(\s*['\"]?(?!data:|#)", re.IGNORECASE)


def test_the_made_results_are_sixty_systems_of_every_kind(tmp_path: Path) -> None:
    made_site.write(tmp_path)
    read = [record for _, record in results.read_all([tmp_path])]
    records = [one for one in read if isinstance(one, Result)]
    systems = {(one.identity.track, one.identity.entry, one.identity.system) for one in records}
    assert len(systems) == len(made_site.systems()) == 60
    assert len(read) - len(records) == 1, "one damaged file"
    assert {one.title for one in records} >= set(made_site.HOSTILE)
    assert {one.outcome.value for one in records} >= {"ok", "crashed", "over_limit", "timed_out", "refused"}
    assert {one.role for one in records} == {"system", "teacher"}


def test_there_is_a_front_page(site: Site) -> None:
    assert "index.html" in {page.name for page in site.pages}


def test_nothing_is_written_outside_the_site(site: Site) -> None:
    assert site.written_outside == ()


def test_ids_of_a_page_differ_and_are_none_empty(site: Site) -> None:
    repeated = (
        (page, [one for one, n in Counter(page.outline.ids).items() if n > 1 or not one]) for page in site.pages
    )
    require_none(named(repeated))


def test_every_link_leads_to_a_file_and_every_fragment_to_an_id(site: Site) -> None:
    found = named((page, _lost(page, site)) for page in site.pages)
    require_none(found)
    assert any(page.outline.anchors for page in site.pages)


def _lost(page: Page, site: Site) -> Iterator[str]:
    for address in page.outline.anchors:
        why = _why_lost(address, page.file, page.outline, site)
        if why:
            yield f"{address!r} {why}"


def _why_lost(address: str, file: Path, outline: Outline, site: Site) -> str | None:
    """Why an address in a file leads nowhere; None where it leads somewhere, or to somebody else's page."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return None if parts.scheme in ("http", "https", "mailto") else "is an address of no kind that a page may hold"
    target = (file.parent / unquote(parts.path)).resolve() if parts.path else file.resolve()
    if not target.is_file():
        return "leads to no file"
    if not (target.is_relative_to(site.folder.resolve()) or target.is_relative_to(site.results.resolve())):
        return "leads out of the site and its results"
    there = site.by_file[target].outline if target in site.by_file else None
    if parts.path and there is None:
        return None
    return None if _has(there or outline, parts.fragment) else "names an id that is not there"


def _has(outline: Outline, fragment: str) -> bool:
    """Whether a fragment is an id of a page. What stands behind `?` is the state of a table."""
    name = fragment.partition("?")[0]
    return name in ("", "top", *outline.ids) or unquote(name) in outline.ids


def test_no_page_loads_anything_from_elsewhere(site: Site) -> None:
    found = named((page, _loaded_from_elsewhere(page)) for page in site.pages)
    require_none(found)


def _loaded_from_elsewhere(page: Page) -> Iterator[str]:
    for address in page.outline.loads:
        parts = urlsplit(address)
        if parts.scheme == "data":
            continue
        if parts.scheme or parts.netloc:
            yield f"loads {address!r}"
        elif not (page.file.parent / unquote(parts.path)).is_file():
            yield f"loads {address!r}, which is no file"
    for style in page.outline.styles:
        if FETCHED_BY_STYLE.search(style):
            yield f"a style fetches something: {style[:80]!r}"


def test_style_sheets_load_nothing_from_elsewhere(site: Site) -> None:
    sheets = [path for path in site.folder.rglob("*.css") if FETCHED_BY_STYLE.search(path.read_text(encoding="utf-8"))]
    assert sheets == []


def test_no_script_holds_words_of_an_entry(site: Site) -> None:
    bad = ((page, [text[:80] for text in page.outline.scripts if "alert(1)" in text]) for page in site.pages)
    require_none(named(bad))


def test_downloads_hold_as_many_rows_as_their_table(site: Site) -> None:
    standing = [(page, one) for page in site.pages for one in page.outline.downloads]
    if not standing:
        pytest.skip('no page has a <p class="downloads" data-table="…">')
    found = named((page, _wrong_downloads(page, one)) for page, one in standing)
    require_none(found)


def _wrong_downloads(page: Page, downloads: Downloads) -> Iterator[str]:
    rows = {table.id: table.rows for table in page.outline.tables}.get(downloads.table)
    if rows is None:
        yield f"downloads of the table {downloads.table!r}, which is not there"
        return
    if not downloads.addresses:
        yield f"downloads of the table {downloads.table!r} that link nothing"
    for address in downloads.addresses:
        held = _rows_of(page.file.parent / unquote(urlsplit(address).path))
        if held != rows:
            yield f"{address} holds {held} rows, its table {rows}"


def _rows_of(path: Path) -> int | str:
    """How many rows a download holds, or why that cannot be told."""
    try:
        text = path.read_text(encoding="utf-8")
        return _rows_of_json(json.loads(text)) if path.suffix == ".json" else _rows_of_csv(text)
    except (OSError, ValueError) as error:
        return f"unreadable ({error})"


def _rows_of_csv(text: str) -> int | str:
    header, *rows = csv.reader(text.splitlines(keepends=True), strict=True)
    ragged = [number for number, row in enumerate(rows, 2) if len(row) != len(header)]
    return f"ragged (line {ragged[0]})" if ragged else len(rows)


def _rows_of_json(read: object) -> int | str:
    """The length of the list, or of the only list that the object holds."""
    lists = [one for one in read.values() if isinstance(one, list)] if isinstance(read, dict) else [read]
    return len(lists[0]) if len(lists) == 1 and isinstance(lists[0], list) else f"of {len(lists)} lists"


def test_every_json_and_csv_file_of_the_site_parses(site: Site) -> None:
    files = [path for path in site.folder.rglob("*") if path.suffix in (".json", ".csv")]
    if not files:
        pytest.skip("the site holds no JSON or CSV files")
    require_none(f"{path.relative_to(site.folder)}: {why}" for path in files if (why := _why_unread(path)))


def _why_unread(path: Path) -> str | None:
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".json":
            json.loads(text, parse_constant=lambda name: pytest.fail(f"{path}: {name} is no JSON"))
            return None
        return rows if isinstance(rows := _rows_of_csv(text), str) else None
    except ValueError as error:
        return str(error)


@pytest.fixture(scope="session")
def feed(site: Site) -> ET.Element:
    """The root of the feed."""
    path = site.folder / "feed.xml"
    if not path.is_file():
        pytest.skip("the site has no feed.xml")
    return ET.fromstring(path.read_bytes())  # noqa: S314 - the project's own


def test_the_feed_is_atom_with_all_that_atom_requires(feed: ET.Element) -> None:
    assert feed.tag == f"{ATOM}feed"
    entries = feed.findall(f"{ATOM}entry")
    require_none(_lacking(feed, "the feed", ("id", "title", "updated")))
    require_none(text for entry in entries for text in _lacking(entry, _of(entry), ("id", "title", "updated")))
    assert all(feed.find(f"{ATOM}author") is not None or entry.find(f"{ATOM}author") is not None for entry in entries)
    names = [one.text for one in feed.iter(f"{ATOM}id")]
    assert len(set(names)) == len(names)


def _of(entry: ET.Element) -> str:
    return f"entry {entry.findtext(f'{ATOM}id')!r}"


def _lacking(element: ET.Element, name: str, needed: tuple[str, ...]) -> Iterator[str]:
    for one in needed:
        found = element.findall(f"{ATOM}{one}")
        if len(found) != 1 or not (found[0].text or "").strip():
            yield f"{name} has no {one}, an empty one or several"
    if not urlsplit(element.findtext(f"{ATOM}id") or "").scheme:
        yield f"{name} has an id that is no IRI"
    for one in element.findall(f"{ATOM}updated"):
        if not _is_time(one.text or ""):
            yield f"{name} was updated at {one.text!r}, which is no time with an offset"


def _is_time(text: str) -> bool:
    try:
        return "T" in text and datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def test_every_entry_of_the_feed_links_a_page_of_the_site(feed: ET.Element, site: Site) -> None:
    require_none(_unlinked(feed, site))


def _unlinked(feed: ET.Element, site: Site) -> Iterator[str]:
    file = site.folder / "feed.xml"
    for entry in feed.findall(f"{ATOM}entry"):
        addresses = [one.get("href", "") for one in entry.findall(f"{ATOM}link")]
        if not addresses:
            yield f"{_of(entry)} has no link"
        for address in addresses:
            why = _why_lost(address, file, Outline(""), site)
            if why:
                yield f"{_of(entry)}: {address!r} {why}"
