"""The built site as files: its pages, what each of them holds, and which stand for the others where tests are slow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.site.made_site import HOSTILE

LOADED = {
    *((tag, "src") for tag in ("img", "script", "iframe", "embed", "video", "audio", "source", "track", "input")),
    *((tag, name) for tag in ("image", "use") for name in ("href", "xlink:href")),
    ("object", "data"),
    ("video", "poster"),
    ("form", "action"),
    ("button", "formaction"),
}
"""Attributes whose address a browser fetches, or sends a form to."""
LOADING_LINKS = {"stylesheet", "icon", "preload", "modulepreload", "prefetch", "preconnect", "dns-prefetch", "manifest"}
"""`rel` of the links in a page's head that a browser fetches."""


@dataclass(frozen=True)
class Table:
    """A table's id, if it has one, and the rows of its bodies."""

    id: str | None
    rows: int


@dataclass(frozen=True)
class Downloads:
    """The addresses in a `<p class="downloads" data-table="…">`, and the table whose rows those files hold."""

    table: str
    addresses: tuple[str, ...]


class Outline(HTMLParser):
    """What a page holds, in the order of its text: a reader of its tags that needs no browser."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.title = ""
        self.ids: list[str] = []
        self.anchors: list[str] = []
        self.loads: list[str] = []
        self.tables: list[Table] = []
        self.downloads: list[Downloads] = []
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self._inside: str | None = None
        self._open_tables: list[list[object]] = []
        self._paragraph: tuple[str, list[str]] | None = None
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if "id" in given:
            self.ids.append(given["id"])
        if "style" in given:
            self.styles.append(given["style"])
        self._addresses(tag, given)
        self._structure(tag, given)
        if tag in ("script", "style", "title"):
            self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = None
        elif tag == "table" and self._open_tables:
            name, _, rows = self._open_tables.pop()
            self.tables.append(Table(name, rows))  # type: ignore[arg-type]
        elif tag in ("thead", "tbody", "tfoot") and self._open_tables:
            self._open_tables[-1][1] = None
        elif tag == "p" and self._paragraph:
            self.downloads.append(Downloads(self._paragraph[0], tuple(self._paragraph[1])))
            self._paragraph = None

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts.append(data)
        elif self._inside == "style":
            self.styles.append(data)
        elif self._inside == "title":
            self.title += data

    def _addresses(self, tag: str, given: dict[str, str]) -> None:
        self.loads += [value for name, value in given.items() if (tag, name) in LOADED]
        self.loads += [one.split()[0] for one in given.get("srcset", "").split(",") if one.strip()]
        if tag == "link" and set(given.get("rel", "").lower().split()) & LOADING_LINKS:
            self.loads.append(given.get("href", ""))
        elif tag in ("a", "area", "link"):
            found = [given[name] for name in ("href", "xlink:href") if name in given]
            self.anchors += found
            if self._paragraph and tag == "a":
                self._paragraph[1].extend(found)

    def _structure(self, tag: str, given: dict[str, str]) -> None:
        if tag == "table":
            self._open_tables.append([given.get("id"), None, 0])
        elif tag in ("thead", "tbody", "tfoot") and self._open_tables:
            self._open_tables[-1][1] = tag
        elif tag == "tr" and self._open_tables and self._open_tables[-1][1] == "tbody":
            self._open_tables[-1][2] += 1  # type: ignore[operator]
        elif tag == "p" and "downloads" in given.get("class", "").split() and "data-table" in given:
            self._paragraph = (given["data-table"], [])


@dataclass(frozen=True)
class Page:
    """An HTML file of the site; `name` is its way from the site's folder, as tests name it."""

    file: Path
    name: str

    @cached_property
    def outline(self) -> Outline:
        return Outline(self.file.read_text(encoding="utf-8"))

    @property
    def is_hostile(self) -> bool:
        """Whether it is the page of something with a hostile name."""
        return any(text in self.outline.title for text in HOSTILE)


@dataclass(frozen=True)
class Site:
    """A built site and the results it was built from; `written_outside` is what building it left anywhere else."""

    folder: Path
    results: Path
    written_outside: tuple[str, ...] = ()

    @cached_property
    def pages(self) -> tuple[Page, ...]:
        """Every HTML file, by its name."""
        names = sorted(path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*.html"))
        return tuple(Page(self.folder / name, name) for name in names)

    @cached_property
    def by_file(self) -> dict[Path, Page]:
        return {page.file.resolve(): page for page in self.pages}

    @cached_property
    def sample(self) -> tuple[Page, ...]:
        """Pages for the slow tests: all near the root; of each kind deeper down the ends, the largest and hostile ones.

        Pages of a kind lie in folders of one name, whatever track they belong to: `systems`, `compare`.
        """
        near = [page for page in self.pages if page.name.count("/") < 2]
        kinds: dict[str, list[Page]] = {}
        for page in self.pages:
            if page not in near:
                kinds.setdefault(page.file.parent.name, []).append(page)
        return (*near, *(page for kind in kinds.values() for page in _ends(kind)))


def _ends(kind: list[Page]) -> Iterable[Page]:
    largest = max(kind, key=lambda page: page.file.stat().st_size)
    hostile = [page for page in kind if page.is_hostile][:2]
    return dict.fromkeys((kind[0], *hostile, largest, kind[-1]))


def named(findings: Iterable[tuple[Page, Iterable[str]]]) -> Iterator[str]:
    """Each finding with the page it is about."""
    for page, several in findings:
        for one in several:
            yield f"{page.name}: {one}"


def require_none(findings: Iterable[str], *, most: int = 40) -> None:
    """Fails the test with the findings, one a line, where there are any."""
    every = list(findings)
    if every:
        more = [f"… and {len(every) - most} more"] if len(every) > most else []
        pytest.fail("\n".join([f"{len(every)} findings:", *every[:most], *more]), pytrace=False)
