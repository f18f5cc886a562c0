"""Entries that try to beat the clock: each is refused, or gains nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import entry, evaluation, tracks
from harness.cell import Ground
from harness.data import dataset_of
from harness.evaluation import Hands, Places
from harness.nursery import Nursery
from harness.outcomes import Outcome
from harness.plan import Choice
from harness.throughput import timing
from harness.throughput.speed import Speed
from harness.throughput.timing import Effort
from tests import made

ATTACKS = Path(__file__).resolve().parents[2] / "entries" / "timing"
SHORT = Effort(sittings=1, seconds=1.5)

VERDICTS = {
    "changes_its_weights": {"weights.changed"},
    "ends_early": {"speed.ended"},
    "kept_answers": {"", "speed.known"},
    "knows_the_test_clips": {"", "speed.known"},
    "other_path": {"speed.answers", "speed.impossible", "speed.known"},
    "other_path_now_and_then": {"speed.answers", "speed.impossible", "speed.known"},
    "replies_early": {"", "speed.answers"},
    "slows_the_baseline": {"speed.meddling"},
    "starts_processes": {"speed.processes"},
    "takes_its_time": {"speed.time"},
    "works_in_a_thread": {"speed.answers", "speed.impossible", "speed.known"},
}
"""The rules that each may meet first; "" where it is timed and its figures are those of the honest one.

Who replies early on a machine that is busy may have computed before anybody reads: the clock had not stopped, and
nothing is gained.
"""

HARMLESS = ("busy_threads", "kept_answers", "knows_the_test_clips", "lazy_logits", "looks_ahead", "patched_clocks")


@pytest.fixture(scope="module")
def other() -> Iterator[Nursery]:
    with Nursery() as started:
        yield started


@pytest.fixture(scope="module")
def honest(
    tmp_path_factory: pytest.TempPathFactory, tau_folder: Path, cache: Path, nursery: Nursery, other: Nursery
) -> Speed:
    return timed("honest", tmp_path_factory.mktemp("honest"), tau_folder, cache, nursery, other)


def timed(name: str, folder: Path, data: Path, cache: Path, nursery: Nursery, other: Nursery) -> Speed:
    """The speed of an attack on a track without limits, with batches of four."""
    path = made.track_file(folder / "tiny.toml", data, edition=None, more="timed_batch = 4")
    track, track_folder = tracks.load(str(path))
    hands, choice = Hands(nursery, made.quiet()), Choice()
    places = Places(None, None, folder / "results", cache, folder)
    dataset = dataset_of.read(track, track_folder, None, None, places.cache, hands.reporter)
    ground = Ground(track, dataset, choice, places.results, places.cache, folder, lambda _: "nox -s bench")
    [system] = evaluation.checked_systems(entry.read(ATTACKS / name), track, choice, places, hands)
    assert system.check.outcome is Outcome.OK, system.check.reason
    return timing.measured(system, None, ground, hands, other, SHORT)


def test_every_attack_is_walked() -> None:
    assert {one.name for one in ATTACKS.iterdir() if one.is_dir()} == {"honest", *VERDICTS, *HARMLESS}


@pytest.mark.parametrize("name", sorted({*VERDICTS, *HARMLESS}))
def test_an_attack_is_refused_or_gains_nothing(
    name: str,
    honest: Speed,
    tmp_path: Path,
    tau_folder: Path,
    cache: Path,
    nursery: Nursery,
    other: Nursery,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if name == "takes_its_time":
        monkeypatch.setattr(timing, "PATIENCE_SECONDS", 2.0)
    found = timed(name, tmp_path, tau_folder, cache, nursery, other)
    rule = found.reason.rule if found.reason else ""
    assert rule in VERDICTS.get(name, {""}), found.reason
    if not rule:
        assert honest.one is not None
        assert found.one is not None
        assert found.one.ratio is not None
        assert honest.one.ratio is not None
        assert found.one.p50 > 0.25 * honest.one.p50  # of another run: the machine may have been busy with other things
        assert found.one.ratio.value < 2 * honest.one.ratio.value
