"""Do CNNs and transformers teach each other? The figures of cmkd-figures.md, from results.

python reports/studies/cmkd.py [RESULTS ...] > reports/studies/cmkd-figures.md

Each question compares two systems on the same test clips: folds of ESC-10, preset `small`; settings on two of them.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from questions import RESULTS, Cell, Question, Report, written

FOLDS = ("1", "2", "3", "4")
SWEPT = ("1", "2")
HEAD = """# CNNs and transformers that teach each other: figures

Written by `cmkd.py`; what they mean stands in [cmkd.md](cmkd.md). `*`: the interval leaves out nothing. Printed numbers
are of the paper's nearest: of the first four on ESC-50, EfficientNet-B2 and AST-Base without AudioSet (both from
ImageNet); of settings on FSD50K, EfficientNet-B0→AST-Base and AST-Tiny→EfficientNet-B2."""

TABLE_13 = {"lite0": "EfficientNet-B2", "ast-tiny": "AST-Base"}
"""The nearest networks that are taught on ESC-50."""

PLAIN = "No Pretrain"

TEACHER = "Teacher Type / {} Teacher"
TAU, LAMBDA = "KD Temperature / τ = {}", "KD Balancing Coefficient / λ = {}"
LAMBDAS = {
    "lambda-0": (LAMBDA.format("0 (No ground truth label)"), LAMBDA.format("0.5 (Default)")),
    "lambda-0.25": (LAMBDA.format("0.25"), LAMBDA.format("0.5 (Default)")),
    "lambda-0.75": (LAMBDA.format("0.75"), LAMBDA.format("0.5 (Default)")),
}
CONVENTIONAL = {"conventional": (TEACHER.format("Conventional"), "Teacher Type / Consistent Teacher (Default)")}
TO_AST = {
    **CONVENTIONAL,
    "tau-0.5": (TAU.format("0.5"), TAU.format("1.0")),
    "tau-2.5": (TAU.format("2.5"), TAU.format("1.0")),
    **LAMBDAS,
}
TO_CNN = {
    **CONVENTIONAL,
    "tau-0.5": (TAU.format("0.5"), TAU.format("2.5")),
    "tau-1": (TAU.format("1.0"), TAU.format("2.5")),
    **LAMBDAS,
}
"""Settings of table 5: the row that prints each, and the row of the paper's choice."""


def taught(student: str, teacher: str, title: str, *, against: str) -> Question:
    """A student beside itself without a teacher, or beside its teacher."""
    row = f"{TABLE_13[student]} / No AudioSet Pretrain"
    alone = (row, f"{PLAIN} / No KD")
    other = alone if against == student else (f"Teacher ({TABLE_13[teacher]}) Performance", f"{PLAIN} / Teacher")
    cells: tuple[Cell, Cell] = (("cmkd", "table13", row, f"{PLAIN} / KD"), ("cmkd", "table13", *other))
    return Question(title, f"cmkd/{teacher}-to-{student}", f"cmkd/{against}", FOLDS, cells, "ESC-50, accuracy")


def of_settings(pair: str, column: str, settings: Mapping[str, tuple[str, str]]) -> tuple[Question, ...]:
    """Each setting of table 5 against the system that it changes."""
    return tuple(
        Question(
            f"{pair}: {one} against the paper's choice", f"cmkd/{pair}-{one}", f"cmkd/{pair}", SWEPT,
            (("cmkd", "table5", row, column), ("cmkd", "table5", default, column)), "FSD50K, mAP", same_seeds=True,
        )
        for one, (row, default) in settings.items()
    )  # fmt: skip


QUESTIONS = (
    taught("ast-tiny", "lite0", "AST-tiny, taught by the CNN, against AST-tiny alone", against="ast-tiny"),
    taught("lite0", "ast-tiny", "The CNN, taught by AST-tiny, against the CNN alone", against="lite0"),
    taught("ast-tiny", "lite0", "The student AST-tiny against its teacher, the CNN", against="lite0"),
    taught("lite0", "ast-tiny", "The student CNN against its teacher, AST-tiny", against="ast-tiny"),
    *of_settings("lite0-to-ast-tiny", "CNN→AST", TO_AST),
    *of_settings("ast-tiny-to-lite0", "AST→CNN", TO_CNN),
)

REPORT = Report("esc10-folds-1-4", HEAD, QUESTIONS)


def main(folders: Sequence[Path]) -> str:
    """The report as Markdown."""
    return written(REPORT, folders)


if __name__ == "__main__":
    sys.stdout.write(main([Path(one) for one in sys.argv[1:]] or [RESULTS]))
