"""The site: reads results, renders the page, writes it. The same results give the same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from harness import results, tracks
from harness.files import disk_mistake, write_bytes
from harness.results import Damaged
from leaderboard import display
from leaderboard.boards import Board, boards
from leaderboard.rows import Cell

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Report:
    """The page that was written, and the files that were no results."""

    index: Path
    damaged: tuple[Damaged, ...]


def build(folders: Sequence[Path], out: Path) -> Report:
    """Writes the page of all results under `folders` to `out/index.html`; `Mistake` where that cannot be written."""
    cells, damaged = read(folders)
    known = {name: tracks.load(name)[0] for name in tracks.names()}
    index = out / "index.html"
    page = render(boards(cells, known), damaged, out)
    try:
        write_bytes(index, page.encode(errors="replace"))
    except OSError as error:
        raise disk_mistake(error, f"The page {index}") from None
    return Report(index, damaged)


def read(folders: Sequence[Path]) -> tuple[tuple[Cell, ...], tuple[Damaged, ...]]:
    """Every result under the folders and every file that is none, each file once even if two folders hold it."""
    found = {path.resolve(): record for path, record in results.read_all(folders)}
    cells = tuple(Cell(path, one) for path, one in found.items() if not isinstance(one, Damaged))
    damaged = (one for one in found.values() if isinstance(one, Damaged))
    return cells, tuple(sorted(damaged, key=lambda one: str(one.path)))


def render(made: Sequence[Board], damaged: Iterable[Damaged], out: Path) -> str:
    """The page as HTML; its links go from the folder `out`."""
    page = environment(out).get_template("index.html")
    return page.render(boards=made, damaged=tuple(damaged))


def environment(out: Path) -> Environment:
    """The templates, with everything escaped and nothing undefined."""
    made = Environment(
        loader=FileSystemLoader([HERE / "templates", HERE / "static"]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "percent": display.percent,
        "loss": display.loss,
        "count": display.count,
        "share": display.share,
        "words": display.words,
        "width": display.width,
        "relative": partial(display.relative, out=out),
        "link": partial(display.link, out=out),
    }
    made.globals |= {
        "data_title": display.data_title,
        "limits": display.limits,
        "ranked_by": display.ranked_by,
        "rule_in_words": display.rule_in_words,
        "statements": display.statements,
        "test_clips": display.test_clips,
        "STATUSES": display.STATUSES,
    }
    return made
