"""The site: reads results, makes pages, writes what changed. The same results give the same bytes."""

from __future__ import annotations

import base64
import gc
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from harness import curves, results, tracks
from harness.blocks import SUMS
from harness.files import digest_of_file, digest_of_files, digest_of_value, disk_mistake
from harness.outcomes import Mistake, nearest
from harness.replicates import REPLICATES
from harness.results import Complexity, Damaged, Digests, Provenance, Result
from harness.tracks import Track
from leaderboard import display, evidence, pairs, speeds, studied
from leaderboard.boards import Board, boards
from leaderboard.evidence import Evidence
from leaderboard.feed import feed
from leaderboard.folder import Folder
from leaderboard.material import material
from leaderboard.page import Page
from leaderboard.pages import board as board_page
from leaderboard.pages import compare as compare_page
from leaderboard.pages import excluded, index, rules, studies, system, trade_off
from leaderboard.pages.places import FEED, INDEX, Places
from leaderboard.pairs import Pair
from leaderboard.rows import Cell, Row
from leaderboard.studied import Ran
from leaderboard.tables import Table
from leaderboard.tested import Tested
from leaderboard.workers import spread

HERE = Path(__file__).parent

Render = Callable[[Page], bytes]


@dataclass(frozen=True)
class Report:
    """The first page and those of the tracks, how many files are new or changed, and what was no result."""

    index: Path
    tracks: Mapping[str, Path]
    written: int
    files: int
    damaged: tuple[Damaged, ...]


def build(folders: Sequence[Path], out: Path, project: Path = studied.PROJECT) -> Report:
    """Writes the pages of all results under `folders` into `out`; `Mistake` where that cannot be written.

    Files that have not changed are left alone, files of an earlier build that are no longer made are removed.
    """
    with _uncollected():
        return _built(folders, out, project)


def compare(one: str, other: str, track: str | None, folder: Path) -> Page:
    """The page of two systems of a track, which every later build of the results `folder` makes too.

    Without a `track` it is the one that both are on. Raises `Mistake` where there is no such track or system, or where
    what a cell predicted is missing.
    """
    cells, _ = read([folder])
    made = {board.name: board for board in boards(cells, _known())}
    board = made[pairs.track_of(one, other, made.values()) if track is None else _named(track, made, folder)]
    rows = pairs.named(board, one), pairs.named(board, other)
    if rows[0].slug == rows[1].slug:
        raise Mistake("compare.same", f"{one} and {other} are the same system.", "Name two.")
    clips = material(board, [folder])
    ahead, behind = sorted(rows, key=board.rows.index)
    found = evidence.compared(ahead, behind, clips) if clips else None
    if not found or not clips:
        problem = f"{one} and {other} share no split on which both have sums or predictions beside their results."
        raise Mistake("compare.predictions", problem, "Evaluate them on the same splits, or add those files.")
    pairs.ask(board, *rows, folder)
    return compare_page.page(board, found, clips, Places(folder))


def _named(track: str, made: Mapping[str, Board], folder: Path) -> str:
    if track not in made:
        raise Mistake("compare.track", f"{folder} has no results of the track {track}.", nearest(track, made))
    return track


def _known() -> dict[str, Track]:
    return {name: tracks.load(name)[0] for name in tracks.names()}


def _built(folders: Sequence[Path], out: Path, project: Path) -> Report:
    cells, damaged = read(folders)
    timed, more = speeds.read(folders)
    damaged = tuple(sorted((*damaged, *more), key=lambda one: str(one.path)))
    made, places, folder = boards(cells, _known(), timed), Places(out), Folder(out)
    try:
        _write(made, damaged, folders, places, project, folder)
        folder.finish()
    except OSError as error:
        raise disk_mistake(error, f"The site {out}") from None
    pages = {board.name: out / places.board(board) for board in made}
    return Report(out / INDEX, pages, folder.written, len(folder.now), damaged)


def _write(
    made: Sequence[Board],
    damaged: Sequence[Damaged],
    folders: Sequence[Path],
    places: Places,
    project: Path,
    folder: Folder,
) -> None:
    """Every file of the site: pages, their downloads, the feed."""
    render = renderer()
    found: dict[str, Mapping[str, Evidence]] = {}
    papers = studied.ran(folders, project)
    for board in made:
        clips = material(board, folders)
        found[board.name] = evidence.weighed(board, clips)
        printed = studies.printed_for(board.name, papers, places)
        track = _Track(board, found[board.name], clips, places, render, printed, pairs.pairs(board, folders))
        track.write(folder)
    for page in _of_all(made, found, damaged, papers, places):
        for name, content in _files(page, render):
            folder.write(name, content)
    folder.write(FEED, feed(made, places).encode(errors="replace"))


def _files(page: Page, render: Render) -> list[tuple[str, bytes]]:
    """A page and its downloads, by path."""
    downloads = [(name, text.encode(errors="replace")) for name, text in page.downloads().items()]
    return [(page.path, render(page)), *downloads]


@dataclass(frozen=True)
class _Track:
    """What the pages of one track are made of."""

    board: Board
    found: Mapping[str, Evidence]
    clips: Tested | None
    places: Places
    render: Render
    printed: tuple[Table, ...]
    pairs: tuple[Pair, ...]

    def write(self, folder: Folder) -> None:
        """Its pages: comparisons, the board, the trade-off, and one for each system."""
        for page in self._pages():
            for name, content in _files(page, self.render):
                folder.write(name, content)
        made_of = _source()

        def of_row(number: int) -> tuple[str, list[str], list[tuple[str, bytes]]]:
            """Of what a row's files are made, those that are there already, and those that are not."""
            own = self._made_of(self.board.rows[number], made_of)
            names = self.places.files_of(self.board, self.board.rows[number])
            return (own, names, []) if folder.has(names, own) else (own, [], self._of_row(self.board.rows[number]))

        for own, names, written in spread(of_row, len(self.board.rows)):
            folder.keep(names, own)
            for name, content in written:
                folder.write(name, content, own)

    def _pages(self) -> Iterator[Page]:
        compared = []
        for one, other in self.pairs if self.clips else ():
            comparison = evidence.compared(one, other, self.clips) if self.clips else None
            if comparison and self.clips:
                page = compare_page.page(self.board, comparison, self.clips, self.places)
                compared.append((page.title, page.path))
                yield page
        yield board_page.page(self.board, self.found, compared, self.printed, self.clips, self.places)
        if self.board.ranked:
            yield trade_off.page(self.board, self.found, self.places)

    def _of_row(self, row: Row) -> list[tuple[str, bytes]]:
        return _files(system.page(self.board, row, self.found.get(row.slug), self.clips, self.places), self.render)

    def _made_of(self, row: Row, source: str) -> str:
        """A digest of all that a system's page depends on."""
        board = self.board
        files = [
            digest_of_file(path)
            for cell in row.cells
            for path in (cell.path, *(cell.path.with_suffix(ending) for ending in (SUMS, REPLICATES, curves.SUFFIX)))
            if path.is_file()
        ]
        about = (len(board.ranked), board.splits, board.required, board.groups, board.devices, len(board.superseded))
        timed = (board.hardware, row.speeds)
        words = (
            row.slug,
            row.rank,
            row.score,
            row.marks,
            row.notes,
            about,
            str(board.track),
            self.found.get(row.slug),
            timed,
        )
        paths = [self.places.result(cell.path) for cell in row.cells]
        return digest_of_value([source, files, paths, str(words)])


@cache
def _source() -> str:
    """A digest of the code that makes pages."""
    code = [*HERE.rglob("*"), *HERE.parent.joinpath("harness").glob("*.py")]
    files = [path for path in code if path.is_file() and "__pycache__" not in path.parts]
    return digest_of_files((path.relative_to(HERE.parent).as_posix(), path) for path in files)


def _of_all(
    made: Sequence[Board],
    found: Mapping[str, Mapping[str, Evidence]],
    damaged: Sequence[Damaged],
    papers: Sequence[Ran],
    places: Places,
) -> Iterator[Page]:
    others = sum(len(board.unranked) + len(board.failures) for board in made) + len(damaged)
    yield index.page(made, found, others, places)
    yield excluded.page(made, damaged, places)
    yield rules.page()
    yield from studies.pages(papers, places)


def read(folders: Sequence[Path]) -> tuple[tuple[Cell, ...], tuple[Damaged, ...]]:
    """Every result under the folders and every file that is none, each file once even if two folders hold it.

    What only a system's own page shows (modules, configuration, provenance) is left on disk: thousands of cells are to
    fit into memory.
    """
    every = (path for folder in folders for path in results.files(folder))
    paths = list(dict.fromkeys(path.resolve() for path in every))
    found = list(spread(lambda at: _light(results.read(paths[at])), len(paths), few=2_000))
    cells = tuple(Cell(path, one) for path, one in zip(paths, found, strict=True) if not isinstance(one, Damaged))
    damaged = (one for one in found if isinstance(one, Damaged))
    return cells, tuple(sorted(damaged, key=lambda one: str(one.path)))


_ELSEWHERE = Provenance(harness="", git_commit=None, git_dirty=None, python="", packages={}, hardware={})


def _light(result: Result | Damaged) -> Result | Damaged:
    if isinstance(result, Damaged):
        return result
    costs, scores, train = result.complexity, result.scores, result.stages.get("train")
    lean = {"parameters", "parameter_bytes", "macs", "official_macs"}
    return result.model_copy(
        update={
            "provenance": _ELSEWHERE,
            "config": {},
            "digests": Digests(entry=result.digests.entry, test_list=result.digests.test_list),
            "stages": {"train": train} if train else {},
            "complexity": Complexity(**costs.model_dump(include=lean), bytes_by_dtype={}) if costs else None,
            "scores": scores.model_copy(update={"per_class": {}}) if scores else None,
            "snapshots": {},
        }
    )


def renderer() -> Render:
    """A function that gives a page's bytes; templates are read once."""
    template = environment().get_template("page.html")
    style = "".join((HERE / "static" / name).read_text(encoding="utf-8") for name in ("style.css", "charts.css"))
    script = (HERE / "static" / "script.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    shared = {"style": Markup(style), "script": Markup(script), "script_hash": f"sha256-{digest}"}  # noqa: S704 - ours
    return lambda page: template.render(page=page, **shared).encode(errors="replace")


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


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the search for circles of dead objects: it walks over all results again and again, and there are none."""
    were = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if were:
            gc.enable()
