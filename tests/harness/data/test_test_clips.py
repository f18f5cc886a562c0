"""Test clips as a system gets them: in an order that says nothing, and without devices unless they are revealed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import tracks
from harness.data import packing, tau, test_clips
from harness.data.dataset import Dataset
from harness.data.test_clips import TestClips
from tests import made
from tests.harness.data.stand_ins import in_threads, silently

RATE = 1000


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    monkeypatch.setattr(packing, "pool", in_threads)
    folder = made.tau_folder(tmp_path / "data", rate=RATE)
    return tau.read(folder, tracks.load(str(made.track_file(tmp_path / "tiny.toml", folder)))[0])


def listed(names: Sequence[str]) -> Dataset:
    """A data set of nothing but a test list."""
    words = np.array(names)
    rows = np.arange(len(names))
    return Dataset(Path("nowhere"), tuple(names), rows % 3, words, words, words, {}, rows)


def clips_of(dataset: Dataset, cache: Path = Path("cache")) -> TestClips:
    return test_clips.shuffled(dataset, dataset.test, RATE, 1.0, cache)


def test_the_order_says_nothing_of_the_label(data: Dataset) -> None:
    labels = clips_of(data).shuffled.labels
    in_list = data.labels[data.test]
    assert (np.diff(in_list) >= 0).all()  # the list itself is sorted by label
    changes = np.count_nonzero(np.diff(labels))
    assert changes > 10  # a sorted list of three labels has 2, a random one of 36 clips about 24
    assert sorted(labels.tolist()) == sorted(in_list.tolist())


def test_every_fact_moves_with_its_clip(data: Dataset) -> None:
    clips = clips_of(data)
    for place, name in enumerate(clips.shuffled.names):
        row = data.names.index(name)
        assert data.test[clips.order[place]] == row
        assert clips.shuffled.labels[place] == data.labels[row]
        assert clips.shuffled.devices[place] == data.devices[row]
        assert clips.shuffled.segments[place] == data.segments[row]
        assert clips.shuffled.locations[place] == data.locations[row]
    assert clips.shuffled.splits == {}
    assert clips.shuffled.test.tolist() == list(range(len(data.test)))


def test_predictions_are_put_back_into_the_order_of_the_list(data: Dataset) -> None:
    clips = clips_of(data)
    seen = np.array([[data.names.index(name), 0.5] for name in clips.shuffled.names])
    restored = clips.in_list_order(seen)
    assert restored[:, 0].tolist() == data.test.tolist()
    assert (restored[:, 1] == 0.5).all()


@settings(deadline=None, max_examples=30)
@given(st.lists(st.text("abc/-", min_size=1), min_size=1, max_size=30, unique=True))
def test_the_order_is_a_permutation_and_can_be_undone(names: list[str]) -> None:
    clips = clips_of(listed(names))
    assert sorted(clips.order.tolist()) == list(range(len(names)))
    assert [names[place] for place in clips.order] == list(clips.shuffled.names)
    assert clips.in_list_order(np.array(clips.shuffled.names)).tolist() == names


def test_the_order_follows_from_the_names_alone(data: Dataset, tmp_path: Path) -> None:
    order = clips_of(data).order.tolist()
    changed = replace(data, labels=data.labels * 0, devices=np.roll(data.devices, 1), audio=tmp_path)
    assert clips_of(changed).order.tolist() == order
    assert test_clips.shuffled(data, data.test, 2 * RATE, 1.0, Path("elsewhere")).order.tolist() == order


def test_another_list_has_another_order_and_another_store() -> None:
    names = [f"audio/{number}.wav" for number in range(30)]
    one, other = clips_of(listed(names)), clips_of(listed([*names[:-1], "audio/x.wav"]))
    assert one.order.tolist() != other.order.tolist()
    assert one.place.folder != other.place.folder


def test_packed_clips_lie_in_the_shuffled_order(data: Dataset, tmp_path: Path) -> None:
    clips = clips_of(data, tmp_path / "cache")
    assert not clips.packed
    clips.pack(silently)
    assert clips.packed
    waveforms = clips.place.waveforms()
    assert waveforms[0].dtype == np.float32
    for place, name in enumerate(clips.shuffled.names):
        expected, rate = soundfile.read(data.audio / name, dtype="float32")
        assert rate == RATE
        assert np.array_equal(waveforms[place], expected)


def test_devices_come_in_the_order_of_the_clips_and_are_not_kept_beside_them(data: Dataset, tmp_path: Path) -> None:
    """2024 and 2025 have the same test list and share a store: devices are told to a stage of 2025 only."""
    clips = clips_of(data, tmp_path / "cache")
    clips.pack(silently)
    assert clips.devices == tuple(data.devices[data.test][clips.order])
    assert not list(clips.place.folder.glob("*.txt"))


def test_nothing_in_the_store_names_a_clip_or_a_label(data: Dataset, tmp_path: Path) -> None:
    clips = clips_of(data, tmp_path / "cache")
    clips.pack(silently)
    header = (clips.place.folder / "header.json").read_text()
    assert not [word for word in ("bus", "park", "tram", "lyon", "milan", "wav") if word in header]
    assert {path.name for path in clips.place.folder.iterdir()} == {*clips.place.files, "header.json", "lock"}


def test_the_fingerprint_follows_what_the_files_hold(data: Dataset, tmp_path: Path) -> None:
    clips = clips_of(data, tmp_path / "one")
    clips.pack(silently)
    again = clips_of(data, tmp_path / "two")
    again.pack(silently)
    assert again.fingerprint == clips.fingerprint
    path = data.audio / data.names[data.test[0]]
    path.write_bytes((data.audio / data.names[data.test[1]]).read_bytes())
    clips.pack(silently)
    assert clips.fingerprint != again.fingerprint
