"""Places: where pages and results lie, and the way from one to another. Permalinks: the same in every build."""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from leaderboard.boards import Board
from leaderboard.rows import Row

INDEX, RULES, EXCLUDED, STUDIES, FEED = "index.html", "rules.html", "excluded.html", "studies/index.html", "feed.xml"


@dataclass(frozen=True)
class Places:
    """Paths of pages from the site's folder `out`."""

    out: Path

    def folder(self, board: Board) -> str:
        """The folder of a track: its name, in letters that every file system takes."""
        plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", board.name).strip(".-")[:80]
        return plain if plain == board.name else f"{plain}-{_digest(board.name)}".lstrip("-")

    def board(self, board: Board) -> str:
        """The page of a track."""
        return f"{self.folder(board)}/index.html"

    def trade_off(self, board: Board) -> str:
        """Accuracy against cost."""
        return f"{self.folder(board)}/trade-off.html"

    def system(self, board: Board, row: Row) -> str:
        """The page of a system."""
        return f"{self.folder(board)}/systems/{row.slug}.html"

    def files_of(self, board: Board, row: Row) -> list[str]:
        """A system's page and its downloads."""
        stem = self.system(board, row).removesuffix(".html")
        return [f"{stem}.{ending}" for ending in ("html", "csv", "json")]

    def compare(self, board: Board, one: Row, other: Row) -> str:
        """The page of two systems, the same whichever of them is ahead."""
        first, second = sorted((one.slug, other.slug))
        return f"{self.folder(board)}/compare/{first}--{second}.html"

    def study(self, entry: str, name: str) -> str:
        """The page of a table of a paper."""
        return f"studies/{entry}-{name}.html"

    def way(self, board: Board, path: str) -> str:
        """The way from a track's page to another page."""
        return between(self.board(board), path)

    def link(self, board: Board, file: Path, at: str | None = None) -> str:
        """The way from a page (the track's where none is given) to a file of the results, as an address."""
        return self.to_file(at or self.board(board), file)

    def to_file(self, at: str, file: Path) -> str:
        """The way from the page `at` to a file, as an address."""
        start = (self.out / at).parent
        return quote(os.fsencode(Path(os.path.relpath(file, start)).as_posix()))

    def result(self, file: Path) -> str:
        """Where a result lies from the site's folder, as text."""
        return Path(os.path.relpath(file, self.out)).as_posix()


def between(at: str, path: str) -> str:
    """The way from one page to another, as an address."""
    return quote(posixpath.relpath(path, posixpath.dirname(at) or "."))


def _digest(name: str) -> str:
    """Eight letters that tell names apart."""
    return hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:8]
