"""The AudioSet layout: lists of segments, audio that lies anywhere or nowhere, and what is refused."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from harness import tracks
from harness.console import Reporter
from harness.data import audio_files, audioset, dataset_of, published, verification
from harness.data.dataset import UNKNOWN_DEVICE, Dataset
from harness.data.verification import Report, sound
from harness.outcomes import Mistake
from harness.tracks import Track
from tests import made_tags
from tests.harness.data.stand_ins import in_threads, silently
from tests.harness.data.verifying import edit, faults, fine, without
from tests.made_tags import BALANCED, EVAL, UNBALANCED

BALANCED_FILE, UNBALANCED_FILE, EVAL_FILE = (
    f"{name}_segments.csv" for name in ("balanced_train", "unbalanced_train", "eval")
)
CLASSES = "class_labels_indices.csv"
VIDEOS = st.text("ABCXYZabcxyz0189-_", min_size=11, max_size=11)
TIMES = st.sampled_from(["", "_30", "_000030", "_30.000", "_30_40", "_30000_40000", "_30.0_40.0"])


@pytest.fixture(autouse=True)
def _threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sound, "pool", in_threads)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return made_tags.audioset_folder(tmp_path / "data")


def track_of(folder: Path, **words: str) -> Track:
    return tracks.load(str(made_tags.audioset_track(folder.parent / "tags.toml", folder, **words)))[0]


def read(folder: Path, **words: str) -> Dataset:
    return audioset.read(folder, track_of(folder, **words))


def verified(folder: Path, *, audio: bool = False, **words: str) -> Report:
    return verification.verify(folder, track_of(folder, **words), (), silently if audio else None, workers=2)


def refusal(folder: Path, **words: str) -> Mistake:
    with pytest.raises(Mistake) as caught:
        read(folder, **words)
    assert "\n" not in str(caught.value)
    return caught.value


def videos(data: Dataset, rows: np.ndarray) -> list[str]:
    return [Path(data.names[row]).stem for row in rows]


def test_the_balanced_track_trains_on_the_balanced_list(folder: Path) -> None:
    data = read(folder)
    assert videos(data, data.splits["balanced"]) == list(BALANCED)
    assert videos(data, data.test) == list(EVAL)
    assert len(data.names) == len(BALANCED) + len(EVAL)
    assert (data.validation, data.length, data.missing) == (None, "any", {"split balanced": 0, "test list": 0})


def test_the_full_track_trains_on_both_lists(folder: Path) -> None:
    data = read(folder, train="full")
    assert videos(data, data.splits["full"]) == [*BALANCED, *UNBALANCED]
    assert data.test.tolist() == [6, 7, 8]


def test_labels_are_those_that_another_reader_finds(folder: Path) -> None:
    """The oracle is the csv module over the lists and the table of classes."""
    data = read(folder, train="full")
    with (folder / CLASSES).open(newline="") as stream:
        place = {row["mid"]: int(row["index"]) for row in csv.DictReader(stream)}
    expected = {}
    for file in (BALANCED_FILE, UNBALANCED_FILE, EVAL_FILE):
        with (folder / file).open(newline="") as stream:
            for row in list(csv.reader(stream, skipinitialspace=True))[3:]:
                expected[row[0]] = {place[mid] for mid in row[3].split(",")}
    assert data.labels.dtype == np.bool_
    found = {name: set(np.flatnonzero(row)) for name, row in zip(data.locations.tolist(), data.labels, strict=True)}
    assert found == expected


def test_a_location_is_a_video_and_the_device_unknown(folder: Path) -> None:
    data = read(folder)
    assert data.locations.tolist() == data.segments.tolist() == [*BALANCED, *EVAL]
    assert set(data.devices.tolist()) == {UNKNOWN_DEVICE}


def plain(text: str) -> str:
    return "\n".join(line.replace(", ", ",") for line in text.splitlines() if not line.startswith("#")) + "\n"


@pytest.mark.parametrize(
    "write",
    [plain, lambda text: "YTID,start_seconds,end_seconds,positive_labels\n" + plain(text),
     lambda text: text.replace("\n", "\r\n"), lambda text: text.replace('"/m/06mb1"', "/m/06mb1"),
     lambda text: f"\ufeff{text}\n"],
    ids=["without comments and spaces", "with a header", "CRLF", "without quotation marks", "with a mark"],
)  # fmt: skip
def test_lists_may_be_written_as_copies_write_them(folder: Path, write: Callable[[str], str]) -> None:
    before = read(folder)
    for file in (BALANCED_FILE, EVAL_FILE):
        edit(folder / file, write)
    data = read(folder)
    assert data.names == before.names
    assert (data.labels == before.labels).all()


def test_a_video_may_be_called_as_the_header_begins(folder: Path) -> None:
    (folder / "audio" / "eval" / "cccccccccc1.wav").rename(folder / "YYTIDccccccc.wav")
    edit(folder / EVAL_FILE, lambda text: text.replace("cccccccccc1", "YTIDccccccc"))
    assert videos(read(folder), read(folder).test)[0] == "YYTIDccccccc"


@pytest.mark.parametrize("place", ["csv", "metadata"])
def test_lists_may_lie_in_a_folder_of_their_own(folder: Path, place: str) -> None:
    (folder / place).mkdir()
    for path in list(folder.glob("*.csv")):
        path.rename(folder / place / path.name)
    assert len(read(folder).test) == len(EVAL)


def test_lists_that_were_given_go_before_those_in_the_folder(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "few").mkdir()
    made_tags.write_segments(tmp_path / "few" / BALANCED_FILE, dict(list(BALANCED.items())[:2]))
    data = audioset.read(folder, track_of(folder), [tmp_path / "few"])
    assert videos(data, data.splits["balanced"]) == list(BALANCED)[:2]


def test_audio_may_lie_at_any_depth_in_any_usual_form(folder: Path) -> None:
    first, second, third, fourth = BALANCED
    old, new = folder / "audio" / "balanced_train", folder / "part00" / "wav"
    new.mkdir(parents=True)
    names = (f"Y{first}.wav", f"{second}_0.wav", f"Y{third}_7.500_17.500.wav", f"{fourth}_100000_108000.wav")
    for video, name in zip(BALANCED, names, strict=True):
        (old / f"{video}.wav").rename(new / name)
    (folder / f"{second}.flac").write_bytes(b"")
    (new / names[1]).unlink()
    data = read(folder)
    assert list(data.names[:4]) == [f"part00/wav/{names[0]}", f"{second}.flac"] + [
        f"part00/wav/{name}" for name in names[2:]
    ]


def test_links_to_audio_elsewhere_are_followed_and_no_folder_is_looked_into_twice(folder: Path, tmp_path: Path) -> None:
    (folder / "audio").rename(tmp_path / "disk")
    (folder / "audio").symlink_to(tmp_path / "disk")
    (folder / "again").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "eval" / "round").symlink_to(folder)
    data = read(folder)
    assert len(data.names) == 7
    assert {name.split("/")[0] for name in data.names} == {"again"}


@given(VIDEOS, st.booleans(), TIMES, st.sampled_from([".wav", ".flac", ".ogg"]))
def test_every_form_of_a_name_leads_to_its_video(video: str, marked: bool, times: str, suffix: str) -> None:
    name = f"{'Y' * marked}{video}{times}{suffix}"
    match = audioset.AUDIO.fullmatch(name)
    assert match is not None
    assert (match["video"], match["start"]) == (video, times.split("_")[1] if times else None)


@pytest.mark.parametrize("name", ["notes.txt", "short.wav", "aaaaaaaaa_3_8.wav", "Yaaaaaaaaa_3_8_18.wav", "x.csv"])
def test_files_of_other_segments_and_other_files_are_not_looked_at(folder: Path, name: str) -> None:
    shutil.copy(folder / "audio" / "balanced_train" / "aaaaaaaaa_3.wav", folder / name)
    (folder / ".trash").mkdir()
    shutil.copy(folder / "audio" / "balanced_train" / "aaaaaaaaa_3.wav", folder / ".trash")
    assert read(folder).names[2] == "audio/balanced_train/aaaaaaaaa_3.wav"


def test_what_a_copy_lacks_is_counted_has_no_row_and_is_told_in_a_note(folder: Path) -> None:
    (folder / "audio" / "balanced_train" / "Yideaaaaaa2.wav").unlink()
    data = read(folder)
    assert data.missing == {"split balanced": 1, "test list": 0}
    assert videos(data, data.splits["balanced"]) == [video for video in BALANCED if video != "Yideaaaaaa2"]
    assert len(data.names) == len(data.labels) == 6
    report = verified(folder)
    assert faults(report) == {}
    assert report.notes == ("1 of 4 clips of the split balanced are not in this copy (25.0 %).",)
    assert report.counts["split balanced"].clips == 3


def test_a_copy_without_half_its_clips_is_refused_in_one_sentence(folder: Path) -> None:
    for video in list(BALANCED)[:2]:
        (folder / "audio" / "balanced_train" / f"{video}.wav").unlink()
    words = "2 of 4 clips of the split balanced are not in this copy (50.0 %); at most 40 % may be missing."
    assert faults(verified(folder)) == {"split balanced": [words]}
    assert refusal(folder).problem == words
    assert read(folder, more="missing_share = 0.5").missing == {"split balanced": 2, "test list": 0}


def test_where_nothing_may_be_missing_every_clip_is_told(folder: Path) -> None:
    (folder / "audio" / "eval" / "cccccccccc2.wav").unlink()
    words = f"{EVAL_FILE}, line 5: cccccccccc2 is not there."
    assert faults(verified(folder, more="")) == {"test list": [words]}
    assert refusal(folder, more="").problem == words


def test_a_folder_without_any_audio_is_refused_and_its_lists_are_verified(folder: Path) -> None:
    shutil.rmtree(folder / "audio")
    report = verified(folder)
    assert faults(report) == {}
    assert report.notes == ("No audio of the segments lies in the folder: only the lists were read.",)
    assert report.counts["split balanced"].clips == 4
    mistake = refusal(folder)
    assert mistake.rule == "data.audio"
    assert "holds no audio of the segments" in mistake.problem


def test_a_folder_that_may_not_be_looked_into_is_no_hole(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def guarded(place: str | Path) -> object:
        if Path(place).name == "eval":
            raise PermissionError(13, "Permission denied", str(place))
        return scandir(place)

    monkeypatch.setattr(os, "scandir", guarded)
    mistake = refusal(folder)
    assert (mistake.rule, mistake.problem) == ("data.permission", f"{folder}/audio/eval may not be read.")


def test_a_folder_without_the_table_of_classes_is_one_sentence(folder: Path) -> None:
    (folder / CLASSES).unlink()
    mistake = refusal(folder)
    assert mistake.rule == "data.classes"
    assert f"holds no {CLASSES} or csv/{CLASSES}" in mistake.problem


Break = Callable[[Path], object]


def change(file: str, before: str, after: str) -> Break:
    return lambda folder: edit(folder / file, lambda text: text.replace(before, after, 1))


def again(folder: Path) -> None:
    shutil.copy(folder / "audio" / "eval" / "cccccccccc1.wav", folder / "Ycccccccccc1.wav")


WRONG: dict[str, tuple[Break, str, str]] = {
    "a mid that is not in the table": (
        change(EVAL_FILE, "/m/0jbk", "/m/0jbkk"),
        EVAL_FILE,
        f'{EVAL_FILE}, line 4: "/m/0jbkk" is not in {CLASSES}. Did you mean "/m/0jbk"?',
    ),
    "a mid in many lines": (
        lambda folder: edit(folder / BALANCED_FILE, lambda text: text.replace("/m/06mb1", "/m/07mb1")),
        BALANCED_FILE,
        f'{BALANCED_FILE}, line 5 (and 1 more): "/m/07mb1" is not in {CLASSES}. Did you mean "/m/06mb1"?',
    ),
    "a table with a gap": (
        lambda folder: edit(folder / CLASSES, without("Bark")), CLASSES, f'{CLASSES} has no class 1, "Bark".',
    ),
    "a class less": (
        lambda folder: edit(folder / CLASSES, without("Rain")), CLASSES, f"{CLASSES} has 3 classes instead of 4.",
    ),
    "a class more": (
        lambda folder: edit(folder / CLASSES, lambda text: text + "4,/m/0,Snow\n"),
        CLASSES,
        f'{CLASSES}, line 6: "4" is no index of a class; they go from 0 to 3.',
    ),
    "a column of another name": (
        change(CLASSES, "display_name", "name"), CLASSES, f'{CLASSES} has no column "display_name"',
    ),
    "a missing list": (
        lambda folder: (folder / BALANCED_FILE).unlink(),
        BALANCED_FILE,
        f"{BALANCED_FILE} cannot be read: no such file or directory.",
    ),
    "a list of comments": (
        lambda folder: edit(folder / EVAL_FILE, lambda text: "".join(text.splitlines(keepends=True)[:3])),
        EVAL_FILE,
        f"{EVAL_FILE} lists no clip.",
    ),
    "a short line": (
        change(EVAL_FILE, ', "/m/0jbk"', ""), EVAL_FILE, f"{EVAL_FILE}, line 4 has too few columns.",
    ),
    "no time": (
        change(EVAL_FILE, "30.000, 40.000", "0:30, 0:40"), EVAL_FILE,
        f"{EVAL_FILE}, line 4: 0:30 to 0:40 is no time in seconds.",
    ),
    "no video": (
        change(EVAL_FILE, "cccccccccc1", "cccc1"), EVAL_FILE,
        f'{EVAL_FILE}, line 4: "cccc1" is no identifier of a video.',
    ),
    "a segment that stands twice": (
        lambda folder: edit(folder / EVAL_FILE, lambda text: text + text.splitlines()[3] + "\n"),
        EVAL_FILE,
        f"{EVAL_FILE}, line 7: cccccccccc1 stands in line 4 too.",
    ),
    "a segment of both training lists": (
        change(UNBALANCED_FILE, "bbbbbbbbbb1", "aaaaaaaaaa4"),
        "split full",
        f"{UNBALANCED_FILE}, line 4: aaaaaaaaaa4 stands in {BALANCED_FILE} too, line 7.",
    ),
    "a segment on both sides": (
        change(UNBALANCED_FILE, "bbbbbbbbbb1", "cccccccccc1"),
        "leak: clip",
        "audio/eval/cccccccccc1.wav is a test clip and in split full.",
    ),
    "two files of a segment": (
        again, "audio",
        "1 file is of a segment that another file is of too: Ycccccccccc1.wav and audio/eval/cccccccccc1.wav.",
    ),
    "another encoding": (
        lambda folder: (folder / EVAL_FILE).write_bytes("nö, 0, 1, x\n".encode("latin-1")),
        EVAL_FILE,
        f"{EVAL_FILE} is not UTF-8 text.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_reported_and_refused_in_the_same_words(folder: Path, what: str) -> None:
    spoil, check, words = WRONG[what]
    spoil(folder)
    found = faults(verified(folder, train="full"))
    assert any(words in sentence for sentence in found[check])
    mistake = refusal(folder, train="full")
    assert mistake.rule == ("data.leak" if check.startswith("leak") else "data.list")
    assert mistake.problem == next(iter(found.values()))[0]


def test_a_sound_folder_is_said_to_be_sound_and_every_label_of_a_clip_counts(folder: Path) -> None:
    report = verified(folder, audio=True)
    assert faults(report) == {}
    assert {CLASSES, BALANCED_FILE, EVAL_FILE, "split balanced", "test list", "audio", "files"} <= fine(report)
    assert UNBALANCED_FILE not in {check.name for check in report.checks}
    assert report.counts["split balanced"].labels == {
        "Animal": 2, "Bark": 1, "Male speech, man speaking": 2, "Rain": 2,
    }  # fmt: skip
    assert report.notes == ("7 files have another length (0.10 to 0.10 s): 0 are cut, 7 padded.",)


def test_a_copy_of_many_formats_is_sound_and_its_channels_are_averaged(folder: Path) -> None:
    path = folder / "audio" / "eval" / "cccccccccc1.wav"
    stereo = np.random.default_rng(0).uniform(-0.5, 0.5, (4410, 2)).astype(np.float32)
    soundfile.write(path, stereo, 44_100, subtype="FLOAT")
    assert faults(verified(folder, audio=True)) == {}
    heard = audio_files.mono(audio_files.read(path), 1.0, "any")
    assert np.allclose(heard[:4410], stereo.mean(axis=1), atol=1e-6)
    assert len(heard) == 44_100
    assert not heard[4410:].any()


def test_lists_are_counted_with_what_a_copy_lacks(folder: Path) -> None:
    (folder / "audio" / "balanced_train" / "Yideaaaaaa2.wav").unlink()
    found = faults(verified(folder, more='missing_share = 0.4\npublished = "audioset"', train="full"))
    assert found["published lists"] == [
        f"{BALANCED_FILE} + {UNBALANCED_FILE} is not the published list: 6 clips instead of 2,063,949.",
        f"{EVAL_FILE} is not the published list: 3 clips instead of 20,371.",
    ]


def test_the_published_lists_make_up_the_whole_and_the_tracks_have_527_labels(tmp_path: Path) -> None:
    known = published.load("audioset").lists
    both = known[f"{BALANCED_FILE} + {UNBALANCED_FILE}"].count
    assert both == known[BALANCED_FILE].count + known[UNBALANCED_FILE].count
    for name, split, count in (("audioset-balanced", "balanced", 22_160), ("audioset", "full", both)):
        track, place = tracks.load(name)
        data = dataset_of.to_plan_with(track, place, None, None, tmp_path, Reporter())
        assert (len(data.splits[split]), len(data.test)) == (count, 20_371)
        assert (len(track.labels), track.missing_share) == (527, 0.3)


def test_labels_stand_in_the_order_of_their_indices() -> None:
    """Places that AudioSet's table gives: the root of each branch, names with commas, and the last."""
    official = {
        "Speech": 0, "Male speech, man speaking": 1, "Animal": 72, "Music": 137, "Vehicle": 300,
        "Accelerating, revving, vroom": 353, "Silence": 500, "Outside, rural or natural": 510, "Field recording": 526,
    }  # fmt: skip
    labels = tracks.load("audioset")[0].labels
    assert {label: labels.index(label) for label in official} == official
    assert tracks.load("audioset-balanced")[0].labels == labels
