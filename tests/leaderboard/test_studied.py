"""What results and speeds say of a study: means over folds, differences run by run, speeds by their ratios."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from harness import entry, tracks
from harness.console import Reporter
from harness.outcomes import Mistake
from harness.plan import Choice
from harness.results import Result
from harness.studies.measured import Counted, Findings, Measured
from harness.studies.shown import show
from harness.studies.table import Column, Row, Study, load, printed, related
from harness.throughput import speed as speeds
from harness.throughput.ratios import ratio
from leaderboard import printed as papers
from leaderboard import studied
from leaderboard.page import Page
from leaderboard.pages.places import Places
from leaderboard.pages.studies import pages, printed_for
from leaderboard.studied import Ran
from leaderboard.tables import NOTHING
from tests.harness.throughput.made import figures, speed
from tests.leaderboard.made import result, write

FASTAST = Path(__file__).resolve().parents[2] / "submissions" / "fastast"
TRACK = "esc10-folds-1-4"
SEEDS = (0, 1, 2)


def accuracy(system: str, fold: int, seed: int) -> float:
    """Some accuracy, another one for each run."""
    start = {"inf-r0": 0.6, "inf-r40": 0.5}[system]
    return start + 0.01 * fold + 0.02 * seed + (0.003 * fold * seed if system == "inf-r40" else 0)


def run_of(system: str, fold: int, seed: int) -> Result:
    """A result of fastast."""
    value = accuracy(system, fold, seed)
    found = result(system, value, track=TRACK, split=str(fold), seed=seed, macs={"inf-r0": 300, "inf-r40": 200}[system])
    assert found.scores is not None
    scores = found.scores.model_copy(update={"accuracy": value})
    identity = found.identity.model_copy(update={"entry": "fastast"})
    figures_of = {"tokens_left": 258.0 if system == "inf-r0" else 98.0}
    return found.model_copy(update={"identity": identity, "scores": scores, "figures": figures_of})


def timed(
    system: str, logs: tuple[float, ...], seconds: float, *, fold: int = 1, hardware: str = "This CPU"
) -> speeds.Speed:
    found = speed(
        system, track=TRACK, cell=f"{system}-{TRACK}-{fold}-0", hardware=hardware, batch=figures(64, seconds, logs)
    )
    return found.model_copy(update={"subject": found.subject.model_copy(update={"entry": "fastast"})})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two systems on four folds and three seeds, and the speeds of both."""
    every = [run_of(system, fold, seed) for system in ("inf-r0", "inf-r40") for fold in (1, 2, 3, 4) for seed in SEEDS]
    write(tmp_path / "results", *every)
    speeds.write(timed("inf-r0", (0.1, 0.12, 0.11), 0.2), tmp_path / "results")
    speeds.write(timed("inf-r40", (0.5, 0.55, 0.45), 0.13), tmp_path / "results")
    return tmp_path / "results"


def findings(folder: Path, **counted: Counted) -> Findings:
    read = entry.read(FASTAST)
    track, _ = tracks.load(TRACK)
    return Findings(read, load(read, "sweep"), "esc50", track, Choice(), folder, counted)


def cell(found: Findings, r: int, name: str) -> tuple[Row, Column]:
    row = next(one for one in found.study.rows if one.name == f"ESC-50 / r = {r}")
    return row, next(one for one in found.study.columns if one.name == name)


def test_a_mean_over_folds_has_a_run_a_seed_and_its_spread_over_all(folder: Path) -> None:
    found = findings(folder)
    measured = found.measured(*cell(found, 40, "accuracy"))
    assert measured is not None
    by_seed = [np.mean([accuracy("inf-r40", fold, seed) for fold in (1, 2, 3, 4)]) for seed in SEEDS]
    assert measured.runs == pytest.approx(by_seed)
    every = [accuracy("inf-r40", fold, seed) for seed in SEEDS for fold in (1, 2, 3, 4)]
    assert measured.spread == pytest.approx(np.std(every, ddof=1))
    expected = scipy.stats.t.interval(0.95, 2, loc=np.mean(by_seed), scale=scipy.stats.sem(by_seed))
    assert measured.interval() == pytest.approx(expected)


def test_a_drop_is_taken_run_by_run(folder: Path) -> None:
    found = findings(folder)
    drop = found.measured(*cell(found, 40, "drop"))
    assert drop is not None
    pairs = [
        accuracy("inf-r40", fold, seed) - accuracy("inf-r0", fold, seed) for seed in SEEDS for fold in (1, 2, 3, 4)
    ]
    assert drop.cells == pytest.approx(pairs)
    assert drop.spread == pytest.approx(np.std(pairs, ddof=1))


def test_a_fold_that_is_missing_leaves_the_cell_open(folder: Path) -> None:
    next(folder.rglob("inf-r40/split3-seed1.json")).unlink()
    found = findings(folder)
    assert found.measured(*cell(found, 40, "accuracy")) is None
    assert found.measured(*cell(found, 40, "drop")) is None
    assert found.measured(*cell(found, 0, "accuracy")) is not None
    assert found.measured(*cell(found, 5, "accuracy")) is None


def test_speeds_are_related_by_their_ratios_to_the_baseline(folder: Path) -> None:
    found = findings(folder)
    plain = found.measured(*cell(found, 40, "clips/s"))
    assert plain is not None
    assert plain.mean == pytest.approx(64 / 0.13)
    faster = found.measured(*cell(found, 40, "speed-up"))
    assert faster is not None
    one, other = ratio((0.5, 0.55, 0.45)), ratio((0.1, 0.12, 0.11))
    assert faster.mean == pytest.approx(one.value / other.value)
    half = math.hypot(*(math.log((each.high or 0) / (each.low or 1)) / 2 for each in (one, other)))
    assert faster.interval() == pytest.approx((faster.mean * math.exp(-half), faster.mean * math.exp(half)))
    assert found.hardware == "This CPU"


def test_speeds_of_other_weights_or_of_a_machine_that_timed_fewer_are_left_out(folder: Path) -> None:
    speeds.write(timed("inf-r40", (9.0, 9.1), 0.001, hardware="Another CPU"), folder)
    stale = timed("inf-r0", (9.0, 9.1), 0.001, hardware="Another CPU")
    speeds.write(stale.model_copy(update={"cell": "weights of last week"}), folder)
    found = findings(folder)
    assert found.hardware == "This CPU"
    assert set(found.speeds()) == {"inf-r0", "inf-r40"}


def test_counts_come_from_a_check_and_else_from_a_result(folder: Path) -> None:
    found = findings(folder)
    assert found.measured(*cell(found, 40, "tokens left")).mean == 98  # type: ignore[union-attr]
    assert found.measured(*cell(found, 40, "times fewer MACs")).mean == 1.5  # type: ignore[union-attr]
    checked = findings(folder, **{"inf-r40": Counted(run_of("inf-r40", 1, 0).complexity, {"tokens_left": 3.0})})
    assert checked.measured(*cell(checked, 40, "tokens left")).mean == 3  # type: ignore[union-attr]
    silent = findings(folder, **{"inf-r40": Counted(None, {})})
    with pytest.raises(Mistake, match='no figure "tokens_left"'):
        silent.measured(*cell(silent, 40, "tokens left"))


def test_a_track_without_folds_has_no_mean_over_them(folder: Path) -> None:
    found = findings(folder)
    found.track = tracks.load("speech-commands-v2")[0]
    with pytest.raises(Mistake, match="no folds"):
        found.measured(*cell(found, 0, "accuracy"))


def test_what_is_printed_of_a_relation_follows_from_two_printed_numbers() -> None:
    read = entry.read(FASTAST)
    study, paper = load(read, "sweep"), papers.paper("fastast")
    row = next(one for one in study.rows if one.name == "ESC-50 / r = 40")
    numbers = {column.name: printed(study, row, column, paper) for column in study.columns}
    assert numbers["speed-up"] == pytest.approx(150 / 65)
    assert numbers["drop"] == pytest.approx(-5.4)
    assert numbers["tokens left"] is None


@pytest.mark.parametrize(("relation", "value"), [("less", 2.0), ("times", 1.5), ("part", 2 / 3)])
def test_relations(relation: str, value: float) -> None:
    assert related(6.0, 4.0, relation) == pytest.approx(value)  # type: ignore[arg-type]
    assert math.isnan(related(6.0, 0.0, "times"))


def test_a_row_s_table_shows_printed_and_measured_side_by_side(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = findings(folder)
    show(found.study, papers.paper("fastast"), {"esc50": found}, Reporter())
    said = capsys.readouterr()
    line = next(one for one in said.out.splitlines() if one.startswith("ESC-50 / r = 40"))
    assert line.split()[5:10] == ["98", "0.0", "M", "1.50", "90.20"]
    values = [accuracy("inf-r40", fold, seed) for fold in (1, 2, 3, 4) for seed in SEEDS]
    assert f"{100 * np.mean(values):.2f} ± {100 * np.std(values, ddof=1):.1f}" in line
    assert "clips per second: batches of 8 on This CPU" in said.err
    assert "preset small: not what the paper measured on (esc50)" in said.err
    assert "2.31 times the clips per second" in said.err


def test_a_track_that_does_not_exist_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    read = entry.read(FASTAST)
    show(load(read, "table2"), papers.paper("fastast"), {"audioset-balanced": None}, Reporter())
    assert "needs the track audioset-balanced" in capsys.readouterr().out


def test_every_number_that_cmkd_prints_is_shown_by_a_study() -> None:
    paper = papers.paper("cmkd")
    every = {one.study.table: one for one in studied.ran([]) if one.read.name == "cmkd"}
    assert set(paper.tables) - set(every) == {"table1", "table6"}  # sizes of models, and what analyses compare
    for name, one in every.items():
        shown = {(row.name, column.name) for row, column in one.study.shown if one.printed(row, column) is not None}
        assert shown == {(row.name, column) for row in paper.table(name).rows for column in row.values}, name


def test_rows_of_others_stand_on_the_page_and_on_the_board_with_their_printed_numbers() -> None:
    every = [one for one in studied.ran([]) if one.title == "cmkd/table10"]
    table = _page(every).sections[-2].tables[0]
    assert [field.text for field in table.rows[0]] == ["FSD50K Baseline", "mAP", "43.40", NOTHING.text, NOTHING.text]
    assert [field.text for field in table.rows[-1]] == ["KD-AST", "mAP", "62.90", "not yet", NOTHING.text]
    [printed_there] = printed_for("fsd50k", every, Places(Path("/site")))
    assert [row[0].text for row in printed_there.rows][:1] == ["FSD50K Baseline"]
    assert "cmkd/ast-base" in [row[0].text for row in printed_there.rows]


def test_a_learning_curve_has_a_line_for_each_system_over_the_epochs() -> None:
    [one] = [each for each in studied.ran([]) if each.title == "cmkd/figure3"]
    names = one.study.curves[0].y
    runs = {
        (row.name, name): Measured((0.01 * (row.epoch or 0) + place,))
        for row in one.study.rows if row.epoch and row.epoch <= 3
        for place, name in enumerate(names)
    }  # fmt: skip
    chart = _page([replace(one, measured={**one.measured, **runs})]).sections[0].charts[0]
    assert all(f"{name}, measured" in chart.svg for name in names[:2])
    assert "epoch" in chart.svg
    assert "mean average precision" in chart.svg


def test_the_page_shows_what_was_measured_on_a_stand_in(folder: Path) -> None:
    every = [one for one in studied.ran([folder]) if one.title == "fastast/sweep"]
    assert every[0].cells == 0
    assert set(every[0].instead) == {TRACK}
    page = _page(every)
    titles = [section.title for section in page.sections]
    assert titles == ["Trade-off", "Measured beside printed", f"Measured on {TRACK} instead", "Run it"]
    charts = page.sections[0].charts
    assert f"on {TRACK}" in charts[0].svg
    assert "printed" in charts[0].svg
    table = page.sections[2].tables[0]
    shown = {(row[0].text, row[1].text): row[3] for row in table.rows}
    spread = np.std([accuracy("inf-r40", fold, seed) for fold in (1, 2, 3, 4) for seed in SEEDS], ddof=1)
    assert shown["ESC-50 / r = 40", "accuracy"].notes == ("n = 12", f"± {100 * spread:.2f}")
    assert shown["ESC-50 / r = 40", "tokens left"].text == "98"
    assert shown["ESC-50 / r = 5", "accuracy"].text == "not yet"


def test_a_printed_number_stands_once_on_a_board_that_two_studies_are_about() -> None:
    every = [one for one in studied.ran([]) if one.read.name == "fastast"]
    [table] = printed_for("esc50", every, Places(Path("/site")))
    places = [row[2].text for row in table.rows]
    assert len(set(places)) == len(places)
    assert sum("r = 40, FastAST (Inf) / Accuracy" in place for place in places) == 1


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"rows": [{"name": "a", "system": "inf-r0", "reference": "b"}]}, 'refers to "b"'),
        ({"columns": [{"name": "x", "relation": "less"}]}, "needs a `reference`"),
        ({"columns": [{"name": "x", "measure": "figure"}]}, "`figure` names"),
        ({"curves": [{"title": "t", "x": "x", "y": "z"}]}, '"z", which is no column'),
    ],
)
def test_a_study_that_does_not_fit_is_refused(change: dict[str, object], problem: str) -> None:
    plain: dict[str, object] = {
        "title": "t", "paper": "p", "table": "t", "track": "esc50", "seeds": [0],
        "columns": [{"name": "x"}], "rows": [{"name": "a", "system": "inf-r0"}],
    }  # fmt: skip
    Study.model_validate(plain)
    with pytest.raises(ValueError, match=problem):
        Study.model_validate({**plain, **change})


def _page(every: list[Ran]) -> Page:
    return list(pages(every, Places(Path("/site"))))[1]
