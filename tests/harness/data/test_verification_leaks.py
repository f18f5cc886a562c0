"""Leaks between training and test, planted one at a time: each is named by what it is, in that check and no other."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from scipy import signal

from harness import tracks
from harness.data.verification import Report, copies, sound
from tests import made
from tests.harness.data.stand_ins import in_threads, silently
from tests.harness.data.verifying import CLIPS, Ground, copied, edit, faults, fine, without

META = ("filename", "scene_label", "identifier", "source_label")
LEAKS = {"leak: clip", "leak: segment", "leak: location", "leak: identical file", "leak: copy"}
TESTED = "bus-london-102-1002"
"""A segment of the test list, recorded by devices a, s1 and s4."""
TRAINED = "bus-lyon-100-1000-0-a"
"""A clip of both splits."""


@pytest.fixture(autouse=True)
def _threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sound, "pool", in_threads)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made.tau_folder(tmp_path_factory.mktemp("template") / "data", clips_per_cell=CLIPS)


@pytest.fixture
def ground(template: Path, tmp_path: Path) -> Ground:
    return copied(template, tmp_path)


@pytest.fixture
def lists(template: Path, tmp_path: Path) -> Ground:
    """The folder without its audio."""
    return copied(template, tmp_path, with_audio=False)


def only(report: Report, check: str) -> list[str]:
    """What that check found; the other leak checks, which were made, found nothing."""
    made_checks = {one.name for one in report.checks} & LEAKS
    assert made_checks - {check} <= fine(report), faults(report)
    assert check in made_checks
    return faults(report).get(check, [])


def rows(recording: str, device: str = "a") -> str:
    return "".join(f"audio/{recording}-{k}-{device}.wav\t{recording.split('-', maxsplit=1)[0]}\n" for k in range(CLIPS))


def meta_rows(recording: str, device: str = "a") -> str:
    scene, city, location, _ = recording.split("-")
    return "".join(f"audio/{recording}-{k}-{device}.wav\t{scene}\t{city}-{location}\t{device}\n" for k in range(CLIPS))


def test_what_is_made_for_tests_has_no_leak(ground: Ground) -> None:
    report = ground.verified()
    assert report.sound
    assert fine(report) >= LEAKS


def test_test_clips_in_a_training_list_are_named_with_the_split(lists: Ground) -> None:
    edit(lists.list_of("100"), lambda text: text + rows(TESTED))
    report = lists.lists_only()
    assert only(report, "leak: clip") == [
        f"audio/{TESTED}-{k}-a.wav is a test clip and in split 100." for k in range(CLIPS)
    ]
    assert len(report.faults) == CLIPS


def test_a_clip_that_leaks_into_two_splits_is_named_once_with_the_smaller(lists: Ground) -> None:
    for split in ("50", "100"):
        edit(lists.list_of(split), lambda text: text + rows(TESTED))
    found = only(lists.lists_only(), "leak: clip")
    assert found[0] == f"audio/{TESTED}-0-a.wav is a test clip and in split 50."
    assert len(found) == CLIPS


def test_a_clip_that_meta_does_not_have_leaks_all_the_same(lists: Ground) -> None:
    for split in ("100", "test"):
        edit(lists.list_of(split), lambda text: text + "bus-rome-1-1-0-a.wav\tbus\n")
    assert only(lists.lists_only(), "leak: clip") == ["audio/bus-rome-1-1-0-a.wav is a test clip and in split 100."]


def test_another_device_s_recording_of_a_test_segment_is_a_leak_of_the_segment_alone(lists: Ground) -> None:
    """Parallel in time: the same sound, though no clip is on both sides."""
    edit(lists.list_of("test"), lambda text: text.replace(rows(TESTED, "s1"), ""))
    edit(lists.list_of("100"), lambda text: text + rows(TESTED, "s1"))
    report = lists.lists_only()
    assert only(report, "leak: segment") == [
        f"The segment {TESTED} is in the test list and, with audio/{TESTED}-0-s1.wav, in split 100."
    ]
    assert len(report.faults) == 1


def test_a_clip_of_a_recording_that_is_tested_is_a_leak_of_the_segment_alone(lists: Ground) -> None:
    row = f"audio/{TESTED}-2-a.wav\tbus\n"
    edit(lists.list_of("test"), lambda text: text.replace(row, ""))
    edit(lists.list_of("100"), lambda text: text + row)
    report = lists.lists_only()
    assert len(only(report, "leak: segment")) == 1
    assert set(faults(report)) == {"leak: segment", "whole recordings"}  # it is cut in two as well


def test_another_segment_of_a_test_location_is_a_leak_of_the_location_alone(lists: Ground) -> None:
    edit(lists.meta, lambda text: text + meta_rows("bus-london-102-2000"))
    edit(lists.list_of("100"), lambda text: text + rows("bus-london-102-2000"))
    report = lists.lists_only()
    (sentence,) = only(report, "leak: location")
    assert "london-102 is in the test list" in sentence
    assert sentence.endswith("with audio/bus-london-102-2000-0-a.wav, in split 100.")
    assert len(report.faults) == 1


def test_three_leaks_at_once_are_three_faults(lists: Ground) -> None:
    """A whole test recording, another of its segment, and another segment of its location: each under its own name."""
    edit(lists.meta, lambda text: text + meta_rows("bus-london-102-2000"))
    edit(lists.list_of("test"), lambda text: text.replace(rows(TESTED, "s1"), ""))
    edit(lists.list_of("100"), lambda text: text + rows(TESTED) + rows(TESTED, "s1") + rows("bus-london-102-2000"))
    found = faults(lists.lists_only())
    assert {name: len(sentences) for name, sentences in found.items()} == {
        "leak: clip": CLIPS, "leak: segment": 1, "leak: location": 1,
    }  # fmt: skip


def test_a_location_that_is_only_used_for_training_is_no_leak(lists: Ground) -> None:
    edit(lists.list_of("test"), without("-london-"))
    edit(lists.meta, lambda text: text + meta_rows("bus-london-102-2000"))
    edit(lists.list_of("100"), lambda text: text + rows("bus-london-102-2000"))
    assert lists.lists_only().sound


def test_a_test_file_under_a_training_name_is_an_identical_file_and_no_copy(ground: Ground) -> None:
    shutil.copy(ground.clip(f"{TESTED}-1-s4"), ground.clip(TRAINED))
    report = ground.verified()
    assert only(report, "leak: identical file") == [
        f"audio/{TRAINED}.wav of split 50 is the same file as the test clip audio/{TESTED}-1-s4.wav."
    ]
    assert len(report.faults) == 1


def test_the_same_file_twice_on_one_side_is_worth_a_note_and_no_fault(ground: Ground) -> None:
    shutil.copy(ground.clip("bus-lyon-100-1000-1-a"), ground.clip(TRAINED))
    shutil.copy(ground.clip(f"{TESTED}-0-a"), ground.clip(f"{TESTED}-1-a"))
    report = ground.verified()
    assert report.sound
    assert len(report.notes) == 2
    assert "test list" in report.notes[0]
    assert "training lists" in report.notes[1]


def test_a_copy_in_neither_list_is_no_leak(ground: Ground) -> None:
    shutil.copy(ground.clip(f"{TESTED}-0-a"), ground.clip("bus-lyon-100-1000-0-s4"))
    assert ground.verified().sound


def test_clips_that_are_silent_are_no_leak(ground: Ground) -> None:
    for name in (TRAINED, "bus-lyon-100-1000-1-a", f"{TESTED}-0-a", f"{TESTED}-1-a"):
        soundfile.write(ground.clip(name), np.zeros(made.RATE), made.RATE, subtype="PCM_24")
    report = ground.verified()
    assert set(faults(report)) == {"level"}
    assert len(report.faults) == 4


def test_a_file_that_stands_often_on_both_sides_is_one_fault_for_each_training_clip(ground: Ground) -> None:
    names = [f"bus-lyon-100-1000-{k}-a" for k in range(3)]
    for name in [*names, *(f"{TESTED}-{k}-a" for k in range(1, 3))]:
        shutil.copy(ground.clip(f"{TESTED}-0-a"), ground.clip(name))
    found = only(ground.verified(), "leak: identical file")
    assert len(found) == len(names)
    for name, sentence in zip(names, found, strict=True):
        assert sentence.startswith(f"audio/{name}.wav of split 50")


def test_of_many_clips_that_are_alike_only_a_few_are_compared_with_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """In blocks of 100: the best of each block compete with those of the blocks before."""
    monkeypatch.setattr(copies, "BLOCK", 100)
    count, generator = 250, np.random.default_rng(0)
    pattern = generator.normal(size=(1, 128)) + 0.2 * generator.normal(size=(2 * count, 128))
    prints = pattern / np.linalg.norm(pattern, axis=1, keepdims=True)
    test, training = np.arange(count), np.arange(count, 2 * count)
    products = prints[test].astype(np.float16).astype(np.float32) @ prints[training].astype(np.float16).astype("f4").T
    expected = {
        (here, count + there) for here in range(count) for there in np.argsort(-products[here])[: copies.CANDIDATES]
    }
    found = list(copies._candidates([(test, training)], prints.astype(np.float16), silently))
    assert len(found) == len(set(found)) == copies.CANDIDATES * count
    assert len(set(found) & expected) > 0.99 * len(expected)  # ties are decided by the last bit


# Real audio: ESC-50 scenes in clips of one second, recordings apart; some clips are then given to the other side.

Encoder = Callable[[Path, NDArray[np.float64], int], None]

ENCODERS: dict[str, Encoder] = {
    "24 bits": lambda path, clip, rate: soundfile.write(path, clip, rate, subtype="PCM_24"),
    "a third of the level": lambda path, clip, rate: soundfile.write(path, 0.3 * clip, rate, subtype="PCM_16"),
    "FLAC": lambda path, clip, rate: soundfile.write(path, clip, rate, format="FLAC", subtype="PCM_16"),
    "Ogg Vorbis": lambda path, clip, rate: soundfile.write(path, clip, rate, format="OGG", subtype="VORBIS"),
    "MP3": lambda path, clip, rate: soundfile.write(path, clip, rate, format="MP3"),
    "44.1 kHz": lambda path, clip, _: soundfile.write(path, signal.resample_poly(clip, 441, 160), 44100),
    "8 kHz": lambda path, clip, _: soundfile.write(path, signal.resample_poly(clip, 1, 2), 8000),
    "turned over": lambda path, clip, rate: soundfile.write(path, -clip, rate, subtype="PCM_16"),
    "two channels": lambda path, clip, rate: soundfile.write(path, np.stack([clip, clip], 1), rate, subtype="PCM_16"),
}
COPIES = 6
"""Clips of each kind."""


@dataclass(frozen=True)
class Planted:
    """What was found before and after copies were put in; `pairs` are (training name, test name) by kind."""

    before: Report
    after: Report
    pairs: dict[str, list[tuple[str, str]]]


@pytest.fixture(scope="module")
def scenes(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """All of esc50_scene10_16k; every second recording is for the test."""
    source, folder = shared / "data" / "esc50_scene10_16k", tmp_path_factory.mktemp("scenes") / "data"
    (folder / "audio").mkdir(parents=True)
    (folder / "split_setup").mkdir()
    listed = [line.split("\t") for line in (source / "meta.csv").read_text().splitlines()[1:]]
    tested = set(sorted({row[2] for row in listed})[::2])
    meta: list[tuple[str, ...]] = []
    sides: dict[bool, list[tuple[str, str]]] = {False: [], True: []}
    for number, (path, label, recording, device) in enumerate(listed):
        waveform, rate = soundfile.read(source / path, dtype="int16")
        place = recording.replace("freesound", "esc")
        for k in range(5):
            name = f"audio/{label}-{place}-{number}-{k}-a.wav"
            soundfile.write(folder / name, waveform[k * rate : (k + 1) * rate], rate, subtype="PCM_16")
            meta.append((name, label, place, device))
            sides[recording in tested].append((name, label))
    made.write_table(folder / "meta.csv", META, meta)
    for name, test in (("split100.csv", False), ("test.csv", True)):
        made.write_table(folder / "split_setup" / name, META[:2], sides[test])
    track, _ = tracks.load(str(made.track_file(folder.parent / "tiny.toml", folder)))
    labels = tuple(sorted({row[1] for row in listed}))
    return Ground(folder, track.model_copy(update={"labels": labels, "splits": {"100": "split100.csv"}}))


def clips_of(ground: Ground, split: str) -> list[str]:
    return [line.partition("\t")[0] for line in ground.list_of(split).read_text().splitlines()[1:]]


@pytest.fixture(scope="module")
def planted(scenes: Ground, tmp_path_factory: pytest.TempPathFactory) -> Planted:
    """Copies of loud test clips in place of training clips, each from a recording of its own."""
    scenes = Ground(shutil.copytree(scenes.folder, tmp_path_factory.mktemp("planted") / "data"), scenes.track)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sound, "pool", in_threads)
        before = scenes.verified()
        starts = (name for name in clips_of(scenes, "test") if name.endswith("-1-a.wav"))
        loud = (name for name in starts if np.abs(soundfile.read(scenes.folder / name)[0]).max() > 0.05)
        places = iter(clips_of(scenes, "100")[::5])
        pairs = {kind: [(next(places), next(loud)) for _ in range(COPIES)] for kind in ENCODERS}
        for kind, some in pairs.items():
            for place, source in some:
                ENCODERS[kind](scenes.folder / place, *soundfile.read(scenes.folder / source))
        return Planted(before, scenes.verified(), pairs)


def test_real_recordings_of_many_places_have_no_copy_among_them(planted: Planted) -> None:
    assert planted.before.clips == 1600
    assert {"leak: clip", "leak: segment", "leak: location", "leak: copy"} <= fine(planted.before)


def test_real_recordings_of_many_places_have_no_identical_file_among_them(planted: Planted) -> None:
    assert "leak: identical file" in fine(planted.before)


@pytest.mark.parametrize("kind", ENCODERS)
def test_a_re_encoded_copy_of_a_test_clip_is_named_with_both_names(planted: Planted, kind: str) -> None:
    found = [sentence.partition(" (")[0] for sentence in faults(planted.after)["leak: copy"]]
    for place, source in planted.pairs[kind]:
        assert f"{place} of split 100 is a re-encoded copy of the test clip {source}" in found


def test_nothing_else_is_called_a_copy(planted: Planted) -> None:
    found = faults(planted.after)["leak: copy"]
    assert len(found) == COPIES * len(ENCODERS)
    assert {"leak: clip", "leak: segment", "leak: location"} <= fine(planted.after)
    same = [fault for fault in planted.after.faults if fault.check == "leak: identical file"]
    assert len(same) == len([fault for fault in planted.before.faults if fault.check == "leak: identical file"])


def test_one_sound_recorded_by_several_devices_on_one_side_is_no_leak(scenes: Ground, tmp_path: Path) -> None:
    """Each test recording is heard by another device too, with its own colour and level."""
    folder = tmp_path / "data"
    for part in ("audio", "split_setup"):
        (folder / part).mkdir(parents=True)
    names = {side: clips_of(scenes, side)[:100] for side in ("100", "test")}
    for name in (one for some in names.values() for one in some):
        shutil.copy(scenes.folder / name, folder / name)
    colour = signal.butter(2, (200, 5000), "bandpass", fs=16000, output="sos")
    for name in list(names["test"]):
        waveform, rate = soundfile.read(folder / name)
        other = name.replace("-a.wav", "-s1.wav")
        soundfile.write(folder / other, 0.5 * signal.sosfilt(colour, waveform), rate, subtype="PCM_16")
        names["test"].append(other)
    parts = {name: Path(name).stem.split("-") for some in names.values() for name in some}
    every = [(name, part[0], f"{part[1]}-{part[2]}", part[5]) for name, part in parts.items()]
    made.write_table(folder / "meta.csv", META, every)
    for split, file in (("100", "split100.csv"), ("test", "test.csv")):
        made.write_table(folder / "split_setup" / file, META[:2], [(one, parts[one][0]) for one in names[split]])
    report = Ground(folder, scenes.track).verified()
    assert report.counts["test list"].devices == {"a": 100, "s1": 100}
    assert LEAKS - {"leak: identical file"} <= fine(report)
