"""What systems need: the teachers they learn from, and the teachers of those, found before anything is trained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from harness import entry
from harness.entry import Entry, Need
from harness.outcomes import Mistake


@dataclass(frozen=True)
class Node:
    """A system of an entry, and the systems it needs."""

    entry: Entry
    name: str
    needs: tuple[tuple[Need, Node], ...] = ()

    @property
    def place(self) -> tuple[Path, str]:
        """What tells two nodes apart."""
        return (self.entry.folder, self.name)

    def __str__(self) -> str:
        return f"{self.entry.name}/{self.name}"


def graph(read: Entry, names: Iterable[str]) -> list[Node]:
    """The systems called `names` with all they need.

    Raises `Mistake` for a cycle, an unknown system or entry, two teachers of one name, and two entries of one name.
    """
    reader = _Reader(read)
    return [reader.node(read, name, ()) for name in names]


def in_order(nodes: Iterable[Node]) -> list[Node]:
    """Every node once, each behind those it needs."""
    found: dict[tuple[Path, str], Node] = {}
    for node in nodes:
        for needed in in_order(teacher for _, teacher in node.needs):
            found.setdefault(needed.place, needed)
        found.setdefault(node.place, node)
    return list(found.values())


class _Reader:
    """Reads every entry once, and every system once."""

    def __init__(self, first: Entry) -> None:
        self.entries = {first.folder: first}
        self.nodes: dict[tuple[Path, str], Node] = {}

    def node(self, read: Entry, name: str, above: tuple[tuple[Path, str], ...]) -> Node:
        place = (read.folder, name)
        if place in above:
            circle = " → ".join(system for _, system in (*above[above.index(place) :], place))
            raise Mistake("needs.cycle", f"Systems need each other in a circle: {circle}.", "Take one need out.")
        if place not in self.nodes:
            system = read.system(name)
            _require_names(read, name, system.needs)
            needs = tuple(
                (need, self.node(self._entry(read, need, name), need.system, (*above, place))) for need in system.needs
            )
            self.nodes[place] = Node(read, name, needs)
        return self.nodes[place]

    def _entry(self, read: Entry, need: Need, name: str) -> Entry:
        """The entry that a need names, by a path from the folder of the one that needs it."""
        if need.entry is None:
            return read
        folder = (read.folder / need.entry).resolve()
        if not folder.is_dir():
            problem = f"{read.name}/{name} needs a system of {need.entry}, which is not there."
            raise Mistake("needs.entry", problem, f"Give a path from {read.name}'s folder, such as ../cpjku.")
        if folder not in self.entries:
            other = entry.read(folder)
            namesake = next((known for known in self.entries.values() if known.name == other.name), None)
            if namesake:
                problem = f"Two entries are called {other.name}: {folder} and {namesake.folder}."
                raise Mistake("needs.names", problem, "Rename one of the folders: results lie by their names.")
            self.entries[folder] = other
        return self.entries[folder]


def _require_names(read: Entry, name: str, needs: Iterable[Need]) -> None:
    seen: set[str] = set()
    for word in (word for need in needs for word in teacher_names(need)):
        if word in seen:
            problem = f'{read.name}/{name} needs two teachers called "{word}".'
            raise Mistake("needs.twice", problem, 'Give one of them another name: { system = …, name = "…" }.')
        seen.add(word)


def teacher_names(need: Need) -> Iterator[str]:
    """What `run.teachers` calls a need's systems: by its name, with the seed where seeds are listed."""
    word = need.name or need.system
    yield from (f"{word}@{seed}" for seed in need.seeds) if need.seeds else (word,)
