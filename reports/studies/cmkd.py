"""Do CNNs and transformers teach each other? The figures of cmkd-figures.md, from results.

python reports/studies/cmkd.py [RESULTS ...] > reports/studies/cmkd-figures.md

Each question compares two systems on the same test clips: four folds of ESC-10, preset `small`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from questions import RESULTS, Cell, Question, Report, written

FOLDS = ("1", "2", "3", "4")
HEAD = """# CNNs and transformers that teach each other: figures

Written by `cmkd.py`; what they mean stands in [cmkd.md](cmkd.md). `*`: the interval leaves out nothing."""


def question(title: str, one: str, other: str, cells: tuple[Cell, Cell] | None = None) -> Question:
    return Question(title, f"cmkd/{one}", f"cmkd/{other}", FOLDS, cells, "mAP")


def of_settings(teacher: str, student: str, settings: Sequence[str]) -> tuple[Question, ...]:
    """Each setting of table 5 against the system that it changes."""
    pair = f"{teacher}-to-{student}"
    return tuple(question(f"{pair}: {one} against the paper's choice", f"{pair}-{one}", pair) for one in settings)


TO_CNN = ("conventional", "tau-0.5", "tau-1", "lambda-0", "lambda-0.25", "lambda-0.75", "two-heads")
TO_AST = ("conventional", "tau-0.5", "tau-2.5", "lambda-0", "lambda-0.25", "lambda-0.75", "two-heads")
QUESTIONS = (
    question("AST-tiny, taught by the CNN, against AST-tiny alone", "lite0-to-ast-tiny", "ast-tiny"),
    question("The CNN, taught by AST-tiny, against the CNN alone", "ast-tiny-to-lite0", "lite0"),
    question("The student AST-tiny against its teacher, the CNN", "lite0-to-ast-tiny", "lite0"),
    question("The student CNN against its teacher, AST-tiny", "ast-tiny-to-lite0", "ast-tiny"),
    *of_settings("lite0", "ast-tiny", TO_AST),
    *of_settings("ast-tiny", "lite0", TO_CNN),
)

REPORT = Report("esc10-folds-1-4", "FSD50K", HEAD, QUESTIONS)


def main(folders: Sequence[Path]) -> str:
    """The report as Markdown."""
    return written(REPORT, folders)


if __name__ == "__main__":
    sys.stdout.write(main([Path(one) for one in sys.argv[1:]] or [RESULTS]))
