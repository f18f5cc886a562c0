"""Speeds on a board: whose they are, on what hardware, and what does not compare."""

from __future__ import annotations

from pathlib import Path

from harness.outcomes import Outcome
from harness.results import Reason
from harness.throughput.speed import Speed
from leaderboard import speeds
from leaderboard.boards import Board, board
from leaderboard.pages import board as board_page
from leaderboard.pages import trade_off
from leaderboard.pages.places import Places
from leaderboard.tables import Field, Table
from tests.harness.throughput.made import figures, speed
from tests.leaderboard.conftest import Build
from tests.leaderboard.made import cells, predicted, result, track

OTHER = "Other CPU, 8 cores"


def of(system: str, **fields: object) -> Speed:
    """The speed of the cell that `result` makes of a system."""
    return speed(system, cell=f"{system}-demo-100-0", **fields)


def made(*timed: Speed, systems: tuple[str, ...] = ("S1", "S2", "S3")) -> Board:
    """A board of systems with one cell each."""
    results = [result(name, 0.5 + 0.1 * at, macs=(1 + at) * 1_000_000) for at, name in enumerate(systems)]
    return board("demo", cells(*results), track(default_splits=("100",)), timed)


def ranked(found: Board) -> Table:
    page = board_page.page(found, {}, (), (), None, Places(Path("/site")))
    return next(table for section in page.sections for table in section.tables if table.id == "ranked")


def column(table: Table, key: str) -> dict[object, Field]:
    """The fields of a column by the name of their system."""
    keys = [each.key for each in table.columns]
    return {
        row[keys.index("system")].value or row[keys.index("system")].text: row[keys.index(key)] for row in table.rows
    }


def test_a_board_without_speeds_has_no_columns_for_them() -> None:
    assert "clips_per_second" not in {one.key for one in ranked(made()).columns}
    assert made().hardware is None


def test_a_speed_stands_in_the_row_whose_weights_were_timed() -> None:
    table = ranked(made(of("S1"), of("S2", batch=figures(seconds=0.05))))
    rates = column(table, "clips_per_second")
    assert (rates["cpjku/S1"].text, rates["cpjku/S2"].text) == ("640", "1,280")
    assert rates["cpjku/S3"].value is None
    assert "on Some CPU, 2 cores" in rates["cpjku/S1"].notes
    times = column(table, "times_baseline")["cpjku/S1"]
    assert times.text == "1.12"
    assert times.notes == ("1.09 to 1.14",)


def test_a_speed_of_other_weights_or_of_none_is_not_shown() -> None:
    assert (
        made(of("S1").model_copy(update={"cell": "older"}), of("S2").model_copy(update={"cell": None})).hardware is None
    )


def test_speeds_of_other_hardware_are_named_and_not_sorted_among_the_rest() -> None:
    found = made(of("S1"), of("S2"), of("S3", hardware=OTHER))
    assert found.hardware == "Some CPU, 2 cores"
    table = ranked(found)
    assert column(table, "clips_per_second")["cpjku/S3"].value is None
    elsewhere = column(table, "times_baseline")["cpjku/S3"]
    assert (elsewhere.text, elsewhere.value, elsewhere.notes) == ("timed elsewhere", None, (f"on {OTHER}",))


def test_a_refused_speed_is_marked_with_its_rule() -> None:
    why = Reason(rule="speed.answers", problem="It gave other logits.", remedy="Predict in one way.")
    refused = of("S1", outcome=Outcome.REFUSED, reason=why, one=None, batch=None, network=None)
    field = column(ranked(made(refused, of("S2"))), "times_baseline")["cpjku/S1"]
    assert (field.text, field.warn, field.notes) == ("refused", True, ("rule speed.answers",))


def test_the_front_of_accuracy_and_time_is_of_systems_on_the_same_hardware() -> None:
    found = made(of("S1", batch=figures(seconds=0.01)), of("S2"), of("S3", hardware=OTHER))
    page = trade_off.page(found, {}, Places(Path("/site")))
    [table] = [table for section in page.sections for table in section.tables if table.id == "costs"]
    on = column(table, "front")
    assert "time" in str(on["cpjku/S1"].text)
    assert "time" in str(on["cpjku/S2"].text)
    assert "time" not in str(on["cpjku/S3"].text)
    assert column(table, "seconds")["cpjku/S1"].text == "0.156 ms"


def test_the_page_of_a_system_says_how_it_was_timed(build: Build) -> None:
    one = predicted("good", 2.0)
    page = build(one, speeds=[speed("good", cell=one.key, others=0.4)]).html("demo/systems/cpjku-good.html")
    assert "in turns with dcase2024/baseline" in page
    assert "Other programs kept 0.4 cores busy." in page
    assert "speed-some-cpu-2-cores.json" in page


def test_a_damaged_speed_is_reported_and_the_rest_is_built(build: Build, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "speed-torn.json").write_text("{")
    made = build(predicted("good", 2.0))
    assert [one.path.name for one in made.report.damaged] == ["speed-torn.json"]


def test_rounds_are_left_on_disk(build: Build) -> None:
    one = predicted("good", 2.0)
    site = build(one, speeds=[speed("good", cell=one.key)])
    [read], _ = speeds.read([site.results])
    assert read.batch is not None
    assert (read.batch.seconds, read.batch.baseline_seconds) == ((), ())
