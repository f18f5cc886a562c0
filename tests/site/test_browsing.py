"""Every page in a browser: it says nothing wrong, fetches nothing, fits a phone and needs no script."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from tests.site.browsing import NARROW, Visit
from tests.site.pages import Site, named, require_none

Visits = tuple[Visit, ...]


def test_no_page_complains(visits: Visits) -> None:
    assert visits
    require_none(named((one.page, one.complaints) for one in visits))


def test_no_page_asks_for_anything_outside_the_site(visits: Visits, site: Site) -> None:
    found = named((one.page, (address for address in one.requests if not _is_inside(address, site))) for one in visits)
    require_none(found)
    assert all(one.requests for one in visits), "a visit that requests not even its page is none"


def _is_inside(address: str, site: Site) -> bool:
    parts = urlsplit(address)
    if parts.scheme == "data":
        return True
    folder = site.folder.resolve().as_uri()
    return parts.scheme == "file" and unquote(address).startswith(unquote(folder) + "/")


def test_nothing_is_wider_than_a_phone(visits: Visits) -> None:
    found = named((one.page, _overflow(one)) for one in visits)
    require_none(found)


def _overflow(visit: Visit) -> list[str]:
    if visit.width <= NARROW:
        return []
    return [f"{visit.width} px wide; {text}" for text in visit.too_wide or ("nothing sticks out by itself",)]


def test_every_row_is_there_without_scripts(visits: Visits, visits_without_scripts: Visits) -> None:
    pairs = zip(visits, visits_without_scripts, strict=True)
    found = (
        (one.page, [f"rows of its tables: {one.rows}, without scripts {other.rows}"])
        for one, other in pairs
        if one.rows != other.rows
    )
    require_none(named(found))
    assert sum(sum(one.rows) for one in visits) > 0
