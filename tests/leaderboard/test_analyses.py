"""What an analysis found, as table and figure: every number once, files that can be opened alone."""

from __future__ import annotations

import csv
import re
import statistics
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from harness import provenance
from harness.analysing import running
from harness.analysing.finding import Finding, Number, Panel, Run
from harness.outcomes import Mistake
from leaderboard import analyses, charts, svg_parts

SVG = "{http://www.w3.org/2000/svg}"
SYSTEMS = ("one/cnn", "one/ast", "one/<hybrid> & more")
OVER = Panel(name="mask: drop", y="drop, %", x="share", drawn=True)
ASIDE = Panel(name="mask: score", y="score, %", x="share", drawn=False)
PAIRS = Panel(name="alike", y="how alike", x=None, drawn=True)


def number(panel: Panel, systems: Sequence[str], values: Sequence[float], at: float | None = None) -> Number:
    runs = tuple(Run(split=str(split), seed=0, value=value) for split, value in enumerate(values))
    return Number(panel=panel.name, systems=tuple(systems), at=at, runs=runs)


def finding(panels: Sequence[Panel], numbers: Sequence[Number], systems: Sequence[str] = SYSTEMS) -> Finding:
    return Finding(
        analysis="made", title="Made", track="tiny", systems=tuple(systems), splits=("1", "2"), seeds=(0,),
        panels=tuple(panels), numbers=tuple(numbers), keys={}, provenance=provenance.describe(Path()),
    )  # fmt: skip


CURVES = finding(
    (OVER, ASIDE),
    [
        number(panel, (system,), (10 * at + k, 10 * at + 3 * k + 1), at)
        for panel in (OVER, ASIDE) for at in (0.0, 0.25, 0.5) for k, system in enumerate(SYSTEMS)
    ],
)  # fmt: skip
MATRIX = finding(
    (PAIRS,),
    [
        number(PAIRS, (SYSTEMS[a], SYSTEMS[b]), (0.1 * (a + b), 0.1 * (a + b) + 0.05))
        for a, b in ((0, 1), (0, 2), (1, 2))
    ],
)
ALONE = finding((PAIRS,), [number(PAIRS, SYSTEMS[:2], (0.5, 0.75, 0.25))], SYSTEMS[:2])


def pictures(found: Finding) -> list[ET.Element]:
    """The charts of a figure, from top to bottom."""
    return ET.fromstring(analyses.figure(found)).findall(f"{SVG}svg")  # noqa: S314 - made here


def test_curves_are_a_row_a_strength_and_a_column_a_system() -> None:
    rows, heads = analyses.as_text(CURVES)
    assert heads == ["figure", "at", "cnn", "ast", "<hybrid> & more"]
    assert [row[:2] for row in rows] == [
        [panel, at] for panel in (OVER.name, ASIDE.name) for at in ("0", "0.25", "0.5")
    ]
    mean, spread = statistics.fmean((6, 9)), statistics.stdev((6, 9))
    assert rows[2][3] == f"{mean:g} ± {spread:.4g}"


def test_pairs_are_a_matrix_above_its_diagonal() -> None:
    rows, heads = analyses.as_text(MATRIX)
    assert heads == ["figure", "and", "ast", "<hybrid> & more"]
    assert [row[1:] for row in rows] == [
        ["cnn", "0.125 ± 0.03536", "0.225 ± 0.03536"],
        ["ast", "\N{EN DASH}", "0.325 ± 0.03536"],
    ]


def test_systems_of_several_entries_keep_the_names_of_their_entries() -> None:
    found = finding((PAIRS,), [number(PAIRS, ("one/cnn", "two/cnn"), (0.5,))], ("one/cnn", "two/cnn"))
    assert analyses.as_text(found) == ([["alike", "one/cnn", "0.5"]], ["figure", "and", "two/cnn"])


def test_a_figure_has_a_chart_for_each_drawn_panel_and_none_covers_another() -> None:
    for found, count in ((CURVES, 1), (MATRIX, 1), (finding((OVER, PAIRS), [*CURVES.numbers, *ALONE.numbers]), 2)):
        charts = pictures(found)
        assert len(charts) == count
        ends = [(float(one.attrib["y"]), float(one.attrib["height"])) for one in charts]
        assert all(top + height < below for (top, height), (below, _) in pairwise(ends))
        box = [float(one) for one in ET.fromstring(analyses.figure(found)).attrib["viewBox"].split()]  # noqa: S314
        assert sum(ends[-1]) <= box[1] + box[3]
        assert all(
            one.attrib["viewBox"].split()[3] == f"{height:g}" for one, (_, height) in zip(charts, ends, strict=True)
        )


def test_a_line_and_a_band_a_system_and_a_row_a_pair() -> None:
    (chart,) = pictures(CURVES)
    kinds = [path.get("class") for path in chart.iter(f"{SVG}path")]
    assert (kinds.count("line"), kinds.count("band")) == (3, 3)
    (chart,) = pictures(MATRIX)
    assert [path.get("class") for path in chart.iter(f"{SVG}path")].count("whisker") == 3
    titles = [title.text for title in chart.iter(f"{SVG}title")]
    assert any(title.startswith("cnn and ast: 0.125") for title in titles if title)


def test_of_one_pair_every_run_is_shown() -> None:
    (chart,) = pictures(ALONE)
    titles = [title.text or "" for title in chart.iter(f"{SVG}title")]
    assert [title.split(":")[0] for title in titles[1:]] == [
        "mean of 3 runs",
        *(f"split {k}, seed 0" for k in range(3)),
    ]
    places = [float(dot.attrib["cx"]) for dot in chart.iter(f"{SVG}circle")]
    mean, first, most, least = places
    assert mean == pytest.approx(first, abs=0.01) == pytest.approx((most + least) / 2, abs=0.01)


def test_a_figure_needs_nothing_else() -> None:
    text = analyses.figure(CURVES)
    assert "href" not in text
    assert "@import" not in text
    assert "url(" not in text
    used = set(re.findall(r"var\((--[a-z0-9-]+)\)", text))
    assert used
    assert used <= set(re.findall(r"(--[a-z0-9-]+):", text))
    assert "one/cnn, one/ast, one/&lt;hybrid&gt; &amp; more</text>" in text


def test_as_many_systems_as_can_be_told_apart() -> None:
    assert len(charts.SERIES) == running.MOST_SYSTEMS


def test_files_have_every_number(tmp_path: Path) -> None:
    table, everything, figure = analyses.write(CURVES, tmp_path)
    assert table == tmp_path / "tiny" / "made-one.cnn-one.ast-one.<hybrid> & more.csv"
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert float(rows[1]["one/ast"]) == pytest.approx(statistics.fmean((3.5, 6.5)))
    assert float(rows[1]["one/ast.standard_deviation"]) == pytest.approx(statistics.stdev((3.5, 6.5)))
    assert rows[1]["one/ast.runs"] == "2"
    assert Finding.model_validate_json(everything.read_text()) == CURVES
    assert figure.read_text() == analyses.figure(CURVES)
    (tmp_path / "file").touch()
    with pytest.raises(Mistake, match="could not be written"):
        analyses.write(CURVES, tmp_path / "file")


def test_numbers_that_cancel_are_zero() -> None:
    drop = number(OVER, SYSTEMS[:1], (100 * 0.1 / 0.69, 100 * (0.5 - 0.6) / 0.69))
    assert statistics.fmean(run.value for run in drop.runs) != 0
    assert drop.mean == 0
    assert number(OVER, SYSTEMS[:1], (1.0, -0.999)).mean == pytest.approx(5e-4)


def test_names_of_pairs_and_the_title_below_stay_within_the_figure() -> None:
    names = ("cmkd/ast-tiny-to-lite0", "cmkd/lite0-to-ast-tiny", "cmkd/lite0")
    pairs = [number(PAIRS, two, (0.4, 0.6)) for two in ((names[0], names[1]), (names[2], names[0]))]
    panel = PAIRS.model_copy(update={"y": "Pearson correlation of probabilities, mean over clips"})
    root = ET.fromstring(analyses.figure(finding((panel,), pairs, names)))  # noqa: S314 - our own figure
    written = {text.text: text for text in root.iter(f"{SVG}text")}
    assert {"ast-tiny-to-lite0 and lite0-to-ast-tiny", "lite0 and ast-tiny-to-lite0"} < set(written)
    title = written[panel.y]
    assert float(title.attrib["x"]) + svg_parts.width(panel.y) / 2 <= charts.WIDTH
