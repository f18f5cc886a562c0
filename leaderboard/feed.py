"""The Atom feed: the newest results, as RFC 4287 has it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from xml.etree import ElementTree as ET

from leaderboard import display, measures
from leaderboard.boards import Board
from leaderboard.pages.places import FEED, Places
from leaderboard.rows import Row

ATOM = "http://www.w3.org/2005/Atom"
NEWEST = 100
EPOCH = "1970-01-01T00:00:00+00:00"


def feed(boards: Iterable[Board], places: Places) -> str:
    """The newest rows of all boards, newest first; ids do not change from build to build."""
    rows = [(board, row) for board in boards for row in board.rows]
    rows.sort(key=lambda pair: (pair[1].newest.created, pair[1].slug), reverse=True)
    ET.register_namespace("", ATOM)
    root = ET.Element(f"{{{ATOM}}}feed")
    _add(root, "id", "urn:dcase-bench:leaderboard")
    _add(root, "title", "DCASE Task 1 leaderboard: new results")
    _add(root, "updated", _time(rows[0][1].newest.created) if rows else EPOCH)
    ET.SubElement(root, f"{{{ATOM}}}link", rel="self", href=FEED)
    _add(ET.SubElement(root, f"{{{ATOM}}}author"), "name", "dcase-bench")
    for board, row in rows[:NEWEST]:
        _entry(root, board, row, places)
    ET.indent(root, space="")
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _entry(root: ET.Element, board: Board, row: Row, places: Places) -> None:
    entry = ET.SubElement(root, f"{{{ATOM}}}entry")
    path = places.system(board, row)
    _add(entry, "id", f"urn:dcase-bench:{path.removesuffix('.html')}:{row.newest.key[:16]}")
    _add(entry, "title", f"{row.name} on {board.track.title if board.track else board.name}")
    _add(entry, "updated", _time(row.newest.created))
    ET.SubElement(entry, f"{{{ATOM}}}link", rel="alternate", href=path)
    _add(entry, "summary", _summary(board, row))


def _summary(board: Board, row: Row) -> str:
    scores = [f"split {split}: {display.percent(mean.value)} %" for split, mean in row.by_split.items()]
    place = f"Rank {row.rank} of {len(board.ranked)}. " if row.rank is not None else "Not ranked. "
    return f"{place}{measures.main(board).heading} {'; '.join(scores)}."


def _add(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, f"{{{ATOM}}}{name}").text = plain(text)


def plain(text: str) -> str:
    """Text without characters that XML does not allow."""
    return "".join(
        letter
        for letter in text
        if letter in "\t\n" or 0x20 <= ord(letter) < 0xD800 or 0xE000 <= ord(letter) < 0xFFFE or ord(letter) > 0xFFFF
    )


def _time(created: str) -> str:
    """A time as Atom wants it; the beginning of time for what is none."""
    try:
        found = datetime.fromisoformat(created)
    except ValueError:
        return EPOCH
    return found.isoformat() if found.tzinfo else f"{found.isoformat()}+00:00"
