"""The ESC-50 layout: folds that are test lists in their turn, locations that are recordings, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness import plan, tracks
from harness.console import Reporter
from harness.data import dataset_of, esc50, verification
from harness.data.dataset import UNKNOWN_DEVICE, Dataset
from harness.data.verification import Report, sound
from harness.outcomes import Mistake
from harness.tracks import Track
from tests import made_sounds
from tests.harness.data.stand_ins import in_threads, silently
from tests.harness.data.verifying import edit, faults

CLIPS = 24
"""Two folds, three classes, two recordings, two takes."""

NAME = "audio/1-100-A-0.wav"


@pytest.fixture(autouse=True)
def _threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sound, "pool", in_threads)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return made_sounds.esc_folder(tmp_path / "data", rate=400)


@pytest.fixture
def listed(folder: Path) -> Path:
    return folder / "meta" / "esc50.csv"


def track_of(folder: Path, **words: object) -> Track:
    return tracks.load(str(made_sounds.esc_track(folder.parent / "sounds.toml", folder, **words)))[0]  # type: ignore[arg-type]


def read(folder: Path, **words: object) -> Dataset:
    return esc50.read(folder, track_of(folder, **words))


def verified(folder: Path, *, audio: bool = True, **words: object) -> Report:
    return verification.verify(folder, track_of(folder, **words), (), silently if audio else None, workers=2)


def refusal(folder: Path, **words: object) -> Mistake:
    with pytest.raises(Mistake) as caught:
        read(folder, **words)
    assert "\n" not in str(caught.value)
    return caught.value


def names(data: Dataset, rows: np.ndarray) -> list[str]:
    return [data.names[row] for row in rows]


def test_each_fold_is_the_test_list_of_the_split_that_is_called_after_it(folder: Path) -> None:
    data = read(folder)
    assert len(data.names) == CLIPS
    assert list(data.splits) == list(data.tests) == ["1", "2"]
    for split, other in (("1", "2"), ("2", "1")):
        assert {name[6] for name in names(data, data.test_of(split))} == {split}
        assert {name[6] for name in names(data, data.splits[split])} == {other}


def test_the_test_clips_of_all_folds_stand_in_the_order_of_their_rows(folder: Path, listed: Path) -> None:
    edit(listed, lambda text: "\n".join([text.split("\n")[0], *sorted(text.split("\n")[1:-1], key=hash), ""]))
    data = read(folder)
    assert data.test.tolist() == list(range(CLIPS))


def test_a_track_of_many_folds_trains_on_all_others(tmp_path: Path) -> None:
    folds = ("1", "2", "3", "4", "5")
    folder = made_sounds.esc_folder(tmp_path / "data", folds, rate=10, recordings=1)
    data = read(folder, folds=folds)
    for split in folds:
        assert sorted([*data.splits[split], *data.tests[split]]) == list(range(30))
        assert len(data.tests[split]) == 6


def test_a_location_is_a_recording_a_segment_a_file_and_the_device_unknown(folder: Path) -> None:
    data = read(folder)
    row = data.names.index(NAME)
    assert (data.locations[row], data.segments[row]) == ("freesound-100", NAME)
    assert set(data.devices.tolist()) == {UNKNOWN_DEVICE}
    assert len(set(data.locations.tolist())) == CLIPS // 2
    assert plan.task_words(track_of(folder)).devices == ()


def test_labels_are_those_of_the_track_in_its_order(folder: Path) -> None:
    data = read(folder, labels=("siren", "rain", "dog"))
    assert [name[-5] for name, label in zip(data.names, data.labels, strict=True) if label == 0] == ["2"] * 8


def test_the_labels_of_esc50_and_esc10_stand_in_the_order_of_their_targets() -> None:
    """Targets stand at the end of the official names: 1-100032-A-0.wav is a dog, 1-26143-A-21.wav a sneeze."""
    official = {
        "dog": 0,
        "rain": 10,
        "crying_baby": 20,
        "sneezing": 21,
        "coughing": 24,
        "clock_tick": 38,
        "hand_saw": 49,
    }
    fifty, ten = tracks.load("esc50")[0].labels, tracks.load("esc10")[0].labels
    assert {label: fifty.index(label) for label in official} == official
    assert sorted(ten, key=fifty.index) == list(ten)
    assert (len(fifty), len(ten)) == (50, 10)
    assert tracks.load("esc10-folds-1-4")[0].labels == ten


@pytest.mark.parametrize("place", ["esc50.csv", "esc10.csv"])
def test_the_list_may_lie_in_the_folder_itself(folder: Path, listed: Path, place: str) -> None:
    before = read(folder)
    listed.rename(folder / place)
    after = read(folder)
    assert (after.names, after.tests.keys()) == (before.names, before.tests.keys())


def test_a_subset_has_the_rows_whose_column_says_true(folder: Path) -> None:
    data = read(folder, labels=made_sounds.ESC10, more='subset = "esc10"')
    assert len(data.names) == CLIPS * 2 // 3
    assert set(data.labels.tolist()) == {0, 1}


def test_folds_that_the_track_does_not_name_are_left_out(tmp_path: Path) -> None:
    folder = made_sounds.esc_folder(tmp_path / "data", ("1", "2", "3"), rate=10)
    part, whole = read(folder), read(folder, folds=("1", "2", "3"))
    assert len(part.names) == CLIPS
    assert len(whole.names) == CLIPS * 3 // 2
    assert verified(folder, audio=False).sound


def test_a_folder_without_its_list_is_one_sentence(folder: Path, listed: Path) -> None:
    listed.unlink()
    mistake = refusal(folder)
    assert mistake.rule == "data.meta"
    assert "holds no meta/esc50.csv or esc50.csv or esc10.csv; sounds needs a folder in the ESC-50 layout" in str(
        mistake
    )
    assert "give --data DIR, the folder that holds audio/ and meta/esc50.csv" in mistake.remedy


def test_a_folder_that_lacks_a_fold_is_refused_by_the_fold(folder: Path) -> None:
    mistake = refusal(folder, folds=("1", "2", "3"))
    assert mistake.rule == "data.list"
    assert "esc50.csv lists no clip of fold 3, which track sounds tests on." in mistake.problem
    assert "a track that asks for less" in mistake.remedy


def test_a_recording_in_two_folds_is_a_leak(folder: Path, listed: Path) -> None:
    edit(listed, lambda text: text.replace(",200,", ",100,"))
    mistake = refusal(folder)
    assert mistake.rule == "data.leak"
    found = faults(verified(folder, audio=False))
    assert found == {
        "leak: location": [
            f"The location freesound-100 is in fold 1 (with {NAME}) and in fold 2 (with audio/2-200-A-0.wav)."
        ]
    }
    assert mistake.problem == found["leak: location"][0]


Change = Callable[[str], str]
ROW = "1-100-A-0.wav,1,0,dog,True,100,A\n"
WRONG: dict[str, tuple[Change, str, str]] = {
    "a missing column": (lambda text: text.replace("src_file", "source"), "esc50.csv", 'has no column "src_file"'),
    "tabs": (lambda text: text.replace(",", "\t"), "esc50.csv", 'has no column "filename"'),
    "an unknown category": (
        lambda text: text.replace(ROW, ROW.replace("dog", "dgo")),
        "esc50.csv",
        'esc50.csv, line 2: "dgo" is no label of this track. Did you mean "dog"?',
    ),
    "an unknown fold": (
        lambda text: text.replace(ROW, ROW.replace("wav,1", "wav,x")),
        "esc50.csv",
        'esc50.csv, line 2: "x" is no fold of ESC-50.',
    ),
    "a clip twice": (lambda text: text + ROW, "esc50.csv", f"esc50.csv, line 26: {NAME} stands in line 2 too."),
    "too few columns": (lambda text: text.replace(ROW, "1-100-A-0.wav,1\n"), "esc50.csv", "line 2 has too few columns"),
    "no row": (lambda text: text.partition("\n")[0] + "\n", "esc50.csv", "esc50.csv lists no clip."),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_with_the_list_is_reported_and_refused_in_the_same_words(
    folder: Path, listed: Path, what: str
) -> None:
    change, check, words = WRONG[what]
    edit(listed, change)
    found = faults(verified(folder, audio=False))
    assert words in found[check][0]
    assert refusal(folder).problem == found[check][0]


def test_a_sound_folder_is_said_to_be_sound_with_every_check(folder: Path) -> None:
    report = verified(folder)
    assert faults(report) == {}
    assert [check.name for check in report.checks] == [
        "esc50.csv", "fold 1", "fold 2", "leak: segment", "leak: location", "files", "format", "level",
        "leak: identical file", "leak: copy",
    ]  # fmt: skip
    assert report.counts["fold 1"].locations == report.counts["split 2"].locations == 6
    assert "6 locations" in report.checks[1].says
    assert UNKNOWN_DEVICE not in report.checks[1].says


def test_files_are_checked_as_in_any_layout(folder: Path) -> None:
    (folder / "audio" / "1-100-A-0.wav").unlink()
    (folder / "audio" / "1-100-B-0.wav").write_text("no audio")
    (folder / "audio" / "stray.wav").write_text("")
    report = verified(folder)
    assert faults(report)["files"] == [
        f"{NAME} does not exist.", "audio/1-100-B-0.wav is not audio that can be read (Format not recognised).",
    ]  # fmt: skip
    assert report.notes == ("1 file in audio/ is not in esc50.csv: audio/stray.wav.",)


def test_files_of_classes_that_a_subset_leaves_out_are_no_strays(folder: Path) -> None:
    assert verified(folder, labels=made_sounds.ESC10, more='subset = "esc10"').notes == ()


def test_a_file_that_stands_in_two_folds_under_two_names_is_a_leak(folder: Path) -> None:
    copy = folder / "audio" / "2-200-A-0.wav"
    copy.write_bytes((folder / NAME).read_bytes())
    found = faults(verified(folder))
    assert found == {
        "leak: identical file": [f"audio/2-200-A-0.wav of split 1 is the same file as the test clip {NAME}."]
    }


def test_other_counts_than_the_published_ones_are_a_fault_for_each_list(folder: Path) -> None:
    found = faults(verified(folder, audio=False, more='published = "esc50"'))
    assert len(found["published lists"]) == 3
    first = "esc50.csv is not the published list: 24 clips instead of 2,000; 8 of dog instead of 40"
    assert found["published lists"][0].startswith(first)
    assert found["published lists"][1].startswith("fold 1 is not the published list: 12 clips instead of 400")


def test_without_data_cells_are_planned_by_the_published_sizes(tmp_path: Path) -> None:
    for name, clips, fold in (("esc50", 2000, 400), ("esc10", 400, 80), ("esc10-folds-1-4", 320, 80)):
        track, place = tracks.load(name)
        data = dataset_of.to_plan_with(track, place, None, None, tmp_path, Reporter())
        assert not data.here
        assert len(data.test) == clips
        assert {len(rows) for rows in data.tests.values()} == {fold}
        assert {len(rows) for rows in data.splits.values()} == {clips - fold}


def test_clips_of_other_lengths_are_counted_and_only_those_without_samples_are_faults(tmp_path: Path) -> None:
    """Of 24 clips six each last 1, 0.5 and 1.5 s, and six have no sample."""
    folder = made_sounds.esc_folder(tmp_path / "data", rate=400, seconds=(1, 0.5, 1.5, 0))
    report = verified(folder)
    found = faults(report)
    assert set(found) == {"format"}
    assert len(found["format"]) == 6
    assert found["format"][0] == "audio/1-101-B-0.wav has 0 samples instead of 400."
    assert report.notes == ("12 files have another length (0.50 to 1.50 s): 6 are cut, 6 padded.",)
    assert next(check for check in report.checks if check.name == "format").says.endswith("cut or padded to 1 s")


def test_where_lengths_are_exact_every_other_one_is_a_fault(tmp_path: Path) -> None:
    folder = made_sounds.esc_folder(tmp_path / "data", rate=400, seconds=(1, 0.5))
    report = verified(folder, length="exact")
    assert len(faults(report)["format"]) == CLIPS // 2
    assert report.notes == ()


REAL = "esc10-folds-1-4"


@pytest.fixture(scope="module")
def real(shared: Path) -> Path:
    folder = shared / "data" / "esc10"
    if not folder.is_dir():
        pytest.skip("shared/data/esc10 is not here")
    return folder


def test_the_four_real_folds_of_esc10_have_80_clips_each_and_share_no_recording(real: Path) -> None:
    data = esc50.read(real, tracks.load(REAL)[0])
    assert len(data.names) == len(data.test) == 320
    assert {split: len(rows) for split, rows in data.tests.items()} == dict.fromkeys("1234", 80)
    assert {split: len(rows) for split, rows in data.splits.items()} == dict.fromkeys("1234", 240)
    assert len(set(data.locations.tolist())) == 247
    for split in data.splits:
        places = [set(data.locations[rows].tolist()) for rows in (data.splits[split], data.test_of(split))]
        assert not places[0] & places[1]
        assert np.bincount(data.labels[data.test_of(split)]).tolist() == [8] * 10


def test_the_real_lists_are_as_published(real: Path) -> None:
    report = verification.verify(real, tracks.load(REAL)[0], (), None)
    assert report.sound
    assert next(check for check in report.checks if check.name == "published lists").looked_at == 4


def test_the_real_folder_has_no_fifth_fold(real: Path) -> None:
    with pytest.raises(Mistake, match=r"esc10\.csv lists no clip of fold 5, which track esc10 tests on"):
        esc50.read(real, tracks.load("esc10")[0])
