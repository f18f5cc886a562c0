"""Labels of systems as DCASE wants them, and the names of files that follow from them."""

from __future__ import annotations

import re
from dataclasses import dataclass

FORM = "<Lastname>_<institute>_task1_<number>"
GRAMMAR = re.compile(r"(?P<name>[A-Z][A-Za-z0-9-]*)_(?P<institute>[A-Za-z0-9-]+)_task1_(?P<index>[1-9])")
LETTERS = str.maketrans(
    {
        "ł": "l",
        "Ł": "L",
        "ø": "o",
        "Ø": "O",
        "ß": "ss",
        "đ": "d",
        "Đ": "D",
        "æ": "ae",
        "Æ": "Ae",
        "œ": "oe",
        "\u0131": "i",
    }
    | {"þ": "th", "Þ": "Th", "ð": "d"}
)
"""Letters that are no letter with an accent."""

META = ".meta.yaml"
REPORT = ".technical_report.pdf"


@dataclass(frozen=True)
class Label:
    """A system's label: `Lastname_Institute_task1_2`. `team` is what all systems of a team have in common."""

    team: str
    index: int

    def __str__(self) -> str:
        return f"{self.team}_{self.index}"

    @classmethod
    def parse(cls, text: str) -> Label | None:
        """The label that is written so; None where it is none."""
        found = GRAMMAR.fullmatch(text)
        return cls(f"{found['name']}_{found['institute']}_task1", int(found["index"])) if found else None

    @property
    def meta(self) -> str:
        """The name of the meta file."""
        return f"{self}{META}"

    def output(self, ending: str) -> str:
        """The name of an output file; `ending` as the edition has it: `output.split_5`."""
        return f"{self}.{ending}.csv"

    @property
    def report(self) -> str:
        """The name of the technical report, one for all systems of the team."""
        return f"{self.team}{REPORT}"


def name_part(text: str) -> str:
    """A last name or an institute in letters that labels and names of Python modules take; empty where none is left."""
    import unicodedata  # noqa: PLC0415 - a table of some size

    plain = unicodedata.normalize("NFKD", text.translate(LETTERS)).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]", "", plain)
