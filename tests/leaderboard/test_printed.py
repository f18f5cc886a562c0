"""Printed numbers: the files against their own arithmetic and against what the papers' texts say; refusals."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from itertools import dropwhile, takewhile
from pathlib import Path
from statistics import fmean

import pytest

from harness.outcomes import Mistake
from leaderboard.printed import FOLDER, Paper, Row, Table, paper

TRANSCRIBED = {"cmkd", "cpjku_teachers", "data_efficient_cpm", "dcase2024_baseline", "dcase_baselines", "fastast"}
PAPERS = sorted(path.stem for path in FOLDER.glob("*.toml"))
AVERAGES = {"macro average", "mean of splits"}
SPLITS = ("5 %", "10 %", "25 %", "50 %", "100 %")

MADE = """
title = "A paper"
authors = "Nobody"
where = "nowhere"

[tables.table1]
table = "Table 1"
title = "made"
conditions = "made"
unit = "percent"
columns = ["accuracy", "mAP"]

[[tables.table1.rows]]
name = "first"
values = { "accuracy" = 50.0 }
"""


def tables(name: str) -> Iterator[tuple[str, Table]]:
    yield from paper(name).tables.items()


def number(name: str, table: str, row: str, column: str) -> float:
    return paper(name).table(table).row(row).values[column]


def column(name: str, table: str, column: str) -> dict[str, float]:
    rows = paper(name).table(table).rows
    return {row.name: row.values[column] for row in rows if column in row.values}


def averaged(row: Row) -> Iterator[tuple[float, float]]:
    """Every printed average of a row beside the mean of its other columns."""
    for name in AVERAGES & row.values.keys():
        yield row.values[name], fmean(value for other, value in row.values.items() if other != name)


def written(folder: Path, text: str) -> Paper:
    (folder / "made.toml").write_text(text, encoding="utf-8")
    return paper("made", folder)


# every file


def test_the_transcribed_papers_are_all_there() -> None:
    assert set(PAPERS) >= TRANSCRIBED


@pytest.mark.parametrize("name", PAPERS)
def test_every_file_loads_and_every_row_has_finite_numbers(name: str) -> None:
    for key, table in tables(name):
        for row in table.rows:
            assert row.values, (key, row.name)
            assert all(map(math.isfinite, [*row.values.values(), *row.deviations.values()])), (key, row.name)


@pytest.mark.parametrize("name", PAPERS)
def test_every_column_is_used_by_a_row(name: str) -> None:
    for key, table in tables(name):
        assert {column for row in table.rows for column in row.values} == set(table.columns), key


@pytest.mark.parametrize("name", PAPERS)
def test_a_deviation_belongs_to_a_number_and_is_smaller(name: str) -> None:
    for key, table in tables(name):
        for row in table.rows:
            assert all(0 <= spread < row.values[column] for column, spread in row.deviations.items()), (key, row.name)


@pytest.mark.parametrize("name", PAPERS)
def test_percent_lie_between_0_and_100_and_shares_between_0_and_1_but_drops_may_be_negative(name: str) -> None:
    for key, table in tables(name):
        top = {"percent": 100.0, "share": 1.0}.get(table.unit, math.inf)
        for row in table.rows:
            for column, value in row.values.items():
                floor = -top if column.endswith("Drop") else 0.0
                assert floor <= value <= top, (key, row.name, column)


@pytest.mark.parametrize("name", PAPERS)
def test_a_printed_average_is_the_mean_of_its_columns_or_the_row_is_unclear(name: str) -> None:
    for key, table in tables(name):
        for row in table.rows:
            for average, mean in averaged(row):
                assert row.unclear or average == pytest.approx(mean, abs=0.0101), (key, row.name)


def test_the_averages_that_are_checked_are_those_of_2024() -> None:
    rows = [row for name in PAPERS for _, table in tables(name) for row in table.rows if list(averaged(row))]
    assert len(rows) == 6


# the baselines


def test_the_2024_classes_and_devices_average_to_the_splits_that_are_printed_apart() -> None:
    splits = paper("dcase2024_baseline").table("splits").row("baseline")
    classes, devices = paper("dcase2024_baseline").table("classes"), paper("dcase2024_baseline").table("devices")
    for split in SPLITS:
        assert classes.row(split).values["macro average"] == splits.values[split]
        assert classes.row(split).deviations["macro average"] == splits.deviations[split]
        assert fmean(devices.row(split).values.values()) == pytest.approx(splits.values[split], abs=0.02)


@pytest.mark.parametrize("model", ["general", "device-specific"])
def test_the_2025_classes_and_devices_average_to_the_printed_accuracy(model: str) -> None:
    printed = number("dcase_baselines", "development", f"2025 {model}", "accuracy")
    for table in ("classes2025", "devices2025"):
        values = paper("dcase_baselines").table(table).row(model).values
        assert fmean(values.values()) == pytest.approx(printed, abs=0.0101)


def test_device_specific_models_of_2025_change_nothing_on_the_devices_that_have_none() -> None:
    rows = paper("dcase_baselines").table("devices2025")
    for device in ("S4", "S5", "S6"):
        assert rows.row("general").values[device] == rows.row("device-specific").values[device]


@pytest.mark.parametrize(
    ("parts", "whole", "measure", "rounding"),
    [
        ("classes2022", "development", "accuracy", 0.1),
        ("classes2022_log_loss", "development_log_loss", "log loss", 0.001),
        ("devices2022_log_loss", "development_log_loss", "log loss", 0.001),
    ],
)
def test_the_2022_parts_average_to_the_whole(parts: str, whole: str, measure: str, rounding: float) -> None:
    values = paper("dcase_baselines").table(parts).row("2022").values
    assert fmean(values.values()) == pytest.approx(number("dcase_baselines", whole, "2022", measure), abs=rounding)


# Creating a Good Teacher: sections 4 and 5


def test_cpm_teachers_beat_cpr_teachers_of_every_size_and_their_students_lose_to_those_of_cpr() -> None:
    for size in ("128K", "450K", "1M", "4M", "8M"):
        row = paper("cpjku_teachers").table("table1").row(size).values
        assert row["CPM / T"] > row["CPR / T"]
        assert row["CPM / S"] < row["CPR / S"]


def test_passt_beats_the_best_cpr_teacher_by_five_hundredths_and_the_smallest_cpm_is_the_better_classifier() -> None:
    students = column("cpjku_teachers", "table1", "CPR / S")
    passt = paper("cpjku_teachers").table("table1").row("85M").values
    assert max(students, key=students.__getitem__) == "450K"
    assert passt["PaSST / S"] - max(students.values()) == pytest.approx(0.05)
    assert column("cpjku_teachers", "table1", "CPM / T")["128K"] > passt["PaSST / T"]


def test_dirfms_is_best_in_every_column_of_table_2() -> None:
    table = paper("cpjku_teachers").table("table2")
    for name in table.columns:
        values = column("cpjku_teachers", "table2", name)
        assert max(values, key=values.__getitem__) == "DIRFMS", name


@pytest.mark.parametrize(
    ("table", "row", "column", "first", "first_row"),
    [
        ("table2", "DIRFMS", "Validation / CPR / T", "CPR / T", "450K"),
        ("table2", "DIRFMS", "Validation / CPM / S", "CPM / S", "128K"),
        ("table2", "DIRFMS", "Validation / PaSST / S", "PaSST / S", "85M"),
        ("table3", "1 teacher", "CPR / 128K", "CPR / S", "128K"),
        ("table3", "1 teacher", "CPM / 450K", "CPM / S", "450K"),
        ("table3", "1 teacher", "PaSST / 85M", "PaSST / S", "85M"),
    ],
)
def test_a_single_teacher_has_its_number_of_table_1(
    table: str, row: str, column: str, first: str, first_row: str
) -> None:
    assert number("cpjku_teachers", table, row, column) == number("cpjku_teachers", "table1", first_row, first)


def test_three_small_teachers_beat_three_larger_ones_by_what_the_text_says() -> None:
    three, one = (paper("cpjku_teachers").table("table3").row(name).values for name in ("3 teacher", "1 teacher"))
    assert three["CPM / 128K"] - three["CPM / 450K"] == pytest.approx(1.2)
    assert three["CPR / 128K"] > three["CPR / 450K"]
    assert three["PaSST / 85M"] - one["PaSST / 85M"] == pytest.approx(0.16)


def test_three_teachers_with_dirfms_are_the_ensemble_of_table_4() -> None:
    three = paper("cpjku_teachers").table("table3").row("3 teacher").values
    ensemble = paper("cpjku_teachers").table("table4").row("DIRFMS").values
    assert [ensemble[name] for name in ("CPR", "CPM", "PaSST")] == [
        three[name] for name in ("CPR / 128K", "CPM / 128K", "PaSST / 85M")
    ]


def test_the_best_ensemble_is_cpr_and_passt_with_dirfms_and_fms_and_cpm_worsens_it_everywhere() -> None:
    table = paper("cpjku_teachers").table("table4")
    best = max((value, row.name, name) for row in table.rows for name, value in row.values.items())
    assert best == (65.81, "DIRFMS + FMS", "CPR + PaSST")
    for row in table.rows:
        if "CPR + PaSST" in row.values:
            assert row.values["CPR + CPM + PaSST"] < row.values["CPR + PaSST"]


def test_the_best_methods_of_each_architecture_are_those_of_the_text() -> None:
    best = {"CPR": "DIRFMS + FMS", "CPM": "DIRFMS", "PaSST": "DIRFMS + DIR + FMS"}
    for name, methods in best.items():
        values = column("cpjku_teachers", "table4", name)
        assert max(values, key=values.__getitem__) == methods
    passt = column("cpjku_teachers", "table4", "PaSST")
    assert passt["DIRFMS + DIR + FMS"] - passt["DIRFMS"] == pytest.approx(0.35)


def test_rows_that_the_text_contradicts_are_unclear() -> None:
    for name, table, row in (
        ("cpjku_teachers", "table4", "DIRFMS"),
        ("data_efficient_cpm", "table3", "S2"),
        ("fastast", "table1", "Balanced Audioset / r = 35"),
        ("cmkd", "table3", "AST-Small"),
        ("cmkd", "table3", "DenseNet-121"),
    ):
        assert paper(name).table(table).row(row).unclear


# Data-efficient CP-Mobile


def test_the_blocks_of_the_student_sum_to_the_parameters_of_the_2024_baseline() -> None:
    assert sum(column("data_efficient_cpm", "table1", "Parameters").values()) == 61_148


def test_the_baseline_of_table_3_is_the_official_one() -> None:
    official = paper("dcase2024_baseline").table("splits").row("baseline").values
    assert paper("data_efficient_cpm").table("table3").row("Baseline").values == official


def test_every_system_beats_the_baseline_on_every_split() -> None:
    table = paper("data_efficient_cpm").table("table3")
    for system in ("S1", "S2", "S3"):
        for split in SPLITS:
            assert table.row(system).values[split] > table.row("Baseline").values[split]


def test_bayesian_averaging_works_slightly_better_than_plain_averaging_on_every_split() -> None:
    table = paper("data_efficient_cpm").table("table3")
    assert all(0 < table.row("S1").values[split] - table.row("S3").values[split] < 1 for split in SPLITS)


def test_more_data_is_better_for_every_system() -> None:
    for row in paper("data_efficient_cpm").table("table3").rows:
        values = [row.values[split] for split in SPLITS]
        assert values == sorted(values), row.name


# FastAST


@pytest.mark.parametrize("key", ["table1", "table2"])
def test_a_drop_is_the_difference_to_no_merging(key: str) -> None:
    table = paper("fastast").table(key)
    checked = 0
    for row in table.rows:
        start = table.row(row.name.rsplit("r = ", maxsplit=1)[0] + "r = 0")
        for name in set(table.columns) & row.values.keys():
            if name.endswith("Drop"):
                of = [name.removesuffix(" Drop")] if key == "table2" else [name[:-4] + "Accuracy", name[:-4] + "mAP"]
                (measure,) = (found for found in of if found in row.values)
                difference = row.values[measure] - start.values[measure]
                assert row.values[name] == pytest.approx(difference, abs=0.01), (row.name, name)
                checked += 1
    assert checked == 54


def test_merging_at_inference_costs_and_gains_what_the_text_says_on_esc_50() -> None:
    def speed(r: int) -> float:
        return number("fastast", "table1_speed", f"ESC-50 / r = {r}", "FastAST (Inf) / S/s")

    def accuracy(r: int) -> float:
        return number("fastast", "table1", f"ESC-50 / r = {r}", "FastAST (Inf) / Accuracy")

    assert (accuracy(0), accuracy(5), accuracy(40)) == (95.6, 95.2, 90.2)
    assert (speed(0), speed(5), speed(40)) == (65, 75, 150)
    values = [accuracy(r) for r in range(0, 45, 5)]
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize(("data", "least", "most"), [("Speech Commands V2", 380, 580), ("Balanced Audioset", 59, 80)])
def test_speeds_span_what_the_text_says_and_rise_with_r(data: str, least: float, most: float) -> None:
    speeds = [number("fastast", "table1_speed", f"{data} / r = {r}", "FastAST (Inf) / S/s") for r in range(0, 45, 5)]
    assert (speeds[1], speeds[-1]) == (least, most)
    assert speeds == sorted(speeds)


def test_training_with_merging_costs_at_0_and_pays_from_30_on_where_the_row_is_clear() -> None:
    for row in paper("fastast").table("table1").rows:
        data, _, r = row.name.partition(" / r = ")
        measure = "mAP" if data == "Balanced Audioset" else "Accuracy"
        gain = row.values[f"FastAST (Train + Inf) / {measure}"] - row.values[f"FastAST (Inf) / {measure}"]
        if int(r) == 0:
            assert gain < 0, row.name
        if int(r) >= 30:
            assert gain > 0 or "behind" in (row.unclear or ""), row.name


def test_both_ways_of_merging_are_equally_fast() -> None:
    for row in paper("fastast").table("table1_speed").rows:
        assert len(set(row.values.values())) == 1, row.name


def test_distillation_starts_from_the_numbers_of_the_text() -> None:
    row = paper("fastast").table("table2").row("r = 0").values
    speed = paper("fastast").table("table2_speed").row("r = 0").values
    plain, passt, cnn = "FastAST", "FastAST + KD (Passt)", "FastAST + KD (CNN)"
    assert [(row[f"{kind} / Acc"], row[f"{kind} / mAP"], speed[f"{kind} / S/s"]) for kind in (plain, passt, cnn)] == [
        (38.4, 37.3, 55),
        (39.2, 42.8, 55),
        (41.4, 43.2, 56),
    ]


def test_distilling_from_the_cnn_has_the_highest_map_at_every_r_alone_or_shared() -> None:
    for row in paper("fastast").table("table2").rows:
        best = max(value for name, value in row.values.items() if name.endswith("/ mAP"))
        assert row.values["FastAST + KD (CNN) / mAP"] == best, row.name


def test_the_accuracy_of_table_2_repeats_the_map_of_table_1_and_says_so() -> None:
    for row in paper("fastast").table("table2").rows:
        first = paper("fastast").table("table1").row(f"Balanced Audioset / {row.name}")
        assert row.values["FastAST / Acc"] == first.values["FastAST (Inf) / mAP"]
        assert row.unclear
        assert first.unclear


# CMKD

CNNS, ASTS = ("EffNet-B0", "EffNet-B2", "EffNet-B6", "DenseNet-121"), ("AST-Tiny", "AST-Small", "AST-Base")
MARKED = {  # † better with KD, * better than the teacher; as printed, teachers in the order of the columns
    "EffNet-B0": "†* † * †* †* †* †",
    "EffNet-B2": "* †* * †* †* †* †",
    "EffNet-B6": "† † - †* †* †* †*",
    "DenseNet-121": "- † † - †* †* †",
    "AST-Tiny": "†* †* †* †* †* † †",
    "AST-Small": "†* †* †* †* † †* †*",
    "AST-Base": "†* †* †* †* †* †* †*",
}


DECIMAL = re.compile(r"(?<![\w.-])(?<!= )\d+\.\d+")
"""Numbers with decimals; λ and τ of row names stand behind an equals sign."""


@pytest.mark.parametrize("number", range(3, 14))
def test_the_numbers_of_a_table_are_those_of_the_paper_s_text(number: int, shared: Path) -> None:
    """Each as often as it stands there: counted, wherever in the table."""
    found = sorted(shared.glob("papers/003_*.txt"))
    if not found:
        pytest.skip("the text of the paper is not here")
    after = found[0].read_text(encoding="utf-8").split(f"TABLE {number}:")[1]
    lines = dropwhile(lambda line: "\t" not in line, after.splitlines())
    rows = " ".join(takewhile(str.strip, lines))
    values = [value for row in paper("cmkd").table(f"table{number}").rows for value in all_of(row)]
    assert Counter(float(word) for word in DECIMAL.findall(rows)) == Counter(values)


def all_of(row: Row) -> Iterator[float]:
    """The numbers of a row and their deviations."""
    yield from row.values.values()
    yield from row.deviations.values()


def test_the_marks_of_table_3_follow_from_its_numbers_but_for_one_that_is_unclear() -> None:
    table = paper("cmkd").table("table3")
    teachers = table.row("Teacher Model Performance").values
    wrong = []
    for student, marks in MARKED.items():
        row = table.row(student).values
        for teacher, mark in zip((*CNNS, *ASTS), marks.split(), strict=True):
            follows = ("†" * (row[teacher] > row["No KD"]) + "*" * (row[teacher] > teachers[teacher])) or "-"
            if follows != mark:
                wrong.append((student, teacher))
    assert wrong == [("AST-Small", "AST-Tiny")]
    assert table.row("AST-Small").unclear


def test_the_best_teacher_of_a_cnn_is_an_ast_and_of_an_ast_a_cnn() -> None:
    table = paper("cmkd").table("table3")
    for student in (*CNNS, *ASTS):
        values = {name: value for name, value in table.row(student).values.items() if name != "No KD"}
        assert max(values, key=values.__getitem__) in (ASTS if student in CNNS else CNNS), student


BOLD = {  # the best teacher of each student, as printed
    "EffNet-B0": "AST-Tiny", "EffNet-B2": "AST-Tiny", "EffNet-B6": "AST-Tiny", "DenseNet-121": "AST-Tiny",
    "AST-Tiny": "DenseNet-121", "AST-Small": "EffNet-B0", "AST-Base": "EffNet-B0",
}  # fmt: skip


def test_the_bold_numbers_of_table_3_are_the_best_of_their_rows_but_for_one_that_is_unclear() -> None:
    table = paper("cmkd").table("table3")
    best = {student: max(table.row(student).values, key=table.row(student).values.__getitem__) for student in BOLD}
    assert {student for student in BOLD if best[student] != BOLD[student]} == {"DenseNet-121"}
    assert table.row("DenseNet-121").unclear


@pytest.mark.parametrize(
    ("setting", "to_cnn", "to_ast"),
    [
        ("KD Temperature", "τ = 2.5", "τ = 1.0"),
        ("KD Balancing Coefficient", "λ = 0.5 (Default)", "λ = 0.5 (Default)"),
        ("Teacher Type", "Consistent Teacher (Default)", "Consistent Teacher (Default)"),
        ("Separate Distillation Head", "No (Default)", "No (Default)"),
    ],
)
def test_the_bold_numbers_of_table_5_are_the_best_of_their_part(setting: str, to_cnn: str, to_ast: str) -> None:
    for name, bold in (("AST→CNN", to_cnn), ("CNN→AST", to_ast)):
        part = {row: value for row, value in column("cmkd", "table5", name).items() if row.startswith(setting)}
        assert part[f"{setting} / {bold}"] == max(part.values())


def test_the_bold_numbers_of_table_7_are_the_best_of_their_student() -> None:
    single = number("cmkd", "table7", "AST-Tiny→EfficientNet-B2", "Single teacher")
    several = number("cmkd", "table7", "EfficientNet-B0 + DenseNet-121→AST-Base", "Multi-Loss")
    for student, bold in (("EfficientNet-B2", single), ("AST-Base", several)):
        rows = [row for row in paper("cmkd").table("table7").rows if row.name.endswith(f"→{student}")]
        assert bold == max(value for row in rows for value in row.values.values())


def test_every_setting_of_table_5_is_better_than_no_distillation() -> None:
    for name in ("AST→CNN", "CNN→AST"):
        values = column("cmkd", "table5", name)
        taught = {row: value for row, value in values.items() if row != "No KD Baseline" and "(No KD)" not in row}
        assert len(taught) == 11
        assert min(taught.values()) > values["No KD Baseline"]


def test_a_second_iteration_is_no_better_although_its_teachers_are() -> None:
    students, teachers = (column("cmkd", "table4", f"{who} Performance") for who in ("Student", "Teacher"))
    for pair in ("AST-Tiny w/{} KD→EfficientNet-B2", "EfficientNet-B0 w/{} KD→AST-Base"):
        first, second = (f"KD Iteration 1 / {pair.format('o')}", f"KD Iteration 2 / {pair.format('')}")
        assert teachers[second] > teachers[first]
        assert students[second] < students[first]


def test_a_higher_temperature_does_not_help_the_strongest_teacher() -> None:
    low, high = column("cmkd", "section4.1", "AST-Base→EfficientNet-B2").values()
    assert low == number("cmkd", "table3", "EffNet-B2", "AST-Base")
    assert high < low


def test_teachers_have_the_number_of_the_same_model_without_distillation() -> None:
    table = paper("cmkd").table("table3")
    for name, value in table.row("Teacher Model Performance").values.items():
        assert table.row(name).values["No KD"] == value


def test_the_best_pairs_of_table_3_are_the_first_iteration_and_the_default_of_the_settings() -> None:
    cnn, ast = (number("cmkd", "table3", *pair) for pair in (("EffNet-B2", "AST-Tiny"), ("AST-Base", "EffNet-B0")))
    assert (cnn, ast) == (58.2, 61.7)
    first = column("cmkd", "table4", "Student Performance")
    assert first["KD Iteration 1 / AST-Tiny w/o KD→EfficientNet-B2"] == cnn
    assert first["KD Iteration 1 / EfficientNet-B0 w/o KD→AST-Base"] == ast
    for row in paper("cmkd").table("table5").rows:
        if "(Default)" in row.name:
            assert row.values == {"AST→CNN": cnn, "CNN→AST": ast}


def test_a_consistent_teacher_is_worth_what_the_text_says() -> None:
    table = paper("cmkd").table("table5")
    consistent = table.row("Teacher Type / Consistent Teacher (Default)").values
    conventional = table.row("Teacher Type / Conventional Teacher").values
    assert consistent["CNN→AST"] - conventional["CNN→AST"] == pytest.approx(1.3)
    assert consistent["AST→CNN"] == conventional["AST→CNN"]


@pytest.mark.parametrize("part", ["Prediction Correlation", "SVCCA"])
def test_similarities_are_symmetric(part: str) -> None:
    table = paper("cmkd").table("table6")
    models = [row.name.removeprefix(f"{part} / ") for row in table.rows if row.name.startswith(part)]
    assert len(models) == 4
    for one in models:
        assert table.row(f"{part} / {one}").values[one] == 1
        for other in models:
            assert table.row(f"{part} / {one}").values[other] == table.row(f"{part} / {other}").values[one]


def test_distillation_brings_ast_nearer_to_both_cnns_by_what_the_text_says() -> None:
    before, after = (f"Prediction Correlation / AST-Base w/{kind} KD" for kind in ("o", ""))
    for model, start, end in (("EfficientNet-B0 w/o KD", 0.786, 0.880), ("EfficientNet-B2 w/o KD", 0.791, 0.865)):
        assert (number("cmkd", "table6", before, model), number("cmkd", "table6", after, model)) == (start, end)


def test_several_teachers_help_ast_in_every_way_and_the_cnn_in_none() -> None:
    rows = paper("cmkd").table("table7").rows
    for student, single in (("EfficientNet-B2", 58.2), ("AST-Base", 61.7)):
        several = [value for row in rows if row.name.endswith(f"→{student}") for value in row.values.values()]
        assert several[0] == single
        assert min(several[1:]) > single if student == "AST-Base" else max(several[1:]) <= single


def test_a_small_hybrid_teaches_better_than_a_large_one_and_a_hybrid_student_ends_below_the_plain_ones() -> None:
    students = column("cmkd", "table8", "Student Performance / KD")
    for student in ("EfficientNet-B2", "AST-Base"):
        assert students[f"Hybrid-B0→{student}"] > students[f"Hybrid-B2→{student}"]
    assert max(value for name, value in students.items() if name.endswith("→Hybrid-B2")) < 58.2


@pytest.mark.parametrize(
    ("summary", "best", "row"),
    [
        ("table10", "table9", ("EfficientNet-B2 / KD", "AST-Base / KD")),
        ("table12", "table11", ("Full / EfficientNet-B2 / KD", "Full / AST-Base, 10 epochs / KD")),
    ],
)
def test_the_comparisons_show_the_averaged_weights(summary: str, best: str, row: tuple[str, str]) -> None:
    for model, source in zip(("KD-CNN", "KD-AST"), row, strict=True):
        shown, measured = paper("cmkd").table(summary).row(model), paper("cmkd").table(best).row(source)
        assert shown.values["mAP"] == measured.values["w/ WA"]
        assert shown.deviations["mAP"] == measured.deviations["w/ WA"]


def test_taught_models_beat_all_earlier_ones_of_their_kind_and_share_the_lead_with_concurrent_ones() -> None:
    fsd50k, audioset = (column("cmkd", table, "mAP") for table in ("table10", "table12"))
    assert fsd50k["AST"] == number("cmkd", "table9", "AST-Base / No KD", "Best Model on Validation Set")
    assert min(fsd50k["KD-CNN"], fsd50k["KD-AST"]) > max(value for name, value in fsd50k.items() if "KD" not in name)
    cnns = ("AudioSet Baseline", "PANNs", "TALNet", "DeepRes", "PSLA")
    assert audioset["KD-CNN"] > max(audioset[name] for name in cnns)
    assert audioset["KD-AST"] == audioset["HTS-AT"] == audioset["PaSST"] > audioset["AST"]


@pytest.mark.parametrize(
    ("table", "first", "data"),
    [("table9", "Best Model on Validation Set", [""]), ("table11", "Last Epoch", ["Balanced / ", "Full / "])],
)
def test_averaging_and_ensembles_narrow_what_distillation_gains(table: str, first: str, data: list[str]) -> None:
    for model in (f"{part}{name}" for part in data for name in ("EfficientNet-B2", "AST-Base")):
        plain, taught = (paper("cmkd").table(table).row(f"{model} / {kd}").values for kd in ("No KD", "KD"))
        gain = {name: taught[name] - plain[name] for name in plain}
        assert all(gain[first] > gain[name] >= 0 for name in ("w/ WA", "Ensemble")), model
        assert plain[first] <= plain["w/ WA"] < plain["Ensemble"]


def test_the_plain_columns_of_table_9_are_the_pairs_of_tables_3_and_7() -> None:
    best = column("cmkd", "table9", "Best Model on Validation Set")
    assert best["EfficientNet-B2 / No KD"] == number("cmkd", "table3", "EffNet-B2", "No KD")
    assert best["EfficientNet-B2 / KD"] == number("cmkd", "table3", "EffNet-B2", "AST-Tiny")
    assert best["AST-Base / No KD"] == number("cmkd", "table3", "AST-Base", "No KD")
    assert best["AST-Base / KD"] == number("cmkd", "table7", "EfficientNet-B0 + DenseNet-121→AST-Base", "Multi-Loss")


def test_five_more_epochs_give_three_tenths_and_distillation_helps_more_with_less_data() -> None:
    last = column("cmkd", "table11", "Last Epoch")
    assert last["Full / AST-Base, 10 epochs / KD"] - last["Full / AST-Base / KD"] == pytest.approx(0.3)
    for model in ("EfficientNet-B2", "AST-Base"):
        little, much = (
            last[f"{data} / {model} / KD"] - last[f"{data} / {model} / No KD"] for data in ("Balanced", "Full")
        )
        assert little > much > 0


def test_the_only_fall_on_esc_50_is_the_one_with_a_falling_arrow() -> None:
    table = paper("cmkd").table("table13")
    kinds = [name.removesuffix(" / KD") for name in table.columns if name.endswith(" / KD")]
    changes = {
        (row.name, kind): row.values[f"{kind} / KD"] - row.values[f"{kind} / No KD"]
        for row in table.rows
        for kind in kinds
        if f"{kind} / KD" in row.values
    }
    assert len(changes) == 18
    falls = [place for place, change in changes.items() if change <= 0]
    assert falls == [("AST-Base / AudioSet Pretrain w/o KD", "AudioSet Pretrain w/ KD")]


def test_the_teachers_of_esc_50_are_the_students_without_distillation() -> None:
    table = paper("cmkd").table("table13")
    pretrained = ("No AudioSet Pretrain", "AudioSet Pretrain w/o KD", "AudioSet Pretrain w/ KD")
    for model in ("AST-Base", "EfficientNet-B2"):
        teacher = table.row(f"Teacher ({model}) Performance").values
        for kind, own in zip(teacher.values(), pretrained, strict=True):
            assert {value for name, value in table.row(f"{model} / {own}").values.items() if "No KD" in name} == {kind}


def test_the_dashed_lines_of_figure_2_are_the_students_of_table_5_without_a_teacher() -> None:
    dashed = paper("cmkd").table("figure2").row("No KD").values
    assert dashed == paper("cmkd").table("table5").row("No KD Baseline").values


def test_the_lead_at_the_last_epoch_of_figure_3_is_that_of_table_5() -> None:
    best = number("cmkd", "table5", "KD Balancing Coefficient / λ = 0.5 (Default)", "CNN→AST")
    lead = best - number("cmkd", "table5", "No KD Baseline", "CNN→AST")
    assert number("cmkd", "figure3", "last epoch", "KD less No KD") == pytest.approx(lead)


# refusals


def test_an_unknown_paper_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(Mistake, match='Did you mean "fastast"') as refused:
        paper("fast_ast")
    assert refused.value.rule == "published.paper"


def test_an_unknown_table_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(Mistake, match='Did you mean "table3"') as refused:
        paper("data_efficient_cpm").table("tabel3")
    assert refused.value.rule == "published.table"


def test_an_unknown_row_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(Mistake, match=r'Did you mean "DIRFMS \+ FMS"') as refused:
        paper("cpjku_teachers").table("table4").row("DIRFMS+FMS")
    assert refused.value.rule == "published.row"


def test_a_made_paper_is_read_from_its_folder(tmp_path: Path) -> None:
    assert written(tmp_path, MADE).table("table1").row("first").values == {"accuracy": 50.0}


def test_a_column_that_the_table_does_not_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Mistake, match='the row "first" has the column f1, which `columns` does not name'):
        written(tmp_path, MADE.replace('"accuracy" = 50.0', '"accuracy" = 50.0, "f1" = 40.0'))


def test_a_deviation_of_a_column_that_the_table_does_not_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Mistake, match="has the column f1"):
        written(tmp_path, MADE + 'deviations = { "f1" = 1.0 }\n')


def test_two_rows_of_one_name_are_refused(tmp_path: Path) -> None:
    row = MADE[MADE.index("[[") :]
    with pytest.raises(Mistake, match="two rows have one name"):
        written(tmp_path, MADE + "\n" + row)


def test_a_number_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Mistake, match="finite number"):
        written(tmp_path, MADE.replace("50.0", "nan"))
