"""An earlier speed beside a new one."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.outcomes import Mistake, Outcome
from harness.results import Reason
from harness.throughput import comparing, report, speed
from tests.harness.throughput import made

WHY = Reason(rule="speed.answers", problem="It gave other logits.", remedy="Predict in one way.")


def verdicts(now: speed.Speed, *before: speed.Speed) -> list[str]:
    return [row[-1] for row in comparing.rows([now], before)]


def test_a_faster_system_is_called_so_and_a_repeated_one_is_not() -> None:
    faster = made.speed(batch=made.figures(logs=(0.5, 0.52, 0.51)), one=made.figures(1, logs=(0.1, 0.13, 0.11)))
    assert verdicts(faster, made.speed()) == ["no difference", "faster"]
    assert verdicts(made.speed(), faster) == ["no difference", "slower"]


def test_speeds_of_other_hardware_are_shown_and_not_judged() -> None:
    rows = comparing.rows([made.speed()], [made.speed(hardware="Other CPU, 8 cores")])
    assert [row[-1] for row in rows] == ["other hardware, not judged: Other CPU, 8 cores"] * 2
    assert all(row[2] and row[3] and not row[4] for row in rows)


def test_the_same_hardware_is_preferred_where_a_folder_has_both() -> None:
    before = (made.speed(hardware="A CPU, 1 cores"), made.speed())
    assert verdicts(made.speed(), *before) == ["no difference", "no difference"]


def test_a_single_sitting_is_not_judged() -> None:
    alone = made.speed(batch=made.figures(logs=(0.1,)), one=made.figures(1, logs=(0.1,)))
    assert verdicts(made.speed(), alone) == ["too few sittings to judge"] * 2


def test_another_batch_is_not_judged() -> None:
    other = made.speed(batch=made.figures(32))
    assert verdicts(made.speed(), other) == ["no difference", "timed on other terms, not judged"]


def test_systems_without_an_earlier_speed_are_new_and_failures_are_told() -> None:
    assert verdicts(made.speed("S2"), made.speed("S1")) == ["new"]
    assert verdicts(made.speed(outcome=Outcome.REFUSED, reason=WHY), made.speed()) == ["not timed"]


def test_a_file_and_a_folder_can_be_compared_with(tmp_path: Path) -> None:
    path = speed.write(made.speed(), tmp_path)
    assert comparing.read(path) == comparing.read(tmp_path) == (made.speed(),)


def test_what_is_no_speed_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "speed-x.json").write_text("{}")
    with pytest.raises(Mistake, match="is no speed of schema 1"):
        comparing.read(tmp_path / "speed-x.json")
    with pytest.raises(Mistake, match="does not exist"):
        comparing.read(tmp_path / "nowhere.json")
    (tmp_path / "empty").mkdir()
    with pytest.raises(Mistake, match="holds no speed"):
        comparing.read(tmp_path / "empty")


def test_a_failure_does_not_take_the_place_of_figures(tmp_path: Path) -> None:
    good = speed.write(made.speed(), tmp_path)
    failed = speed.write(made.speed(outcome=Outcome.REFUSED, reason=WHY, one=None, batch=None, network=None), tmp_path)
    assert failed != good
    assert [one for _, one in speed.read_all([tmp_path])] == [made.speed()]
    speed.write(made.speed(), tmp_path)
    assert not failed.exists()


def test_the_table_has_a_row_for_each_way_of_asking_and_notes_say_what_disturbed() -> None:
    rows = report.rows([made.speed()])
    assert [row[2] for row in rows] == ["1", "64", "64 network only"]
    assert all(len(row) == len(report.SPEEDS) for row in rows)
    assert "1.7 cores busy" in report.notes([made.speed(others=1.7)])[0]
    refused = made.speed(outcome=Outcome.REFUSED, reason=WHY, one=None, batch=None, network=None)
    assert report.rows([refused])[0][1] == "refused"
    assert report.notes([refused]) == ["S1: refused: It gave other logits. Predict in one way. [speed.answers]"]
