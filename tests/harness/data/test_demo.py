"""What users of the made data rely on: layout, counts, leak-free lists, balance, audio, and the same bytes again."""

from __future__ import annotations

import csv
import hashlib
import wave
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from harness.data import demo
from harness.data.demo.devices import DEVICES, REAL, SEEN, UNSEEN
from harness.data.demo.layout import SPLITS, Plan, Segment, plan
from harness.data.demo.scenes import SCENES

CLIPS = 67  # odd on purpose: the last training segment is cut short
OFFICIAL_SCENES = [
    "airport", "bus", "metro", "metro_station", "park",
    "public_square", "shopping_mall", "street_pedestrian", "street_traffic", "tram",
]  # fmt: skip
SIZES = (60, 61, 117, 600, 2000, 2001, 19_999, 20_000, 230_350)

Row = dict[str, str]


def table(path: Path) -> list[Row]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def names(path: Path) -> list[str]:
    return [row["filename"] for row in table(path)]


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def rows(segments: tuple[Segment, ...]) -> list[tuple[str, str, str, str]]:
    return [row for segment in segments for row in segment.rows()]


def samples(path: Path) -> np.ndarray:
    with wave.open(str(path)) as stream:
        assert (stream.getnchannels(), stream.getsampwidth(), stream.getframerate()) == (1, 2, 44_100)
        return np.frombuffer(stream.readframes(stream.getnframes()), "<i2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("demo") / "data"
    demo.make(made, clips=CLIPS, seed=3, workers=1)
    return made


@pytest.fixture(scope="module", params=SIZES)
def planned(request: pytest.FixtureRequest) -> Plan:
    return plan(request.param, seed=1)


def test_two_workers_write_the_same_bytes_as_one(folder: Path, tmp_path: Path) -> None:
    demo.make(tmp_path, clips=CLIPS, seed=3, workers=2)
    assert digests(tmp_path) == digests(folder)


def test_another_seed_gives_other_sounds(folder: Path, tmp_path: Path) -> None:
    demo.make(tmp_path, clips=60, seed=4, workers=1)
    audio = {digest for name, digest in digests(folder).items() if name.endswith(".wav")}
    others = {digest for name, digest in digests(tmp_path).items() if name.endswith(".wav")}
    assert len(audio) == CLIPS
    assert audio.isdisjoint(others)


def test_the_folder_holds_the_files_of_tau_2022_mobile_and_no_others(folder: Path) -> None:
    listed = {str(path.relative_to(folder)) for path in folder.rglob("*.csv")}
    official = {f"evaluation_setup/fold1_{name}.csv" for name in ("train", "test", "evaluate")}
    splits = {f"split_setup/{name}.csv" for name in ("split5", "split10", "split25", "split50", "split100", "test")}
    assert listed == {"meta.csv"} | official | splits
    audio = {str(path.relative_to(folder)) for path in (folder / "audio").iterdir()}
    assert audio == set(names(folder / "meta.csv"))
    assert len(audio) == CLIPS


def test_lists_have_the_official_columns(folder: Path) -> None:
    header = (folder / "meta.csv").read_bytes().split(b"\n")[0]
    assert header == b"filename\tscene_label\tidentifier\tsource_label"
    assert (folder / "evaluation_setup/fold1_test.csv").read_bytes().startswith(b"filename\naudio/")
    for path in [*(folder / "split_setup").iterdir(), folder / "evaluation_setup/fold1_train.csv"]:
        assert path.read_bytes().startswith(b"filename\tscene_label\naudio/")


def test_a_file_name_says_what_its_row_says(folder: Path) -> None:
    for row in table(folder / "meta.csv"):
        scene, city, location, _, k, device = row["filename"].removeprefix("audio/").removesuffix(".wav").split("-")
        assert (scene, f"{city}-{location}", device) == (row["scene_label"], row["identifier"], row["source_label"])
        assert k.isdigit()


def test_official_lists_and_split_lists_hold_the_same_clips(folder: Path) -> None:
    splits, official = folder / "split_setup", folder / "evaluation_setup"
    assert table(splits / "split100.csv") == table(official / "fold1_train.csv")
    assert table(splits / "test.csv") == table(official / "fold1_evaluate.csv")
    assert names(splits / "test.csv") == names(official / "fold1_test.csv")
    everything = names(splits / "split100.csv") + names(splits / "test.csv")
    assert sorted(everything) == sorted(names(folder / "meta.csv"))


def test_a_clip_is_one_second_of_sound_neither_clipped_nor_silent(folder: Path) -> None:
    for path in (folder / "audio").iterdir():
        clip = samples(path).astype(np.float64) / 32768.0
        assert clip.shape == (44_100,)
        assert np.abs(clip).max() < 0.96
        assert 1e-3 < np.sqrt(np.mean(clip**2)) < 0.5


def test_devices_record_the_same_sound_differently(tmp_path: Path) -> None:
    segment = Segment("park", 5, 9, ("a", "s4"), (1, 1))
    (tmp_path / "audio").mkdir()
    assert demo._record(tmp_path, 0, segment) == 2
    one, other = (samples(tmp_path / segment.filename(0, device)).astype(float) for device in segment.devices)
    spectra = [np.abs(np.fft.rfft(clip)) for clip in (one, other)]
    assert np.corrcoef(one, other)[0, 1] > 0.1  # the same sound: independent clips stay below 0.05
    assert not np.allclose(spectra[0], spectra[1], rtol=0.1)


def test_progress_ends_at_the_number_of_clips(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    demo.make(tmp_path, clips=60, workers=1, on_progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (60, 60)
    assert seen == sorted(seen)


def test_too_few_clips_are_refused_with_the_minimum(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"at least 60 clips .* not 59\.$"):
        demo.make(tmp_path / "none", clips=59)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("clips", [*range(60, 200), *range(595, 640), 2000, 4321, 20_007, 230_350])
def test_exactly_as_many_clips_are_planned_as_were_asked_for(clips: int) -> None:
    planned = plan(clips, seed=0)
    found = [row[0] for row in rows((*planned.train, *planned.test))]
    assert len(found) == len(set(found)) == clips


def test_splits_are_nested_and_of_whole_segments(planned: Plan) -> None:
    smaller: set[int] = set()
    for share in SPLITS.values():
        numbers = {segment.number for segment in planned.split(share)}
        assert smaller <= numbers
        smaller = numbers
    assert len({segment.number for segment in (*planned.train, *planned.test)}) == len(planned.train) + len(
        planned.test
    )


def test_training_and_test_share_no_location_and_a_location_has_one_scene(planned: Plan) -> None:
    train, test = ({segment.location for segment in part} for part in (planned.train, planned.test))
    assert train.isdisjoint(test)
    pairs = {(segment.location, segment.scene) for segment in (*planned.train, *planned.test)}
    assert len(pairs) == len(train) + len(test)


def test_devices_s4_to_s6_are_never_trained_on(planned: Plan) -> None:
    assert {device for segment in planned.train for device in segment.devices}.isdisjoint(UNSEEN)


def test_every_scene_is_trained_on_and_tested(planned: Plan) -> None:
    assert sorted(SCENES) == OFFICIAL_SCENES
    for part in (planned.train, planned.test):
        assert {segment.scene for segment in part} == set(SCENES)


def test_the_test_list_is_balanced_over_scenes_and_devices(planned: Plan) -> None:
    scenes = Counter(segment.scene for segment in planned.test)
    devices = Counter(device for segment in planned.test for device in segment.devices)
    assert max(scenes.values()) - min(scenes.values()) <= 1
    assert set(devices) == set(DEVICES)
    assert max(devices.values()) - min(devices.values()) <= 1


@pytest.mark.parametrize("clips", [600, 2000, 230_350])
def test_larger_sets_record_a_test_segment_with_a_real_a_seen_and_an_unseen_device(clips: int) -> None:
    for segment in plan(clips, seed=0).test:
        real, seen, unseen = segment.devices
        assert real in REAL
        assert seen in SEEN
        assert unseen in UNSEEN


@pytest.mark.parametrize("clips", [2000, 20_000, 230_350])
def test_shares_are_those_of_the_real_data_set(clips: int) -> None:
    planned = plan(clips, seed=0)
    devices = Counter(row[3] for row in rows(planned.train))
    trained = sum(devices.values())
    assert trained / clips == pytest.approx(0.7, abs=0.01)
    assert devices["a"] / trained == pytest.approx(0.73, abs=0.005)
    for device in ("b", "c", "s1", "s2", "s3"):
        assert devices[device] / trained == pytest.approx(0.054, abs=0.006)


def test_every_split_of_two_thousand_clips_has_all_scenes_and_its_share() -> None:
    planned = plan(2000, seed=0)
    for share in SPLITS.values():
        found = rows(planned.split(share))
        assert {row[1] for row in found} == set(SCENES)
        assert len(found) / 1400 == pytest.approx(share, abs=0.01)
