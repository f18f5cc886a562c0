"""Parts of a picture: text that fits its room, shapes, links. Every text and address is cleaned and escaped here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from typing import Literal
from unicodedata import category, east_asian_width
from urllib.parse import urlsplit

import svg

SIZE = 12
"""Height of all text; charts.css sets the same."""

WIDTHS = {0.33: " !',.:;I|ijl", 0.43: "()*-/[]`frt{}", 1.05: "%@MWmwЖФШЩЫЮжмфшщыю…—"}
"""Width of characters as a share of their height, after DejaVu Sans, the widest of the usual fonts."""

FORBIDDEN = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]+")

Point = tuple[float, float]


def linked(href: str | None, elements: list[svg.Element]) -> svg.Element:
    if href is None:
        return elements[0] if len(elements) == 1 else svg.G(elements=elements)
    if urlsplit(href).scheme not in ("", "http", "https"):
        raise ValueError(f"{href!r} is no address that a page may link to. Give a path, or an address with https.")
    return svg.A(href=escaped(href), elements=elements)


@dataclass
class _Text(svg.Element):
    """The few attributes that are used here: svg.py's own elements have up to 68, and take five times as long."""

    element_name = "text"
    x: float | None = None
    y: float | None = None
    text_anchor: Literal["middle", "end"] | None = None


@dataclass
class _Circle(svg.Element):
    element_name = "circle"
    class_: str | None = None
    cx: float | None = None
    cy: float | None = None
    r: float | None = None


@dataclass
class _Path(svg.Element):
    element_name = "path"
    class_: str | None = None
    stroke_dasharray: Sequence[int] | None = None
    d: str | None = None


def path(kind: str, commands: str, dashes: Sequence[int] = (), title: str | None = None) -> svg.Element:
    told = [titled(title)] if title else None
    return _Path(class_=kind, stroke_dasharray=dashes or None, d=commands, elements=told)


def circle(kind: str, point: Point, radius: float, elements: list[svg.Element] | None = None) -> svg.Element:
    return _Circle(class_=kind, cx=rounded(point[0]), cy=rounded(point[1]), r=radius, elements=elements)


def joined(points: Sequence[Point]) -> str:
    return "M" + " ".join(f"{short(x)} {short(y)}" for x, y in points)


def marker(point: Point, shape: str) -> str:
    return f"M{short(point[0])} {short(point[1])}{shape}"


def rounded(value: float) -> float:
    """A length to two decimals, whole where it is whole."""
    found = round(value, 2)
    return int(found) if found == int(found) else found


def short(value: float) -> str:
    return f"{round(value, 2) + 0:g}"


def written(text: str, x: float, y: float, anchor: Literal["middle", "end"] | None = None) -> svg.Element:
    return _Text(text=escaped(text), x=rounded(x), y=rounded(y), text_anchor=anchor)


def titled(name: str, more: str = "") -> svg.Element:
    """What is told of an element where it cannot be written out."""
    name = clean(name)
    return svg.Title(text=escaped((name if len(name) <= 80 else f"{name[:79]}…") + more))


def escaped(text: str) -> str:
    return escape(clean(text))


def clean(text: str) -> str:
    """One line of characters that XML can hold, none of which turns the direction of writing."""
    return FORBIDDEN.sub(" ", text).strip()


def shortened(text: str, room: float) -> str:
    """A text that is no wider than the room, with an ellipsis where it was cut."""
    text = clean(text)
    if width(text) <= room:
        return text
    kept, room = "", room - width("…")
    for sign in text:
        room -= width(sign)
        if room < 0:
            break
        kept += sign
    return f"{kept.rstrip()}…"


def width(text: str) -> float:
    """How wide a text is at most in the usual fonts without serifs."""
    return SIZE * sum(map(_width_of, text))


@lru_cache(maxsize=4096)
def _width_of(sign: str) -> float:
    """The width of a character as a share of its height; for writing of which little is known, a wide one."""
    for width, signs in WIDTHS.items():
        if sign in signs:
            return width
    kind = category(sign)
    if kind in ("Mn", "Me", "Cf"):
        return 0
    if ord(sign) > 0x52F:
        return 1.3 if east_asian_width(sign) in "WF" else 1.05
    return 0.75 if kind == "Lu" else 0.63
