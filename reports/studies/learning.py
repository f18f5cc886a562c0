"""Does it learn what the papers say? The figures of learning.md, from results.

python reports/studies/learning.py [RESULTS ...] > reports/studies/learning.md

Each question compares two systems on the same test clips (scene10-mobile, preset `small`, location-disjoint).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from questions import RESULTS, Question, Report, written

HEAD = """# Does it learn what the papers say: figures

Written by `learning.py`; what they mean stands in [README.md](README.md). `*`: the interval leaves out nothing."""

QUESTIONS = (
    Question(
        "Device impulse responses and Freq-MixStyle against none: CP-Mobile 128K",
        "cpjku/cpm-128k-dirfms", "cpjku/cpm-128k-none", ("100",),
        (
            ("cpjku_teachers", "table2", "DIRFMS", "Unseen / CPM / T"),
            ("cpjku_teachers", "table2", "NO AUG", "Unseen / CPM / T"),
        ),
        "TAU 2022, accuracy on unseen devices",
    ),
    Question(
        "A student of an ensemble of three teachers of its own architecture against the same student alone",
        "cpjku/student-three-cpm-128k", "cpjku/student-alone", ("100",), None,
    ),
    Question(
        "A student of an ensemble of three CP-ResNets against the same student alone",
        "cpjku/student-three-cpr-128k", "cpjku/student-alone", ("100",), None,
    ),
    Question(
        "Teachers of another architecture (three CP-ResNets) against three of the student's own",
        "cpjku/student-three-cpr-128k", "cpjku/student-three-cpm-128k", ("100",),
        (
            ("cpjku_teachers", "table3", "3 teacher", "CPR / 128K"),
            ("cpjku_teachers", "table3", "3 teacher", "CPM / 128K"),
        ),
        "TAU 2022, accuracy",
    ),
    Question(
        "S1 of the data-efficient report against its baseline, 5 % of the training clips",
        "data_efficient_cpm/S1", "data_efficient_cpm/baseline", ("5",),
        (("data_efficient_cpm", "table3", "S1", "5 %"), ("data_efficient_cpm", "table3", "Baseline", "5 %")),
        "TAU 2022, accuracy",
    ),
    Question(
        "S1 of the data-efficient report against its baseline, all training clips",
        "data_efficient_cpm/S1", "data_efficient_cpm/baseline", ("100",),
        (("data_efficient_cpm", "table3", "S1", "100 %"), ("data_efficient_cpm", "table3", "Baseline", "100 %")),
        "TAU 2022, accuracy",
    ),
    Question(
        "S1 whose teachers hear features of their own against S1, whose teachers hear the student's",
        "data_efficient_cpm/S1-own", "data_efficient_cpm/S1", ("100",), None,
    ),
    Question(
        "S1 whose teachers hear features of their own against its baseline, all training clips",
        "data_efficient_cpm/S1-own", "data_efficient_cpm/baseline", ("100",), None,
    ),
)  # fmt: skip

REPORT = Report("scene10-mobile", HEAD, QUESTIONS)


def main(folders: Sequence[Path]) -> str:
    """The report as Markdown."""
    return written(REPORT, folders)


if __name__ == "__main__":
    sys.stdout.write(main([Path(one) for one in sys.argv[1:]] or [RESULTS]))
