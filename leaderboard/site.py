"""The site: reads results, makes pages, writes what changed. The same results give the same bytes."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from harness import results, tracks
from harness.files import disk_mistake, write_bytes
from harness.results import Damaged, Result
from leaderboard import display, evidence
from leaderboard.boards import Board, boards
from leaderboard.evidence import Evidence, Material
from leaderboard.feed import feed
from leaderboard.page import Page
from leaderboard.pages import board as board_page
from leaderboard.pages import compare, excluded, index, rules, studies, system, trade_off
from leaderboard.pages.places import FEED, INDEX, Places
from leaderboard.rows import Cell, Row

HERE = Path(__file__).parent

MANIFEST = "site.json"
"""The files that a build wrote, so that the next one can take away those that it no longer writes."""

COMPARED = 8
"""Ranked systems of which every two are compared on a page; the others only with the first and the one before."""


@dataclass(frozen=True)
class Report:
    """The first page and those of the tracks, how many files are new or changed, and what was no result."""

    index: Path
    tracks: Mapping[str, Path]
    written: int
    files: int
    damaged: tuple[Damaged, ...]


def build(folders: Sequence[Path], out: Path, project: Path = studies.PROJECT) -> Report:
    """Writes the pages of all results under `folders` into `out`; `Mistake` where that cannot be written.

    Files that have not changed are left alone, files of an earlier build that are no longer made are removed.
    """
    cells, damaged = read(folders)
    known = {name: tracks.load(name)[0] for name in tracks.names()}
    made, places = boards(cells, known), Places(out)
    written, names = 0, []
    try:
        for name, content in files(made, damaged, folders, places, project):
            written += _written(out / name, content)
            names.append(name)
        _forget(out, names)
    except OSError as error:
        raise disk_mistake(error, f"The site {out}") from None
    return Report(out / INDEX, {board.name: out / places.board(board) for board in made}, written, len(names), damaged)


def files(
    made: Sequence[Board], damaged: Sequence[Damaged], folders: Sequence[Path], places: Places, project: Path
) -> Iterator[tuple[str, bytes]]:
    """Every file of the site by its path: pages, their downloads, the feed."""
    render = renderer()
    for page in pages(made, damaged, folders, places, project):
        yield page.path, render(page)
        for name, text in page.downloads().items():
            yield name, text.encode(errors="replace")
    yield FEED, feed(made, places).encode(errors="replace")


def pages(
    made: Sequence[Board], damaged: Sequence[Damaged], folders: Sequence[Path], places: Places, project: Path
) -> Iterator[Page]:
    """Every page, one at a time: there may be thousands."""
    found: dict[str, Mapping[str, Evidence]] = {}
    for board in made:
        clips = evidence.tested(board, folders)
        found[board.name] = evidence.weighed(board, clips)
        yield from _of_track(board, found[board.name], clips, places)
    others = sum(len(board.unranked) + len(board.failures) for board in made) + len(damaged)
    yield index.page(made, found, others, places)
    yield excluded.page(made, damaged, places)
    yield rules.page()
    yield from studies.pages(studies.ran(folders, project), places)


def _of_track(board: Board, found: Mapping[str, Evidence], clips: Material | None, places: Places) -> Iterator[Page]:
    compared = []
    for one, other in _pairs(board.ranked) if clips else ():
        comparison = evidence.compared(one, other, clips) if clips else None
        if comparison and clips:
            page = compare.page(board, comparison, clips, places)
            compared.append((page.title, page.path))
            yield page
    yield board_page.page(board, found, compared, places)
    for row in board.rows:
        yield system.page(board, row, found.get(row.slug), clips, places)
    if board.ranked:
        yield trade_off.page(board, found, places)


def _pairs(ranked: Sequence[Row]) -> list[tuple[Row, Row]]:
    """The pairs that have a page: every two of the first, then each with the first and with the one before it."""
    head = ranked[:COMPARED]
    found = [(one, other) for at, one in enumerate(head) for other in head[at + 1 :]]
    return found + [pair for pair in pairwise(ranked[COMPARED - 1 : 5 * COMPARED]) if pair not in found]


def read(folders: Sequence[Path]) -> tuple[tuple[Cell, ...], tuple[Damaged, ...]]:
    """Every result under the folders and every file that is none, each file once even if two folders hold it.

    What only a system's own page shows (modules, snapshots) is left on disk: thousands of cells are to fit into memory.
    """
    found = {path.resolve(): record for path, record in results.read_all(folders)}
    cells = tuple(Cell(path, _light(one)) for path, one in found.items() if not isinstance(one, Damaged))
    damaged = (one for one in found.values() if isinstance(one, Damaged))
    return cells, tuple(sorted(damaged, key=lambda one: str(one.path)))


def _light(result: Result) -> Result:
    costs = result.complexity
    lean = costs.model_copy(update={"modules": ()}) if costs else None
    return result.model_copy(update={"complexity": lean, "snapshots": {}})


class renderer:  # noqa: N801 - called like a function
    """Writes pages as HTML; templates are read once."""

    def __init__(self) -> None:
        self.template = environment().get_template("page.html")
        style = "".join((HERE / "static" / name).read_text() for name in ("style.css", "charts.css"))
        script = (HERE / "static" / "script.js").read_text()
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        self.shared = {"style": Markup(style), "script": Markup(script), "script_hash": f"sha256-{digest}"}  # noqa: S704 - ours

    def __call__(self, page: Page) -> bytes:
        """The page's bytes."""
        return self.template.render(page=page, **self.shared).encode(errors="replace")


def environment() -> Environment:
    """The templates, with everything escaped and nothing undefined."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["width"] = display.width
    return made


def _written(path: Path, content: bytes) -> bool:
    """Whether the file was new or changed; it is written whole or not at all."""
    try:
        if path.read_bytes() == content:
            return False
    except OSError:
        pass
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, content)
    return True


def _forget(out: Path, names: Sequence[str]) -> None:
    """Removes what the last build wrote and this one did not, and remembers what this one wrote."""
    manifest = out / MANIFEST
    for name in sorted(_remembered(manifest) - set(names)):
        path = out / name
        if path.resolve().is_relative_to(out.resolve()):
            path.unlink(missing_ok=True)
    _written(manifest, json.dumps(sorted(names), indent=0).encode() + b"\n")


def _remembered(manifest: Path) -> set[str]:
    try:
        found = json.loads(manifest.read_bytes())
    except (OSError, ValueError):
        return set()
    return {name for name in found if isinstance(name, str)} if isinstance(found, list) else set()
