"""Output tables: for each clip its name, the class that was chosen, and the probability of every class.

Twelve columns with tabs between them and a header (DCASE 2022 to 2025): filename, scene_label, then the classes.
Probabilities that were computed at 16 bit sum to 1 only up to about a thousandth.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from difflib import get_close_matches

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import softmax

from harness.packages.faults import MOST, Fault, Faults

FIRST = ("filename", "scene_label")
PREFIX = "audio/"
SUM_ROOM = 0.01
HINTS = 3
"""Unknown clips for which the nearest known one is looked for: that takes a while in long lists."""

TIE_ROOM = 1e-9
"""Two probabilities as near as this are equal: either class may be the chosen one."""


def table(names: Sequence[str], logits: ArrayLike, labels: Sequence[str], *, audio_prefix: bool) -> bytes:
    """The table of `logits` (clips, classes) for the clips called `names`, with LF line ends."""
    probabilities = softmax(np.asarray(logits, dtype=np.float64), axis=1)
    chosen = probabilities.argmax(axis=1)
    lines = ["\t".join((*FIRST, *labels))]
    for name, row, best in zip(names, probabilities, chosen, strict=True):
        bare = name.removeprefix(PREFIX)
        shown = f"{PREFIX}{bare}" if audio_prefix else bare
        lines.append("\t".join((shown, labels[best], *(f"{value:.9g}" for value in row))))
    return ("\n".join(lines) + "\n").encode()


def rows(text: str, labels: Sequence[str]) -> dict[str, list[float]]:
    """Probabilities in the order of `labels`, by the clip's name with `audio/`; of the lines that can be read."""
    lines = text.replace("\r\n", "\n").split("\n")
    columns = lines[0].split("\t")
    if any(label not in columns for label in labels):
        return {}
    places = [columns.index(label) for label in labels]
    found = {}
    for line in lines[1:]:
        values = line.split("\t")
        if len(values) == len(columns):
            try:
                found[f"{PREFIX}{values[0].removeprefix(PREFIX)}"] = [float(values[at]) for at in places]
            except ValueError:
                continue
    return found


class Reading:
    """Reads one table: every fault is kept with its line, and `names` are the clips it has rows for."""

    def __init__(self, file: str, labels: Sequence[str], faults: Faults, *, audio_prefix: bool) -> None:
        self.file = file
        self.labels = tuple(labels)
        self.faults = faults
        self.audio_prefix = audio_prefix
        self.names: dict[str, int] = {}
        self._columns: tuple[str, ...] = ()

    def read(self, text: str) -> None:
        """Looks at every line of the table."""
        lines = text.split("\n")
        self._line_ends(lines, text)
        lines = [line.removesuffix("\r") for line in lines]
        if not self._header(lines[0]):
            return
        for number, line in enumerate(lines[1:], start=2):
            if line:
                self._row(number, line)
            elif number < len(lines):
                self._fault("package.row", number, "is empty.", "Remove the line.")
        if not self.names:
            self._fault("package.clips", 1, "has no row.", "Write a row for every clip.")

    def require(self, clips: Collection[str]) -> None:
        """Adds a fault for each clip that has no row, and for each row of a clip that is none of these."""
        known = {name.removeprefix(PREFIX) for name in clips}
        unknown = [(name, number) for name, number in self.names.items() if name not in known]
        missing = sorted(known - self.names.keys())
        if max(len(missing), len(unknown)) > MOST:
            problem = f"{len(missing):,} clips are missing, and {len(unknown):,} rows are of no clip of the list."
            self._fault("package.clips", None, problem, "Use the evaluation list of this edition.")
        for at, (name, number) in enumerate(unknown[:MOST]):
            near = get_close_matches(name, known, n=1) if at < HINTS and len(known) < 5_000 else []
            hint = f'Did you mean "{near[0]}"?' if near else "Use the evaluation list of this edition."
            self._fault("package.clips", number, f'"{name}" is no clip of the evaluation list.', hint)
        for name in missing[:MOST]:
            self._fault("package.clips", None, f'the clip "{name}" is missing.', "Write a row for it.")

    def _fault(self, rule: str, line: int | None, problem: str, remedy: str) -> None:
        self.faults.add(Fault(rule, self.file, problem, remedy, line=line))

    def _line_ends(self, lines: Sequence[str], text: str) -> None:
        first = next((number for number, line in enumerate(lines, start=1) if line.endswith("\r")), None)
        if first is not None:
            self._fault("package.lines", first, "ends with CR LF.", "Write LF line ends.")
        elif "\r" in text:
            self._fault("package.lines", text[: text.index("\r")].count("\n") + 1, "holds a CR.", "Write LF line ends.")

    def _header(self, line: str) -> bool:
        """Whether rows can be read by the header: classes in another order are a fault, and do not hinder that."""
        columns = tuple(line.split("\t"))
        wanted = (*FIRST, *self.labels)
        if columns[:2] == FIRST and sorted(columns[2:]) == sorted(self.labels):
            self._columns = columns
            if columns != wanted:
                remedy = "Order the classes alphabetically."
                self._fault("package.columns", 1, "has its classes in another order.", remedy)
            return True
        if len(columns) == 1 and "," in line:
            self._fault("package.columns", 1, "has commas between its columns.", "Put tabs there.")
            return False
        missing = [name for name in wanted if name not in columns]
        more = [name for name in columns if name not in wanted]
        if missing:
            near = get_close_matches(missing[0], more, n=1)
            instead = f', and "{near[0]}" in its place' if near else ""
            self._fault(
                "package.columns", 1, f'lacks the column "{missing[0]}"{instead}.', f"Wanted: {', '.join(wanted)}."
            )
        elif more:
            self._fault("package.columns", 1, f'has an unknown column "{more[0]}".', f"Wanted: {', '.join(wanted)}.")
        else:
            self._fault("package.columns", 1, "has its columns in another order.", f"Wanted: {', '.join(wanted)}.")
        return False

    def _row(self, number: int, line: str) -> None:
        values = line.split("\t")
        if len(values) != len(self._columns):
            problem = f"has {len(values)} columns instead of {len(self._columns)}."
            self._fault("package.row", number, problem, "Separate the columns by one tab each.")
            return
        self._name(number, values[0])
        if values[1] not in self.labels:
            near = get_close_matches(values[1], self.labels, n=1)
            hint = f'Did you mean "{near[0]}"?' if near else f"Labels: {', '.join(self.labels)}."
            self._fault("package.label", number, f'"{values[1]}" is no label.', hint)
            return
        self._probabilities(number, values)

    def _name(self, number: int, name: str) -> None:
        bare = name.removeprefix(PREFIX)
        if bare in self.names:
            problem = f'"{bare}" stands in line {self.names[bare]} already.'
            self._fault("package.clips", number, problem, "Write one row a clip.")
            return
        self.names[bare] = number
        if name.startswith(PREFIX) != self.audio_prefix:
            words = "with" if self.audio_prefix else "without"
            expected = f"{PREFIX}{bare}" if self.audio_prefix else bare
            self._fault(
                "package.name", number, f'"{name}" is not as wanted.', f'Write names {words} audio/: "{expected}".'
            )

    def _probabilities(self, number: int, values: Sequence[str]) -> None:
        try:
            found = [float(value) for value in values[2:]]
        except ValueError as error:
            self._fault("package.probability", number, f"holds no number ({error}).", "Write numbers from 0 to 1.")
            return
        wrong = next((value for value in found if not math.isfinite(value) or not 0 <= value <= 1), None)
        if wrong is not None:
            self._fault("package.probability", number, f"holds {wrong}.", "Write probabilities from 0 to 1.")
            return
        if abs(sum(found) - 1) > SUM_ROOM:
            problem = f"has probabilities that sum to {sum(found):.4f}."
            self._fault("package.probability", number, problem, "Write softmax probabilities, which sum to 1.")
            return
        best = self._columns[2 + found.index(max(found))]
        if max(found) - found[self._columns[2:].index(values[1])] > TIE_ROOM:
            problem = f'says "{values[1]}", and "{best}" is the most probable.'
            self._fault("package.argmax", number, problem, "The label is the class with the highest probability.")
