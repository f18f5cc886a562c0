"""The FSD50K layout: several labels a clip, the publisher's parts, who uploaded what, and what is refused."""

from __future__ import annotations

import csv
import json
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from harness import tracks
from harness.console import Reporter
from harness.data import dataset_of, fsd50k, packing, published, store, test_clips, verbs, verification
from harness.data.dataset import UNKNOWN_DEVICE, Dataset
from harness.data.verification import Report, sound
from harness.outcomes import Mistake
from harness.tracks import Track
from tests import made_tags
from tests.harness.data.stand_ins import in_threads, silently
from tests.harness.data.verifying import edit, faults, fine, without

TRUTH = "FSD50K.ground_truth"
DEV, EVAL, VOCABULARY = (f"{TRUTH}/{name}.csv" for name in ("dev", "eval", "vocabulary"))


@pytest.fixture(autouse=True)
def _threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sound, "pool", in_threads)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return made_tags.fsd_folder(tmp_path / "data")


def track_of(folder: Path, more: str = "") -> Track:
    return tracks.load(str(made_tags.fsd_track(folder.parent / "tags.toml", folder, more)))[0]


def read(folder: Path) -> Dataset:
    return fsd50k.read(folder, track_of(folder))


def verified(folder: Path, *, audio: bool = True, more: str = "") -> Report:
    return verification.verify(folder, track_of(folder, more), (), silently if audio else None, workers=2)


def refusal(folder: Path) -> Mistake:
    with pytest.raises(Mistake) as caught:
        read(folder)
    assert "\n" not in str(caught.value)
    return caught.value


def numbers(data: Dataset, rows: np.ndarray) -> list[int]:
    return [int(Path(data.names[row]).stem) for row in rows]


def test_the_parts_are_the_publisher_s(folder: Path) -> None:
    data = read(folder)
    assert list(data.splits) == ["train"]
    assert data.validation is not None
    assert numbers(data, data.splits["train"]) == [101, 102, 103]
    assert numbers(data, data.validation) == [104, 105]
    assert numbers(data, data.test) == [201, 202, 203]
    assert (data.length, data.missing, data.tests) == ("crop_or_pad", {}, {})


def test_labels_are_those_that_another_reader_finds(folder: Path) -> None:
    """The oracle looks each clip up in the rows that csv.DictReader gives, and each class in the vocabulary."""
    data, oracle = read(folder), {}
    for one in ("dev", "eval"):
        with (folder / TRUTH / f"{one}.csv").open(newline="") as stream:
            oracle |= {f"FSD50K.{one}_audio/{row['fname']}.wav": row["labels"] for row in csv.DictReader(stream)}
    with (folder / VOCABULARY).open(newline="") as stream:
        classes = [label for _, label, _ in csv.reader(stream)]
    assert data.labels.dtype == np.bool_
    assert data.labels.shape == (8, 4)
    found = {
        name: {classes[place] for place in np.flatnonzero(row)}
        for name, row in zip(data.names, data.labels, strict=True)
    }
    assert found == {name: set(labels.split(",")) for name, labels in oracle.items()}


def test_a_location_is_a_person_and_the_device_unknown(folder: Path) -> None:
    data = read(folder)
    assert data.locations[data.names.index("FSD50K.eval_audio/203.wav")] == "freesound-user-dot"
    assert data.segments.tolist() == list(data.names)
    assert set(data.devices.tolist()) == {UNKNOWN_DEVICE}


@pytest.mark.parametrize("damage", [None, "no JSON", "[]", '{"101": {"title": "x"}}'])
def test_where_nobody_says_who_uploaded_a_clip_it_is_a_location_of_its_own(folder: Path, damage: str | None) -> None:
    for one in ("dev", "eval"):
        path = folder / "FSD50K.metadata" / f"{one}_clips_info_FSD50K.json"
        path.unlink() if damage is None else path.write_text(damage)
    assert read(folder).locations.tolist() == [
        f"freesound-{number}" for number in (101, 102, 103, 104, 105, 201, 202, 203)
    ]


def test_a_person_in_two_parts_is_told_in_a_note_and_no_leak(folder: Path) -> None:
    path = folder / "FSD50K.metadata" / "eval_clips_info_FSD50K.json"
    told = json.loads(path.read_text())
    told["201"]["uploader"] = "ada"
    path.write_text(json.dumps(told))
    report = verified(folder, audio=False)
    assert faults(report) == {}
    assert report.notes == (
        "1 person uploaded clips of the split train and of the test list.",
        "1 person uploaded clips of the split train and of the validation list.",
    )
    assert len(read(folder).test) == 3


@pytest.mark.parametrize(
    ("truth", "dev", "tested"),
    [("ground_truth", "dev_audio", "eval_audio"), ("labels", "clips/dev", "clips/eval"),
     (TRUTH, "FSD50K.dev_audio_16k", "FSD50K.eval_audio_16k")],
)  # fmt: skip
def test_folders_may_have_the_names_that_copies_give_them(folder: Path, truth: str, dev: str, tested: str) -> None:
    (folder / "clips").mkdir()
    before = read(folder)
    (folder / TRUTH).rename(folder / truth)
    (folder / "FSD50K.dev_audio").rename(folder / dev)
    (folder / "FSD50K.eval_audio").rename(folder / tested)
    data = read(folder)
    assert data.names[0] == f"{dev}/101.wav"
    assert data.names[-1] == f"{tested}/203.wav"
    assert (data.labels == before.labels).all()


def test_a_track_may_train_on_all_of_dev(folder: Path) -> None:
    path = made_tags.fsd_track(folder.parent / "tags.toml", folder)
    edit(path, lambda text: text.replace('train = "train"', 'all = "dev"').replace('validation = "val"\n', ""))
    data = fsd50k.read(folder, tracks.load(str(path))[0])
    assert (numbers(data, data.splits["all"]), data.validation) == ([101, 102, 103, 104, 105], None)


@pytest.mark.parametrize(
    ("part", "rule", "words"),
    [(DEV, "data.meta", "dev.csv"), (EVAL, "data.test", "eval.csv"), (VOCABULARY, "data.vocabulary", VOCABULARY),
     ("FSD50K.dev_audio", "data.audio", "FSD50K.dev_audio folder"),
     ("FSD50K.eval_audio", "data.audio-test", "FSD50K.eval_audio folder")],
)  # fmt: skip
def test_a_folder_without_a_part_is_one_sentence(folder: Path, part: str, rule: str, words: str) -> None:
    (folder / part).rename(folder / "elsewhere")
    mistake = refusal(folder)
    assert mistake.rule == rule
    assert words in mistake.problem
    assert "needs a folder in the FSD50K layout" in mistake.problem


def test_audio_that_may_not_be_looked_into_is_one_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(place: Path) -> frozenset[str]:
        raise PermissionError(13, "Permission denied", str(place))

    monkeypatch.setattr(fsd50k, "names_in", closed)
    mistake = refusal(folder)
    assert (mistake.rule, mistake.problem) == ("data.permission", f"{folder}/FSD50K.dev_audio may not be read.")


Break = Callable[[Path], object]


def change(file: str, before: str, after: str) -> Break:
    return lambda folder: edit(folder / file, lambda text: text.replace(before, after, 1))


WRONG: dict[str, tuple[Break, str, str]] = {
    "an unknown label": (
        change(DEV, '"Dog,Animal"', '"Dogs,Animal"'),
        "dev.csv",
        'dev.csv, line 4: "Dogs" is no label of this track. Did you mean "Dog"?',
    ),
    "an unknown label in many lines": (
        lambda folder: edit(folder / DEV, lambda text: text.replace("Animal", "Animals")),
        "dev.csv",
        'dev.csv, line 2 (and 3 more): "Animals" is no label of this track. Did you mean "Animal"?',
    ),
    "labels without quotation marks": (
        change(EVAL, '"Dog,Animal"', "Dog,Animal"), "eval.csv", "eval.csv, line 4 has 4 values instead of 3.",
    ),
    "a quotation mark that is not closed": (
        change(EVAL, '"Dog,Animal"', '"Dog,Animal'), "eval.csv", "eval.csv, line 4 cannot be read: ",
    ),
    "no labels": (change(EVAL, "201,Rain,", "201,,"), "eval.csv", "eval.csv, line 2 has too few columns."),
    "another part": (
        change(DEV, ",val", ",vali"), "dev.csv", 'dev.csv, line 5: "vali" is no part of the set. Did you mean "val"?',
    ),
    "no column of parts": (
        change(DEV, "mids,split", "mids,set"), "dev.csv", 'dev.csv has no column "split"; its header has fname',
    ),
    "a clip that stands twice": (
        lambda folder: edit(folder / DEV, lambda text: text + text.splitlines()[1] + "\n"),
        "dev.csv",
        "dev.csv, line 7: 101 stands in line 2 too.",
    ),
    "a clip of both sets": (
        change(EVAL, "203,", "104,"), "eval.csv", "eval.csv, line 4: 104 is a clip of dev.csv too, line 5.",
    ),
    "a missing file": (
        lambda folder: (folder / "FSD50K.dev_audio" / "104.wav").unlink(),
        "validation list",
        "dev.csv, line 5: FSD50K.dev_audio/104.wav is not there.",
    ),
    "an empty list": (
        lambda folder: edit(folder / EVAL, lambda text: text.splitlines(keepends=True)[0]),
        "eval.csv",
        "eval.csv lists no clip.",
    ),
    "a class less": (
        lambda folder: edit(folder / VOCABULARY, without("Bark")),
        "vocabulary.csv",
        "vocabulary.csv has 3 classes instead of 4.",
    ),
    "classes in another order": (
        change(VOCABULARY, "1,Bark,/m/05tny_\n2,Dog,/m/0bt9lr", "1,Dog,/m/0bt9lr\n2,Bark,/m/05tny_"),
        "vocabulary.csv",
        'vocabulary.csv, line 2: class 1 is "Dog" instead of "Bark".',
    ),
    "a class of another name": (
        change(VOCABULARY, "Rain", "Rian"),
        "vocabulary.csv",
        'vocabulary.csv, line 4: "Rian" is no label of this track. Did you mean "Rain"?',
    ),
    "an index out of range": (
        change(VOCABULARY, "3,Rain", "4,Rain"),
        "vocabulary.csv",
        'vocabulary.csv, line 4: "4" is no index of a class; they go from 0 to 3.',
    ),
    "an index that stands twice": (
        change(VOCABULARY, "3,Rain", "2,Rain"),
        "vocabulary.csv",
        "vocabulary.csv, line 4: the index 2 stands in line 3 too.",
    ),
    "another encoding": (
        lambda folder: (folder / DEV).write_bytes("fname,labels,mids,split\n1,nö,x,train\n".encode("latin-1")),
        "dev.csv",
        "dev.csv is not UTF-8 text.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_reported_and_refused_in_the_same_words(folder: Path, what: str) -> None:
    spoil, check, words = WRONG[what]
    spoil(folder)
    found = faults(verified(folder, audio=False))
    assert any(words in sentence for sentence in found[check])
    mistake = refusal(folder)
    assert mistake.rule == "data.list"
    assert mistake.problem == next(iter(found.values()))[0]


def test_a_class_that_lacks_is_named(folder: Path) -> None:
    change(VOCABULARY, "3,Rain", "4,Rain")(folder)
    assert faults(verified(folder, audio=False))["vocabulary.csv"][1:] == ['vocabulary.csv has no class 3, "Rain".']


def test_an_unknown_part_is_answered_with_the_nearest(folder: Path) -> None:
    path = made_tags.fsd_track(folder.parent / "tags.toml", folder)
    edit(path, lambda text: text.replace('"val"', '"vall"'))
    with pytest.raises(Mistake, match=r'Track tags names the part "vall"\. Did you mean "val"\?'):
        fsd50k.read(folder, tracks.load(str(path))[0])


def test_a_sound_folder_is_said_to_be_sound_and_every_label_of_a_clip_counts(folder: Path) -> None:
    report = verified(folder)
    assert faults(report) == {}
    assert {"vocabulary.csv", "dev.csv", "eval.csv", "split train", "files", "leak: copy"} <= fine(report)
    assert {name: one.clips for name, one in report.counts.items()} == {
        "the ground truth": 8, "split train": 3, "test list": 3, "validation list": 2,
    }  # fmt: skip
    assert report.counts["test list"].labels == {"Animal": 2, "Bark": 1, "Dog": 2, "Rain": 2}
    assert report.counts["validation list"].locations == 2
    assert "7 files have another length (0.92 to 0.98 s): 0 are cut, 7 padded." in report.notes


def test_lists_alone_are_verified_where_no_audio_lies(folder: Path) -> None:
    for one in ("dev", "eval"):
        (folder / f"FSD50K.{one}_audio").rename(folder.parent / one)
    report = verified(folder, audio=False)
    assert faults(report) == {}
    assert report.counts["split train"].clips == 3


def test_other_counts_than_the_published_ones_are_a_fault_for_each_part(folder: Path) -> None:
    assert faults(verified(folder, audio=False, more='published = "fsd50k"'))["published lists"] == [
        "train is not the published list: 3 clips instead of 36,796.",
        "eval is not the published list: 3 clips instead of 10,231.",
        "val is not the published list: 2 clips instead of 4,170.",
    ]


def test_the_published_parts_make_up_the_sets_and_the_track_has_200_labels(tmp_path: Path) -> None:
    track, place = tracks.load("fsd50k")
    data = dataset_of.to_plan_with(track, place, None, None, tmp_path, Reporter())
    assert data.validation is not None
    assert (len(data.splits["train"]), len(data.validation), len(data.test)) == (36_796, 4_170, 10_231)
    known = published.load("fsd50k").lists
    assert known["train"].count + known["val"].count == known["dev"].count
    assert known["dev"].count + known["eval"].count == 51_197
    assert len(track.labels) == 200
    assert list(track.labels) == sorted(track.labels)
    assert (track.labels[53], track.labels[69]) == ("Crushing", "Electric_guitar")


def test_what_was_packed_has_the_fingerprint_that_verify_tells(folder: Path, tmp_path: Path) -> None:
    """Of what a training gets: its own clips, then those for choosing."""
    track, data = track_of(folder), read(folder)
    rows = data.learned_from(data.splits["train"])
    assert numbers(data, rows) == [101, 102, 103, 104, 105]
    training = store.layout(data, data.test, made_tags.RATE, track.clip_seconds, "int16", tmp_path / "cache")
    with patch.object(packing, "pool", in_threads):
        packing.pack(training, data, rows, silently)
        tested = test_clips.shuffled(data, data.test, made_tags.RATE, track.clip_seconds, tmp_path / "cache")
        tested.pack(silently)
    assert verified(folder).data == {"train": store.data_digest(training.fingerprint(rows), tested.fingerprint)}


def test_pack_packs_the_clips_for_choosing_too(folder: Path, tmp_path: Path) -> None:
    track, data = track_of(folder), read(folder)
    options = Namespace(
        track=str(folder.parent / "tags.toml"), cache=tmp_path / "cache", data=None, splits=None, split=[],
        rate=[made_tags.RATE],
    )  # fmt: skip
    with patch.object(packing, "pool", in_threads):
        assert verbs.pack(options, Reporter())
    training = store.layout(data, data.test, made_tags.RATE, track.clip_seconds, "int16", tmp_path / "cache")
    assert store.missing(training, data, np.arange(len(data.names))).tolist() == data.test.tolist()
