"""What is lost, what may not change, and speeds: sides that lie on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.outcomes import Outcome
from harness.regression import running, sides
from harness.regression.exact import Edits
from harness.regression.findings import Finding, Report, Verdict, accepted, ordered
from harness.results import Reason, Result
from harness.throughput import speed
from tests.harness.throughput import made as made_speeds
from tests.leaderboard import made


def written(folder: Path, *found: Result) -> Path:
    """Results in a folder, with the sums of those that were made with predictions."""
    made.write(folder, *found)
    return folder


def compared(before: Path, now: Path, references: tuple[str, ...] = (), edits: Edits | None = None) -> list[Finding]:
    """Findings, but those that say that made results have no predictions beside them."""
    found = running.findings(sides.read(before), sides.read(now), references, edits)
    return [one for one in found if one.rule != "regression.evidence"]


@pytest.fixture
def both(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "before", tmp_path / "now"


def changed(one: Result, **fields: Any) -> Result:
    """The same result with other fields, and the same predictions."""
    other = one.model_copy(update=fields)
    if one.key in made.PREDICTED:
        made.PREDICTED[other.key] = made.PREDICTED[one.key]
    return other


def costing(one: Result, **quantities: int) -> Result:
    assert one.complexity is not None
    return changed(one, complexity=one.complexity.model_copy(update=quantities))


def test_nothing_is_found_where_nothing_changed(both: tuple[Path, Path]) -> None:
    for folder in both:
        written(folder, made.predicted("S1", 1.0), made.predicted("S2", 1.2), made.failure("S3"))
    assert compared(*both) == []


def test_a_system_a_split_a_seed_and_a_device_that_are_gone_are_named(both: tuple[Path, Path]) -> None:
    before, now = both
    kept = made.result("S1", split="100")
    written(before, kept, made.result("S1", split="50"), made.result("S1", split="100", seed=1), made.result("S2"))
    scores = made.scores()
    fewer = {name: part for name, part in scores.per_device.items() if name != "s6"}
    written(now, changed(kept, scores=scores.model_copy(update={"per_device": fewer})))
    found = {one.what: one for one in compared(before, now)}
    assert all(one.verdict is Verdict.REGRESSION and one.rule == "regression.lost" for one in found.values())
    assert set(found) == {"split 50", "split 100, seed 1", "split 100, seed 0: device s6", "the system"}
    assert found["the system"].system == "cpjku/S2"


def test_a_lost_score_says_how_the_last_try_failed(both: tuple[Path, Path]) -> None:
    before, now = both
    written(before, made.result("S1"))
    written(now, made.failure("S1", Outcome.OVER_LIMIT))
    (one,) = compared(before, now)
    assert one.why == f"over_limit: {made.OVER.problem} [limits.macs]"


def test_a_run_that_fails_is_told_though_its_earlier_score_stays_and_for_new_systems_too(
    both: tuple[Path, Path],
) -> None:
    before, now = both
    for folder in both:
        written(folder, made.result("S1"), made.failure("S0"))
    written(now, made.failure("S1"), made.failure("S1", split="50"), made.failure("S2"))
    found = [one for one in compared(before, now) if one.verdict is Verdict.REGRESSION]
    assert [(one.system, one.what) for one in found] == [
        ("cpjku/S1", "the newest run of split 100, seed 0, split 50, seed 0"),
        ("cpjku/S2", "the newest run of split 100, seed 0"),
    ]
    assert {one.rule for one in found} == {"regression.failed"}
    assert found[0].why == f"over_limit: {made.OVER.problem} [limits.macs]"


def test_a_failure_that_becomes_another_one_is_told_and_one_that_goes_away_is_not(both: tuple[Path, Path]) -> None:
    before, now = both
    written(before, made.failure("S1", Outcome.TIMED_OUT), made.failure("S2"))
    written(now, made.failure("S1", Outcome.CRASHED))
    assert [one.system for one in compared(before, now)] == ["cpjku/S1"]


@pytest.mark.parametrize("content", [None, b"PK", b""])
def test_lists_of_test_clips_may_not_vanish(both: tuple[Path, Path], content: bytes | None) -> None:
    before, now = both
    for folder in both:
        written(folder, made.predicted("S1", 1.0))
    (path,) = (now / "demo").glob("clips-*.npz")
    path.unlink() if content is None else path.write_bytes(content)
    (found,) = compared(before, now)
    assert (found.rule, found.what, found.now) == ("regression.lost", path.name, "gone")


def test_sums_that_were_cut_off_are_gone(both: tuple[Path, Path]) -> None:
    before, now = both
    one = made.predicted("S1", 1.0)
    for folder in both:
        written(folder, one)
        one.identity.path(folder).with_suffix(".npz").unlink()
    one.identity.path(now).with_suffix(".sums.npy").write_bytes(b"")
    (found,) = compared(before, now)
    assert (found.rule, found.verdict) == ("regression.lost", Verdict.REGRESSION)


def test_a_new_record_without_predictions_cannot_be_compared(both: tuple[Path, Path]) -> None:
    before, now = both
    written(before, made.result("S1"))
    written(now, made.result("S1"), made.result("S2"))
    found = running.findings(sides.read(before), sides.read(now), ())
    assert {(one.system, one.verdict) for one in found} == {
        ("cpjku/S2", Verdict.NOT_COMPARED), ("cpjku/S2", Verdict.NEW),
    }  # fmt: skip


def test_a_system_may_not_leave_the_ranking(both: tuple[Path, Path]) -> None:
    before, now = both
    one = made.predicted("S1", 1.0)
    written(before, one)
    written(now, changed(one, official=False, unofficial_because=("it is a quick run",)))
    (found,) = compared(before, now)
    assert "official standing" in found.what
    assert found.why == "it is a quick run"


def test_speeds_may_not_lose_figures_and_their_failures_are_told(both: tuple[Path, Path]) -> None:
    before, now = both
    for folder in both:
        written(folder, made.result("S1"))
        speed.write(made_speeds.speed(), folder)
    speed.write(made_speeds.speed(batch=None), now)
    assert "speed on Some CPU, 2 cores: batch" in {one.what for one in compared(before, now)}
    speed.write(made_speeds.speed(), now)
    why = Reason(rule="speed.answers", problem="It gave other logits.", remedy="Predict in one way.")
    speed.write(made_speeds.speed(outcome=Outcome.REFUSED, reason=why, one=None, batch=None, network=None), now)
    (found,) = compared(before, now)
    assert (found.rule, found.why) == ("regression.failed", "It gave other logits. [speed.answers]")


def test_sums_and_speeds_may_not_vanish(both: tuple[Path, Path]) -> None:
    before, now = both
    one = made.predicted("S1", 1.0)
    for folder in both:
        written(folder, one)
    speed.write(made_speeds.speed(), before)
    for ending in (".sums.npy", ".npz"):
        one.identity.path(now).with_suffix(ending).unlink()
    found = [each.what for each in compared(before, now)]
    assert set(found) == {"what statistics need of the predictions, split 100, seed 0", "speed on Some CPU, 2 cores"}


def test_a_record_that_was_broken_is_a_regression_and_one_that_was_before_is_not_compared(
    both: tuple[Path, Path],
) -> None:
    before, now = both
    for folder in both:
        written(folder, made.result("S1"), made.result("S2"))
    made.result("S1").identity.path(now).write_text("{")
    made.result("S2").identity.path(before).write_text("{")
    verdicts = {(one.rule, one.verdict) for one in compared(before, now)}
    assert ("regression.unreadable", Verdict.REGRESSION) in verdicts
    assert ("regression.lost", Verdict.REGRESSION) in verdicts
    assert ("regression.new", Verdict.NEW) in verdicts
    broken = made.result("S2").identity.path(now)
    broken.write_text("{")
    assert ("regression.base", Verdict.NOT_COMPARED) in {(one.rule, one.verdict) for one in compared(before, now)}


@pytest.mark.parametrize("quantity", ["parameters", "parameter_bytes", "macs", "official_macs"])
def test_what_an_unedited_entry_costs_may_not_change(both: tuple[Path, Path], quantity: str) -> None:
    before, now = both
    one = made.result("S1")
    written(before, one)
    written(now, costing(one, **{quantity: 21_000_000}))
    (found,) = compared(before, now)
    assert (found.verdict, found.rule, found.now) == (Verdict.REGRESSION, "regression.exact", "21,000,000")
    assert "not edited" in found.why


def test_what_an_edited_entry_costs_may_change_unless_it_is_a_baseline(both: tuple[Path, Path]) -> None:
    before, now = both
    written(before, made.result("S1"))
    written(now, costing(made.result("S1", entry_digest="edited"), macs=21_000_000))
    (found,) = compared(before, now)
    assert found.verdict is Verdict.CHANGED
    (found,) = compared(before, now, ("cpjku",))
    assert found.verdict is Verdict.REGRESSION
    assert found.change == "+1,000,000"


def test_what_entries_share_may_not_change_what_an_unedited_one_costs(both: tuple[Path, Path]) -> None:
    before, now = both
    written(before, made.result("S1"))
    written(now, costing(made.result("S1", entry_digest="another"), macs=21_000_000))
    shared, own = Edits(frozenset(), shared=True), Edits(frozenset({"cpjku"}), shared=True)
    assert [one.verdict for one in compared(before, now, edits=shared)] == [Verdict.REGRESSION]
    assert [one.verdict for one in compared(before, now, edits=own)] == [Verdict.CHANGED]
    assert [one.verdict for one in compared(before, now, edits=Edits(frozenset(), shared=False))] == [Verdict.CHANGED]


def test_one_change_of_many_cells_is_told_once(both: tuple[Path, Path]) -> None:
    before, now = both
    every = [made.result("S1", seed=seed) for seed in range(3)]
    written(before, *every)
    written(now, *(costing(one, macs=1) for one in every))
    (found,) = compared(before, now)
    assert found.what == "MACs of 3 cells"


def test_a_score_that_its_predictions_do_not_give_is_a_regression(both: tuple[Path, Path]) -> None:
    before, now = both
    one = made.predicted("S1", 1.0)
    assert one.scores is not None
    written(before, one)
    better = one.scores.model_copy(update={"macro_accuracy": 0.99})
    written(now, changed(one, scores=better))
    found = [each for each in compared(before, now) if each.rule == "regression.score"]
    assert found[0].what == "macro accuracy, split 100, seed 0"
    assert "its predictions say" in found[0].why
    assert "how they are scored has changed" in found[1].why
    devices = {**one.scores.per_device, "a": one.scores.per_device["a"].model_copy(update={"log_loss": 0.1})}
    groups = {**one.scores.per_group, "unseen": one.scores.per_group["unseen"].model_copy(update={"accuracy": 0.1})}
    classes = {**one.scores.per_class, "bus": one.scores.per_class["bus"].model_copy(update={"accuracy": 0.1})}
    parts = {"per_device": devices, "per_group": groups, "per_class": classes}
    written(now, changed(one, scores=one.scores.model_copy(update=parts)))
    told = {each.what.split(",")[0] for each in compared(before, now) if each.now}
    assert told >= {"log loss of device a", "accuracy of group unseen", "accuracy of class bus"}


def test_a_new_record_is_held_against_its_predictions_too(both: tuple[Path, Path]) -> None:
    before, now = both
    one = made.predicted("S2", 1.0)
    assert one.scores is not None
    devices = {**one.scores.per_device, "s6": one.scores.per_device["s6"].model_copy(update={"accuracy": 1.0})}
    written(before, made.result("S1"))
    written(
        now, made.result("S1"), changed(one, scores=one.scores.model_copy(update={"per_device": devices}), key="other")
    )
    wrong, new = sorted(compared(before, now), key=lambda each: each.rule != "regression.score")
    assert wrong.what == "accuracy of device s6, split 100, seed 0"
    assert new.verdict is Verdict.NEW


def test_a_calibration_that_changed_on_the_same_predictions_is_a_regression(both: tuple[Path, Path]) -> None:
    before, now = both
    one = made.predicted("S1", 1.0)
    assert one.scores is not None
    written(before, one)
    written(now, changed(one, scores=one.scores.model_copy(update={"calibration_error": 0.5})))
    (found,) = compared(before, now)
    assert found.what == "calibration error, split 100, seed 0"


def test_a_worse_training_is_found_on_disk(both: tuple[Path, Path]) -> None:
    before, now = both
    written(before, *(made.predicted("S1", 2.0, seed=seed) for seed in range(3)))
    written(now, *(made.predicted("S1", 0.5, seed=seed) for seed in range(3)))
    (found,) = compared(before, now)
    assert (found.verdict, found.rule) == (Verdict.REGRESSION, "regression.drop")


def test_speeds_count_only_as_ratios_that_were_taken_repeatedly_on_the_same_hardware(both: tuple[Path, Path]) -> None:
    before, now = both
    for folder in both:
        written(folder, made.result("S1"))
    speed.write(made_speeds.speed(), before)
    slow = made_speeds.figures(logs=(-0.3, -0.28, -0.29))
    speed.write(made_speeds.speed(batch=slow), now)
    found = {one.what: one.verdict for one in compared(before, now)}
    assert found == {"speed, one clip": Verdict.CHANGED, "speed, batches of 64": Verdict.REGRESSION}
    once = made_speeds.figures(logs=(-0.3,))
    speed.write(made_speeds.speed(batch=once), now)
    assert {one.verdict for one in compared(before, now)} == {Verdict.CHANGED}
    speed.write(made_speeds.speed(hardware="Another CPU, 2 cores", batch=slow), now)
    assert Verdict.REGRESSION not in {one.verdict for one in compared(before, now) if one.rule == "regression.speed"}


def test_a_hair_slower_is_not_slower(both: tuple[Path, Path]) -> None:
    before, now = both
    for folder in both:
        written(folder, made.result("S1"))
    speed.write(made_speeds.speed(batch=made_speeds.figures(logs=(0.1, 0.1001, 0.1))), before)
    speed.write(made_speeds.speed(batch=made_speeds.figures(logs=(0.08, 0.0801, 0.08))), now)
    assert {one.verdict for one in compared(before, now)} == {Verdict.CHANGED}


def finding(verdict: Verdict, system: str = "cpjku/S1") -> Finding:
    return Finding(verdict=verdict, rule="regression.exact", track="demo", system=system, what="MACs")


def test_status_follows_the_gravest_verdict() -> None:
    def status(*verdicts: Verdict) -> int:
        return Report(base="a", head="b", findings=tuple(map(finding, verdicts)), unchanged=0).status

    assert status() == status(Verdict.NEW, Verdict.CHANGED, Verdict.BETTER, Verdict.ACCEPTED) == 0
    assert status(Verdict.NOT_COMPARED, Verdict.NEW) == 2
    assert status(Verdict.NOT_COMPARED, Verdict.REGRESSION) == 1


def test_what_is_accepted_stops_nothing_and_is_still_told() -> None:
    every = [finding(Verdict.REGRESSION), finding(Verdict.REGRESSION, "other/S1"), finding(Verdict.NOT_COMPARED)]
    told = [one.verdict for one in accepted(every, ["cpjku/S1"])]
    assert told == [Verdict.ACCEPTED, Verdict.REGRESSION, Verdict.ACCEPTED]
    assert accepted(every, ["cpjku"])[0].verdict is Verdict.ACCEPTED
    assert ordered(accepted(every, ["cpjku"]))[0].system == "other/S1"
