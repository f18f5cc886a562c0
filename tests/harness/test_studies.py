"""Studies: what a table needs is run, and measured stands beside printed with an interval that a table of t gives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from harness import entry, results, tracks
from harness.evaluation import Hands, Places
from harness.outcomes import Mistake
from harness.plan import Choice
from harness.results import Result
from harness.studies import running
from harness.studies import table as studies
from harness.studies.measured import Measured
from tests import made

STUDY = """
title = "Table 1"
paper = "somebody"
table = "table1"
track = "tiny"
seeds = [0, 1, 2]
last_epochs = {last}

[[columns]]
name = "half"
measure = "macro_accuracy"
split = "50"

[[columns]]
name = "all, unseen"
measure = "unseen"

[[rows]]
name = "first"
system = "S1"
"""


@dataclass
class Printed:
    """A paper with one table."""

    unit: str = "percent"

    def table(self, name: str) -> Printed:
        assert name == "table1"
        return self

    def number(self, row: str, column: str) -> float | None:
        return {("first", "half"): 90.0, ("first", "all, unseen"): None}[row, column]


SNAPSHOTS = made.TRAIN.replace(
    "        run.progress(",
    "        if step > 3:\n            run.snapshot(classifier, step + 1)\n        run.progress(",
)


def with_study(folder: Path, text: str = STUDY.format(last=2), *, train: str = SNAPSHOTS) -> Path:
    made.entry_folder(folder, train=train)
    source = folder / "submission.py"
    source.write_text(source.read_text().replace("steps: int = 30", "steps: int = 6"))
    (folder / "studies").mkdir()
    (folder / "studies" / "table1.toml").write_text(text)
    return folder


def run(folder: Path, track: str, places: Places, hands: Hands, *, dry_run: bool = False, name: str = "table1") -> bool:
    read = studies.reader(folder)
    chosen = studies.load(read, name)
    return running.run(read, chosen, Printed(), track, Choice(), places, hands, dry_run=dry_run)


def table(text: str) -> list[list[str]]:
    """The lines of the last table that was printed, by column."""
    lines = text.splitlines()
    start = max(index for index, line in enumerate(lines) if line.startswith("---"))
    widths = [len(part) for part in lines[start].split("  ")]
    rows = []
    for line in lines[start + 1 :]:
        cells, at = [], 0
        for width in widths:
            cells.append(line[at : at + width].strip())
            at += width + 2
        rows.append(cells)
    return rows


def test_a_study_runs_what_is_missing_and_shows_measured_beside_printed(
    tmp_path: Path, track: str, places: Places, hands: Hands, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = with_study(tmp_path / "mine")
    run(folder, track, places, hands, dry_run=True)
    before = capsys.readouterr()
    assert [row[:4] for row in table(before.out.split("system")[0])] == [
        ["first", "half", "90.00", "not measured"],
        ["first", "all, unseen", "", "not measured"],
    ]
    assert "6 cells to run" in before.out
    assert not list(places.results.rglob("*.json"))

    assert run(folder, track, places, hands)
    shown = table(capsys.readouterr().out)
    kept = [one for _, one in results.read_all([places.results])]
    assert len(kept) == 6
    assert all(isinstance(one, Result) and set(one.snapshots) == {5, 6} for one in kept)
    halves = [one for one in kept if isinstance(one, Result) and one.identity.split == "50"]
    runs = [100 * np.mean([scores.macro_accuracy for scores in one.snapshots.values()]) for one in halves]
    low, high = scipy.stats.t.interval(0.95, 2, loc=np.mean(runs), scale=scipy.stats.sem(runs))
    if scipy.stats.sem(runs) == 0:
        low = high = np.mean(runs)
    assert shown[0][:6] == ["first", "half", "90.00", f"{np.mean(runs):.2f}", "3", f"{np.mean(runs) - 90:+.2f}"]
    assert shown[0][6] == f"{low - 90:+.2f} … {high - 90:+.2f}"
    assert shown[1][2] == ""
    assert shown[1][4:] == ["3", "", ""]

    (folder / "studies" / "table1.toml").write_text(STUDY.format(last=1))
    assert run(folder, track, places, hands)
    assert "nothing to do" in capsys.readouterr().err  # a study is no part of its systems


def test_runs_without_snapshots_are_marked(
    tmp_path: Path, track: str, places: Places, hands: Hands, capsys: pytest.CaptureFixture[str]
) -> None:
    text = STUDY.format(last=4).replace("seeds = [0, 1, 2]", "seeds = [0]")
    folder = with_study(tmp_path / "mine", text, train=made.TRAIN)
    assert run(folder, track, places, hands)
    said = capsys.readouterr()
    assert table(said.out)[0][4:] == ["1 *", table(said.out)[0][5], "one run"]
    assert "mean of the last 4 epochs; these runs kept the last only" in said.err


def test_the_interval_is_that_of_student_s_t() -> None:
    runs = (61.2, 60.1, 62.9, 61.0)
    low, high = Measured(runs).interval() or (0, 0)
    assert (low, high) == pytest.approx(scipy.stats.t.interval(0.95, 3, loc=np.mean(runs), scale=scipy.stats.sem(runs)))
    assert Measured((1.0,)).interval() is None


def test_other_conditions_than_the_paper_s_are_said(
    tmp_path: Path, track: str, places: Places, hands: Hands, capsys: pytest.CaptureFixture[str]
) -> None:
    text = STUDY.format(last=1).replace('track = "tiny"', 'track = "dcase2024-task1"')
    folder = with_study(tmp_path / "mine", text)
    run(folder, track, places, hands, dry_run=True)
    assert "measured on tiny: not what the paper measured on (dcase2024-task1)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (STUDY.format(last=1).replace('system = "S1"', 'system = "S9"'), 'no system "S9"'),
        (STUDY.format(last=1).replace('system = "S1"', ""), "either `system` or `systems`"),
        (STUDY.format(last=0), "last_epochs"),
        (STUDY.format(last=1).replace('measure = "unseen"', 'measure = "unsen"'), "unseen"),
    ],
)
def test_a_study_that_cannot_be_run_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    folder = with_study(tmp_path / "mine", text)
    with pytest.raises(Mistake, match=problem):
        studies.load(studies.reader(folder), "table1")


def test_unknown_studies_and_entries_without_any_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Mistake, match=r'no study "table2".*"table1"'):
        studies.load(studies.reader(with_study(tmp_path / "mine")), "table2")
    with pytest.raises(Mistake, match="has no studies"):
        studies.reader(made.entry_folder(tmp_path / "plain"))


BY_EPOCH = """
title = "Figure 1"
paper = "somebody"
table = "table1"
track = "tiny"
seeds = [0, 1]
columns = [
  { name = "S1", measure = "macro_accuracy", split = "50", of = "one", printed = "" },
  { name = "lead", measure = "macro_accuracy", split = "50", of = "one", to = "other", relation = "less" },
]
rows = [
  { name = "others", printed_only = true },
  { name = "first", epoch = 5, systems = { one = "S1", other = "S1" } },
  { name = "later", epoch = 7, systems = { one = "S1", other = "S1" } },
]
"""


class Leads(Printed):
    """A paper that prints a column of differences."""

    def number(self, row: str, column: str) -> float | None:
        assert column == "lead"
        return {"others": 4.0, "first": 1.5}.get(row)


def test_a_row_may_be_about_one_epoch_or_only_printed(
    tmp_path: Path, track: str, places: Places, hands: Hands, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = with_study(tmp_path / "mine", BY_EPOCH)
    read = studies.reader(folder)
    assert running.run(read, studies.load(read, "table1"), Leads(), track, Choice(), places, hands)
    shown = table(capsys.readouterr().out)
    kept = [one for _, one in results.read_all([places.results])]
    fifth = [100 * one.snapshots[5].macro_accuracy for one in kept if isinstance(one, Result)]
    assert len(fifth) == 2
    assert shown[0] == ["others", "S1", "", "", "", "", ""]
    assert shown[1][:4] == ["others", "lead", "4.00", ""]
    assert shown[2][:5] == ["first", "S1", "", f"{np.mean(fifth):.2f}", "2"]
    assert shown[3][:6] == ["first", "lead", "1.50", "0.00", "2", "-1.50"]
    assert [line[:4] for line in shown[4:]] == [
        ["later", "S1", "", "not measured"],
        ["later", "lead", "", "not measured"],
    ]


WRITING_DOWN = made.TRAIN.replace(
    "        run.progress(",
    "        scores.append(f'{step + 1},{(step + 1) / 10 + run.seed / 100}')\n"
    "        (run.work / 'metrics.csv').write_text('\\n'.join(scores))\n        run.progress(",
).replace("    speeds = state", "    scores = ['epoch,training_score']\n    speeds = state")


@pytest.mark.parametrize(("train", "fifth", "last"), [(WRITING_DOWN, "50.50", "60.50"), (SNAPSHOTS, None, None)])
def test_what_a_training_wrote_of_its_own_clips_is_shown_by_epoch(
    tmp_path: Path, track: str, places: Places, hands: Hands, capsys: pytest.CaptureFixture[str],
    train: str, fifth: str | None, last: str | None,
) -> None:  # fmt: skip
    text = BY_EPOCH.replace("macro_accuracy", "training_score", 1).replace("epoch = 7, ", "")
    folder = with_study(tmp_path / "mine", text, train=train)
    read = studies.reader(folder)
    running.run(read, studies.load(read, "table1"), Leads(), track, Choice(), places, hands)
    shown = [line[3] for line in table(capsys.readouterr().out) if line[0] in {"first", "later"} and line[1] == "S1"]
    assert shown == [fifth or "not measured", last or "not measured"]


def test_a_relation_to_another_system_of_the_row_needs_that_system() -> None:
    column = {"name": "lead", "relation": "less", "to": "other", "of": "one"}
    row = {"name": "first", "systems": {"one": "S1", "other": "S2"}}
    plain = {"title": "t", "paper": "p", "table": "t", "track": "esc50", "seeds": [0]}
    study = studies.Study.model_validate({**plain, "columns": [column], "rows": [row]})
    assert study.needed() == [("S1", "100"), ("S2", "100")]
    with pytest.raises(ValueError, match='no system "other", which one of its columns relates to'):
        studies.Study.model_validate({**plain, "columns": [column], "rows": [{**row, "systems": {"one": "S1"}}]})
    with pytest.raises(ValueError, match="other system of a relation"):
        studies.Column.model_validate({**column, "relation": None})


def test_a_row_may_be_about_several_systems(tmp_path: Path) -> None:
    text = STUDY.format(last=1).replace('system = "S1"', 'systems = { teacher = "S1" }')
    text = text.replace('split = "50"', 'split = "50"\nof = "teacher"')
    study = studies.load(studies.reader(with_study(tmp_path / "mine", text)), "table1")
    assert study.needed() == [("S1", "50")]


def test_the_studies_that_come_with_the_project_can_be_run() -> None:
    """Every study names systems that exist, and rows and columns that are printed where it says so."""
    printed = pytest.importorskip("leaderboard.printed")
    project = Path(__file__).resolve().parents[2]
    found = sorted([*project.glob("submissions/*/studies/*.toml"), *project.glob("baselines/systems/*/studies/*.toml")])
    assert found
    for path in found:
        study = studies.load(entry.read(path.parents[1]), path.stem)
        paper = printed.paper(study.paper)
        assert any(studies.printed(study, row, column, paper) is not None for row, column in study.cells)
        assert set(study.tracks) <= set(tracks.names())
        assert all(
            studies.printed(study, row, column, paper) is not None for row, column in study.shown if row.printed_only
        )
        assert set(study.also) <= set(tracks.names())
