"""Does it learn what the papers say? The figures of learning.md, from results.

python reports/studies/learning.py [RESULTS ...] > reports/studies/learning.md

Each question compares two systems on the same test clips (scene10-mobile, preset `small`, location-disjoint). Intervals
and p-values are those of the leaderboard: locations and seeds drawn anew, paired (docs/leaderboard.md).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tabulate import tabulate

from harness import tracks
from harness.statistics import Difference, Measure, Sample
from leaderboard import display, pairs, printed, site
from leaderboard.boards import boards
from leaderboard.material import Material, material

HERE = Path(__file__).parent
TRACK = "scene10-mobile"
HEAD = """# Does it learn what the papers say: figures

Written by `learning.py`; what they mean stands in [README.md](README.md). `*`: the interval leaves out nothing."""

Cell = tuple[str, str, str, str]


@dataclass(frozen=True)
class Question:
    """`one` against `other` on a split; `cells` are the printed numbers (paper, table, row, column) of the two."""

    title: str
    one: str
    other: str
    split: str
    cells: tuple[Cell, Cell] | None
    about: str


QUESTIONS = (
    Question(
        "Device impulse responses and Freq-MixStyle against none: CP-Mobile 128K",
        "cpjku/cpm-128k-dirfms", "cpjku/cpm-128k-none", "100",
        (
            ("cpjku_teachers", "table2", "DIRFMS", "Unseen / CPM / T"),
            ("cpjku_teachers", "table2", "NO AUG", "Unseen / CPM / T"),
        ),
        "accuracy on unseen devices",
    ),
    Question(
        "A student of an ensemble of three teachers of its own architecture against the same student alone",
        "cpjku/student-three-cpm-128k", "cpjku/student-alone", "100", None, "macro accuracy",
    ),
    Question(
        "A student of an ensemble of three CP-ResNets against the same student alone",
        "cpjku/student-three-cpr-128k", "cpjku/student-alone", "100", None, "macro accuracy",
    ),
    Question(
        "Teachers of another architecture (three CP-ResNets) against three of the student's own",
        "cpjku/student-three-cpr-128k", "cpjku/student-three-cpm-128k", "100",
        (
            ("cpjku_teachers", "table3", "3 teacher", "CPR / 128K"),
            ("cpjku_teachers", "table3", "3 teacher", "CPM / 128K"),
        ),
        "accuracy",
    ),
    Question(
        "S1 of the data-efficient report against its baseline, 5 % of the training clips",
        "data_efficient_cpm/S1", "data_efficient_cpm/baseline", "5",
        (("data_efficient_cpm", "table3", "S1", "5 %"), ("data_efficient_cpm", "table3", "Baseline", "5 %")),
        "accuracy",
    ),
    Question(
        "S1 of the data-efficient report against its baseline, all training clips",
        "data_efficient_cpm/S1", "data_efficient_cpm/baseline", "100",
        (("data_efficient_cpm", "table3", "S1", "100 %"), ("data_efficient_cpm", "table3", "Baseline", "100 %")),
        "accuracy",
    ),
    Question(
        "S1 whose teachers hear features of their own against S1, whose teachers hear the student's",
        "data_efficient_cpm/S1-own", "data_efficient_cpm/S1", "100", None, "macro accuracy",
    ),
    Question(
        "S1 whose teachers hear features of their own against its baseline, all training clips",
        "data_efficient_cpm/S1-own", "data_efficient_cpm/baseline", "100", None, "macro accuracy",
    ),
)  # fmt: skip


def main(folders: Sequence[Path]) -> str:
    """The report as Markdown."""
    cells, _ = site.read(folders)
    board = next(one for one in boards(cells, {TRACK: tracks.load(TRACK)[0]}) if one.name == TRACK)
    clips = material(board, folders)
    if clips is None:
        sys.exit("error: the test clips do not lie beside the results")
    parts = [HEAD, *(part for question in QUESTIONS for part in _answered(question, clips))]
    return "\n\n".join(parts) + "\n"


def _answered(question: Question, clips: Material) -> Iterator[str]:
    yield f"## {question.title}"
    yield f"`{question.one}` against `{question.other}`, split {question.split} %. {_printed(question)}"
    known = {row.name for row in clips.board.rows}
    if not {question.one, question.other} <= known:
        yield "Not run yet."
        return
    rows = [pairs.named(clips.board, name) for name in (question.one, question.other)]
    cells = [clips.cells(row, [question.split]) for row in rows]
    if not all(cells):
        sys.exit(f"error: {question.title}: the sums of a cell are missing")
    having = [(row.slug, found) for row, found in zip(rows, cells, strict=True) if found]
    track = clips.board.track
    groups = track.device_groups if track else {}
    parts: dict[str, tuple[Measure, tuple[str, ...]]] = {
        "macro accuracy, %": ("macro_accuracy", clips.blocks.devices),
        **{f"{name} devices, %": ("accuracy", devices) for name, devices in groups.items()},
        "log loss, nats": ("log_loss", clips.blocks.devices),
    }
    lines = []
    for name, (measure, devices) in parts.items():
        samples = clips.samples(having, measure, clips.heard_by(devices))
        lines.append([name, *_line(samples, clips.resamples.difference(*samples), 1 if measure == "log_loss" else 100)])
    headings = ["", *(f"{row.name.partition('/')[2]}, {_seeds(row.seeds(question.split))}" for row in rows)]
    yield tabulate(lines, [*headings, "difference", "95 %", "p"], tablefmt="github", disable_numparse=True)


def _seeds(seeds: tuple[int, ...]) -> str:
    return f"{len(seeds)} seeds" if len(seeds) > 1 else "one seed"


def _line(samples: Sequence[Sample], found: Difference, times: int) -> list[str]:
    digits = 2 if times == 100 else 3
    written = [f"{times * sample.value:.{digits}f}" for sample in samples]
    between = f"{times * found.low:+.{digits}f} to {times * found.high:+.{digits}f}"
    sure = " *" if found.low > 0 or found.high < 0 else ""
    return [*written, f"{times * found.value:+.{digits}f}{sure}", between, display.p_value(found.p_value)]


def _printed(question: Question) -> str:
    if question.cells is None:
        return "The paper prints no such pair."
    one, other = (
        printed.paper(paper).table(table).row(row).values[column] for paper, table, row, column in question.cells
    )
    paper, table, *_ = question.cells[0]
    where = f"{printed.paper(paper).title}, {table}"
    return f"Printed ({where}, TAU 2022, {question.about}): {one:.2f} against {other:.2f}, {one - other:+.2f}."


if __name__ == "__main__":
    results = [Path(one) for one in sys.argv[1:]] or [HERE.parent / "results"]
    sys.stdout.write(main(results))
