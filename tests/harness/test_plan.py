"""What is asked for becomes cells; a cell's key changes with whatever decides its numbers and with nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import plan, tracks
from harness.data import tau
from harness.data.dataset import Dataset
from harness.entry import Entry, Submission
from harness.job import Answer
from harness.outcomes import Mistake, Outcome
from harness.plan import Cell, Choice, System
from harness.results import Digests, Identity
from harness.tracks import Track
from tests import made

SUBMISSION: dict[str, Any] = {
    "title": "Mine",
    "description": "An entry.",
    "external_data": "none",
    "tracks": ["tiny"],
    "authors": [{"name": "A", "affiliation": "B"}],
    "systems": {
        "S1": {"config": {"width": 1, "depth": 1, "rate": 1}},
        "S2": {},
        "T1": {"role": "teacher"},
    },
    "presets": {"demo": {"width": 2, "depth": 2}, "long": {"epochs": 500}},
}
FOUND = Digests(entry="e", files={"checkpoint": "c"}, training_list="l", test_list="t", data="d")

SETTING = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


def entry(**changes: Any) -> Entry:
    return Entry(Path("mine"), Submission.model_validate(SUBMISSION | changes), "digest")


def track(**changes: Any) -> Track:
    return tracks.load("dcase2024-task1")[0].model_copy(update=changes)


def cell(config: dict[str, Any] | None = None, seed: int = 0, **identity: Any) -> Cell:
    answer = Answer(outcome=Outcome.OK, config=config or {})
    words: dict[str, Any] = {"track": "tiny", "entry": "mine", "system": "S1", "split": "100", "seed": seed}
    return Cell(System(entry(), "S1", {}, answer), "100", seed, None, np.arange(0), Identity(**(words | identity)))


def key(
    config: dict[str, Any] | None = None, *, seed: int = 0, found: Digests = FOUND, device: str = "cpu", **changes: Any
) -> str:
    return plan.key(cell(config, seed), track(**changes), found, device)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Track, Dataset]:
    """The track and the data set of the small TAU folder."""
    folder = tmp_path_factory.mktemp("plan")
    data = made.tau_folder(folder / "data", clips_per_cell=1, rate=100)
    loaded, _ = tracks.load(str(made.track_file(folder / "tiny.toml", data)))
    return loaded, tau.read(data, loaded)


@settings(deadline=None, max_examples=30)
@given(st.dictionaries(st.text(), SETTING, min_size=2, max_size=6), st.randoms(use_true_random=False))
def test_the_order_in_which_settings_were_typed_does_not_matter(config: dict[str, Any], shuffle: object) -> None:
    names = list(config)
    shuffle.shuffle(names)  # type: ignore[attr-defined]
    assert key({name: config[name] for name in names}) == key(config)


@settings(deadline=None, max_examples=30)
@given(st.dictionaries(st.text(), SETTING, max_size=4), st.text(), st.integers(), st.integers())
def test_another_value_of_any_field_is_another_key(config: dict[str, Any], name: str, one: int, other: int) -> None:
    assert (key(config | {name: one}) == key(config | {name: other})) is (one == other)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**63), st.integers(0, 2**63))
def test_another_seed_is_another_key(one: int, other: int) -> None:
    assert (key(seed=one) == key(seed=other)) is (one == other)


@pytest.mark.parametrize(
    "changed",
    [
        {"entry": "x"},
        {"files": {"checkpoint": "x"}},
        {"files": {"other": "c"}},
        {"training_list": "x"},
        {"training_list": None},
        {"test_list": "x"},
        {"data": "x"},
    ],
)
def test_every_digest_of_what_goes_in_decides_the_key(changed: dict[str, Any]) -> None:
    assert key(found=FOUND.model_copy(update=changed)) != key()


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "x"},
        {"version": 2},
        {"edition": "dcase2025"},
        {"batch_size": 7},
        {"labels": ("a", "b")},
        {"clip_seconds": 2.0},
        {"device_groups": {"real": ("a",)}},
    ],
)
def test_everything_a_system_is_told_of_its_track_decides_the_key(changed: dict[str, Any]) -> None:
    assert key(**changed) != key()


def test_keys_of_tracks_with_one_test_list_are_what_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    """Results of before there were folds and other lengths stay finished: this key was computed then."""
    monkeypatch.setattr(plan, "package_versions", lambda: {"torch": "0"})
    monkeypatch.setattr(plan, "CONTRACT_VERSION", 1)
    monkeypatch.setattr(plan, "RULES_VERSION", 2)
    assert key(edition=None) == "f4c6794071718ead9120cb5af35ac82e1c626bfac007a2a99c71fb52643a016f"


def test_the_number_of_processes_decides_the_key_and_one_is_not_spoken_of(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {}
    for processes in (1, 2, 3):
        systems = SUBMISSION["systems"] | {"S1": SUBMISSION["systems"]["S1"] | {"processes": processes}}
        monkeypatch.setitem(SUBMISSION, "systems", systems)
        keys[processes] = key()
    monkeypatch.undo()
    assert keys[1] == key()
    assert len(set(keys.values())) == 3


def test_what_becomes_of_clips_of_other_lengths_decides_the_key() -> None:
    assert key(length="crop_or_pad") != key(length="exact") == key()


def test_the_device_and_the_packages_decide_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = key()
    assert key(device="cuda") != before
    monkeypatch.setattr(plan, "package_versions", lambda: {"torch": "0"})
    assert key() != before


def test_what_comes_out_or_only_shows_does_not_decide_the_key() -> None:
    assert key(found=FOUND.model_copy(update={"weights": "w"})) == key()
    assert key(title="Another title", seeds=(7,)) == key()


def test_a_key_is_the_same_in_another_process_and_names_a_folder() -> None:
    assert key() == key()
    assert plan.cell_folder(Path("cache"), key()) == Path("cache") / "cells" / key()[:20]


def test_the_digest_of_a_list_follows_its_clips_their_order_and_what_is_known_of_them(
    small: tuple[Track, Dataset],
) -> None:
    _, data = small
    rows = data.splits["100"]
    digests = [plan.list_digest(data, rows), plan.list_digest(data, rows[::-1]), plan.list_digest(data, rows[1:])]
    digests.append(plan.list_digest(data, data.splits["50"]))
    changes: list[dict[str, Any]] = [
        {"labels": (data.labels + 1) % 3},
        {"devices": np.roll(data.devices, 1)},
        {"locations": np.roll(data.locations, 1)},
        {"names": tuple(reversed(data.names))},
    ]
    digests += [plan.list_digest(replace(data, **change), rows) for change in changes]
    assert len(set(digests)) == len(digests)
    assert plan.list_digest(data, rows.copy()) == digests[0]


def test_the_digest_of_a_list_ignores_clips_that_are_not_on_it(small: tuple[Track, Dataset]) -> None:
    _, data = small
    rows = data.splits["100"]
    labels = data.labels.copy()
    labels[data.test] = 0
    assert plan.list_digest(replace(data, labels=labels), rows) == plan.list_digest(data, rows)


def test_cells_come_system_by_system_split_by_split_seed_by_seed(small: tuple[Track, Dataset]) -> None:
    loaded, data = small
    systems = [System(entry(), name, {}, Answer(outcome=Outcome.OK)) for name in ("S1", "S2")]
    found = plan.cells(systems, loaded, data, Choice(splits=("50", "100"), seeds=(3, 1)), entry().folder)
    names = [(one.identity.system, one.identity.split, one.identity.seed) for one in found]
    expected = [(system, split, seed) for system in ("S1", "S2") for split in ("50", "100") for seed in (3, 1)]
    assert names == expected
    assert [(one.system.name, one.split, one.seed) for one in found] == expected
    for one in found:
        assert one.rows is not None
        assert np.array_equal(one.rows, data.splits[one.split])
        assert np.array_equal(one.test, data.test)
        assert (one.identity.track, one.identity.entry) == ("tiny", "mine")


def test_the_cells_of_a_fold_are_tested_on_that_fold(small: tuple[Track, Dataset]) -> None:
    loaded, data = small
    folds = {"50": np.array([0, 1]), "100": np.array([2])}
    systems = [System(entry(), "S1", {}, Answer(outcome=Outcome.OK))]
    found = plan.cells(
        systems, loaded, replace(data, tests=folds), Choice(splits=("50", "100"), seeds=(0,)), entry().folder
    )
    assert {one.split: one.test.tolist() for one in found} == {"50": [0, 1], "100": [2]}


def test_what_was_changed_is_part_of_a_cell_s_identity(small: tuple[Track, Dataset]) -> None:
    loaded, data = small
    systems = [System(entry(), "S1", {}, Answer(outcome=Outcome.OK))]
    plain, changed, other = (
        plan.cells(systems, loaded, data, choice, entry().folder)[0].identity
        for choice in (Choice(), Choice(settings={"width": 3}), Choice(preset="long"))
    )
    assert (plain.settings, plain.preset) == ({}, None)
    assert changed.settings == {"width": 3}
    assert len({one.path(Path()) for one in (plain, changed, other)}) == 3


def test_a_track_without_training_lists_has_cells_without_clips(small: tuple[Track, Dataset]) -> None:
    loaded, data = small
    bare = loaded.model_copy(update={"splits": {}, "default_splits": None})
    systems = [System(entry(), "S1", {}, Answer(outcome=Outcome.OK))]
    (found,) = plan.cells(systems, bare, replace(data, splits={}), Choice(), entry().folder)
    assert (found.split, found.rows) == ("none", None)


@pytest.mark.parametrize(
    ("choice", "default", "expected"),
    [
        (Choice(), None, ("5", "10", "25", "50", "100")),
        (Choice(), ("100",), ("100",)),
        (Choice(splits=("25", "5")), None, ("25", "5")),
        (Choice(splits=("25",)), ("100",), ("25",)),
        (Choice(quick=True), None, ("5",)),
        (Choice(quick=True, splits=("50",)), None, ("50",)),
        (Choice(quick=True, splits=("100", "5")), None, ("5",)),
        (Choice(quick=True), ("100",), ("5",)),
    ],
)
def test_splits_are_those_asked_for_or_the_track_s_and_quick_takes_the_smallest(
    choice: Choice, default: tuple[str, ...] | None, expected: tuple[str, ...]
) -> None:
    assert plan.chosen_splits(track(default_splits=default), choice) == expected


def test_an_unknown_split_is_answered_with_the_nearest_or_all() -> None:
    with pytest.raises(Mistake, match=r'Track dcase2024-task1 has no split "1000"\. Did you mean "100"\?') as caught:
        plan.chosen_splits(track(), Choice(splits=("5", "1000")))
    assert caught.value.rule == "track.split"
    with pytest.raises(Mistake, match=r"Valid names: none\."):
        plan.chosen_splits(track(splits={}), Choice(splits=("5",)))


def test_a_track_without_splits_has_the_one_that_names_none() -> None:
    assert plan.chosen_splits(track(splits={}), Choice()) == ("none",)
    assert plan.chosen_splits(track(splits={}), Choice(quick=True)) == ("none",)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (Choice(), (0, 1, 2)),
        (Choice(seeds=(7, 3)), (7, 3)),
        (Choice(quick=True), (0,)),
        (Choice(seeds=(7, 3), quick=True), (7,)),
        (Choice(seeds=(0,)), (0,)),
    ],
)
def test_seeds_are_those_asked_for_or_the_track_s_and_quick_takes_the_first(
    choice: Choice, expected: tuple[int, ...]
) -> None:
    assert plan.chosen_seeds(track(), choice) == expected


def test_systems_are_those_asked_for_or_all_but_teachers() -> None:
    assert plan.chosen_systems(entry(), track(), Choice()) == ("S1", "S2")
    assert plan.chosen_systems(entry(), track(), Choice(systems=("T1", "S1"))) == ("T1", "S1")


def test_an_unknown_system_is_answered_with_the_nearest() -> None:
    with pytest.raises(Mistake, match=r'mine has no system "S11"\. Did you mean "S1"\?'):
        plan.chosen_systems(entry(), track(), Choice(systems=("S2", "S11")))


def test_a_split_asked_for_twice_is_walked_once() -> None:
    assert plan.chosen_splits(track(), Choice(splits=("5", "10", "5"))) == ("5", "10")


def test_a_system_asked_for_twice_is_walked_once() -> None:
    assert plan.chosen_systems(entry(), track(), Choice(systems=("S1", "S1"))) == ("S1",)


@pytest.mark.parametrize(
    ("choice", "own", "expected"),
    [
        (Choice(), None, {"width": 1, "depth": 1, "rate": 1}),
        (Choice(), "demo", {"width": 2, "depth": 2, "rate": 1}),
        (Choice(), "nobody has it", {"width": 1, "depth": 1, "rate": 1}),
        (Choice(preset="long"), "demo", {"width": 1, "depth": 1, "rate": 1, "epochs": 500}),
        (Choice(settings={"depth": 3}), "demo", {"width": 2, "depth": 3, "rate": 1}),
        (Choice(preset="demo", settings={"width": 3, "new": 4}), None, {"width": 3, "depth": 2, "rate": 1, "new": 4}),
    ],
)
def test_a_system_gives_way_to_a_preset_and_a_preset_to_what_was_typed(
    choice: Choice, own: str | None, expected: dict[str, int]
) -> None:
    assert plan.settings(entry(), "S1", track(preset=own), choice) == expected


def test_an_unknown_preset_is_answered_with_the_nearest() -> None:
    with pytest.raises(Mistake, match=r'mine has no preset "demos"\. Did you mean "demo"\?') as caught:
        plan.settings(entry(), "S1", track(), Choice(preset="demos"))
    assert caught.value.rule == "entry.preset"


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (Choice(), []),
        (Choice(splits=("5",), seeds=(9,), device="cuda"), []),
        (Choice(preset="demo"), []),  # the track's own
        (Choice(quick=True), ["quick run"]),
        (Choice(settings={"width": 1, "depth": 2}), ["--set: depth, width"]),
        (Choice(preset="long"), ['preset "long"']),
        (Choice(quick=True, settings={"a": 1}, preset="long"), ["quick run", "--set: a", 'preset "long"']),
    ],
)
def test_every_reason_why_a_run_is_not_official_is_named(choice: Choice, words: list[str]) -> None:
    reasons = choice.unofficial(track(preset="demo"))
    assert len(reasons) == len(words)
    assert all(word in reason for word, reason in zip(words, reasons, strict=True))


def test_a_system_is_told_labels_length_and_every_known_device_once() -> None:
    words = plan.task_words(track(device_groups={"real": ("a", "b"), "all": ("b", "s1")}))
    assert words.devices == ("a", "b", "s1")
    assert words.labels == track().labels
    assert (words.clip_seconds, words.device_revealed) == (1.0, False)
    assert plan.task_words(tracks.load("dcase2025-task1")[0]).device_revealed is True
