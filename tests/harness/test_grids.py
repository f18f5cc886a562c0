"""Grids: the systems they make, and grids that make no sense."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import entry
from harness.entry import Need, System
from harness.outcomes import Mistake
from tests import made

HEAD = made.TOML.replace("[systems.S1]\n", "")
TEACHERS = """
[[grids]]
name = "{width}-{pace}"
title = "width {width}"
role = "teacher"
config = { steps = 1, width = 1 }
fields = ["width"]
[grids.axes]
width = [4, 8]
pace = { slow = { steps = 50 }, fast = { steps = 2 }, plain = {} }
"""
STUDENTS = """
[[grids]]
name = "of-{widths}-{paces}"
needs = [{ system = "{widths}-{paces}", seeds = [0, 1] }, "S0"]
[grids.axes]
widths = { "4" = ["4"], both = ["4", "8"] }
paces = { all = ["slow", "fast"], slow = ["slow"] }

[systems.S0]
"""


def read(folder: Path, text: str) -> dict[str, System]:
    return entry.read(made.entry_folder(folder, toml=HEAD + text)).submission.systems


def test_a_grid_is_the_product_of_its_axes(tmp_path: Path) -> None:
    systems = read(tmp_path / "mine", TEACHERS)
    assert list(systems) == ["4-slow", "4-fast", "4-plain", "8-slow", "8-fast", "8-plain"]
    assert systems["8-fast"] == System(title="width 8", role="teacher", config={"steps": 2, "width": 8})
    assert systems["4-plain"].config == {"steps": 1, "width": 4}


def test_a_name_in_needs_stands_for_its_words(tmp_path: Path) -> None:
    systems = read(tmp_path / "mine", TEACHERS + STUDENTS)
    assert list(systems)[:2] == ["S0", "4-slow"]
    both = [Need(system=f"{width}-{pace}", seeds=(0, 1)) for width in ("4", "8") for pace in ("slow", "fast")]
    found = systems["of-both-all"].needs
    assert sorted(found, key=str) == sorted([*both, Need(system="S0")], key=str)
    assert systems["of-4-slow"].needs == (Need(system="4-slow", seeds=(0, 1)), Need(system="S0"))


def test_other_grids_make_other_entries(tmp_path: Path) -> None:
    one = entry.read(made.entry_folder(tmp_path / "a" / "mine", toml=HEAD + TEACHERS))
    other = entry.read(made.entry_folder(tmp_path / "b" / "mine", toml=HEAD + TEACHERS.replace("[4, 8]", "[4, 9]")))
    assert one.digest != other.digest


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (TEACHERS.replace('"{width}-{pace}"', '"{width}"'), "every axis in braces and nothing else: pace"),
        (TEACHERS.replace("width {width}", "width {wide}"), "wide in braces is no axis"),
        (TEACHERS.replace('fields = ["width"]', 'fields = ["pace"]'), "fields names pace"),
        (TEACHERS.replace("[4, 8]", "[4, 4]"), 'two systems are called "4-slow"'),
        (TEACHERS.replace("[4, 8]", '["a/b"]'), "pattern"),
        (TEACHERS + '[systems."4-slow"]\n', 'two systems are called "4-slow"'),
        (TEACHERS.replace("fields =", "feilds ="), "feilds"),
        ("", "there is no system"),
        (STUDENTS.replace("seeds = [0, 1]", "seeds = [0, 0]"), "a seed stands twice"),
    ],
)
def test_a_grid_that_makes_no_sense_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(Mistake, match=problem):
        read(tmp_path / "mine", text)
