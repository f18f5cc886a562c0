"""From an evaluated entry to its speed: whose weights, which record, which row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import evaluation, results
from harness.evaluation import Hands, Places
from harness.job import LOGITS
from harness.nursery import Nursery
from harness.outcomes import Outcome
from harness.plan import Choice
from harness.results import Result
from harness.throughput import bench, speed
from harness.throughput.bench import Asked
from harness.throughput.speed import Speed
from harness.throughput.timing import Effort
from leaderboard import site
from tests import made, made_sounds

SHORT = Effort(sittings=2, seconds=0.5)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, tau_folder: Path) -> Iterator[tuple[Asked, Hands, Result]]:
    """An entry that was evaluated, and not timed yet."""
    folder = tmp_path_factory.mktemp("home")
    track = made.track_file(folder / "tiny.toml", tau_folder, more="timed_batch = 4")
    places = Places(None, None, folder / "results", folder / "cache", folder)
    asked = Asked(made.entry_folder(folder / "mine"), str(track), Choice(), places)
    with Nursery() as nursery:
        hands = Hands(nursery, made.quiet())
        assert evaluation.evaluate(asked.entry, asked.track, asked.choice, places, hands)
        [(_, result)] = results.read_all([places.results])
        assert isinstance(result, Result)
        yield asked, hands, result


def speeds(asked: Asked) -> list[Speed]:
    found = [one for _, one in speed.read_all([asked.places.results])]
    assert all(isinstance(one, Speed) for one in found)
    return [one for one in found if isinstance(one, Speed)]


def test_the_weights_that_were_scored_are_the_ones_that_are_timed(home: tuple[Asked, Hands, Result]) -> None:
    asked, hands, result = home
    assert bench.after_evaluation(asked, hands, SHORT)
    [found] = speeds(asked)
    assert found.outcome is Outcome.OK
    assert (found.cell, found.weights) == (result.key, result.digests.weights)
    assert found.one is not None
    assert found.batch is not None
    assert found.batch.batch == 4
    assert found.batch.ratio is not None
    assert len(found.batch.seconds) == len(found.batch.baseline_seconds) == SHORT.sittings
    assert found.one.p50 <= found.one.p90 <= found.one.p99
    assert found.batch.clips_per_second == pytest.approx(4 / found.batch.p50, rel=0.5)
    assert found.network is not None
    assert found.peak_memory_bytes
    assert found.hardware.endswith("cores")


def test_what_was_timed_is_not_timed_again(home: tuple[Asked, Hands, Result]) -> None:
    asked, hands, _ = home
    before = [one.created for one in speeds(asked)]
    assert bench.after_evaluation(asked, hands, SHORT)
    assert [one.created for one in speeds(asked)] == before


def test_the_board_shows_it_and_the_system_page_says_how(home: tuple[Asked, Hands, Result], tmp_path: Path) -> None:
    asked, _, _ = home
    site.build([asked.places.results], tmp_path / "site", project=tmp_path)
    page = (tmp_path / "site/tiny/systems/mine-s1.html").read_text()
    assert "Speed by hardware" in page
    assert "in turns with dcase2024/baseline" in page


def test_untrained_networks_are_timed_beside_and_never_in_place(home: tuple[Asked, Hands, Result]) -> None:
    asked, hands, _ = home
    assert bench.bench(asked, hands, Effort(sittings=1, seconds=0.2), untrained=True)
    assert sorted(one.cell is None for one in speeds(asked)) == [False, True]


def test_other_predictions_than_those_that_were_scored_are_refused(home: tuple[Asked, Hands, Result]) -> None:
    """The file of logits that the cell was scored by is another one: so is what the clock hears."""
    asked, hands, result = home
    kept = asked.places.cache / "cells" / result.key[:20] / LOGITS
    content = kept.read_bytes()
    try:
        kept.write_bytes(content[:128] + bytes(len(content) - 128))
        assert not bench.bench(asked, hands, Effort(sittings=1, seconds=1.0))
    finally:
        kept.write_bytes(content)
    [failure] = asked.places.results.rglob("speed-*.failure.json")
    assert json.loads(failure.read_text())["reason"]["rule"] == "speed.answers"
    assert [one.outcome for one in speeds(asked) if one.cell] == [Outcome.OK]


def test_a_fold_s_system_is_timed_on_the_clips_of_its_fold(tmp_path: Path) -> None:
    """What was scored are the logits of one fold: test clips of another one have none to be compared with."""
    data = made_sounds.esc_folder(tmp_path / "data", recordings=3)
    track = made_sounds.esc_track(tmp_path / "sounds.toml", data, more="timed_batch = 2")
    places = Places(None, None, tmp_path / "results", tmp_path / "cache", tmp_path)
    asked = Asked(made.entry_folder(tmp_path / "mine"), str(track), Choice(), places)
    with Nursery() as nursery:
        hands = Hands(nursery, made.quiet())
        assert evaluation.evaluate(asked.entry, asked.track, asked.choice, places, hands)
        assert bench.after_evaluation(asked, hands, SHORT)
    [found] = speeds(asked)
    assert found.outcome is Outcome.OK, found.reason
