"""The Speech Commands layout: words are folders, training is what no list holds, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness import tracks
from harness.console import Reporter
from harness.data import dataset_of, speech_commands, verification
from harness.data.dataset import UNKNOWN_DEVICE, Dataset
from harness.data.verification import Report, sound
from harness.outcomes import Mistake
from harness.tracks import Track
from tests import made_sounds
from tests.harness.data.stand_ins import in_threads, silently
from tests.harness.data.verifying import edit, faults, without

TEST, VALIDATION = "testing_list.txt", "validation_list.txt"
CLIP = "no/00000000_nohash_0.wav"
"""In neither list."""
TESTED, VALIDATED = "no/00000005_nohash_0.wav", "no/00000004_nohash_0.wav"
"""The first of their lists."""


@pytest.fixture(autouse=True)
def _threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sound, "pool", in_threads)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Speakers 0 to 3 are for training, 4 for validation and 5 for the test, with two clips of each word."""
    return made_sounds.commands_folder(tmp_path / "data", rate=1000)


def track_of(folder: Path, **words: str) -> Track:
    return tracks.load(str(made_sounds.commands_track(folder.parent / "sounds.toml", folder, **words)))[0]


def read(folder: Path) -> Dataset:
    return speech_commands.read(folder, track_of(folder))


def verified(folder: Path, *, audio: bool = True, **words: str) -> Report:
    return verification.verify(folder, track_of(folder, **words), (), silently if audio else None, workers=2)


def refusal(folder: Path) -> Mistake:
    with pytest.raises(Mistake) as caught:
        read(folder)
    assert "\n" not in str(caught.value)
    return caught.value


def test_training_clips_are_those_in_neither_list(folder: Path) -> None:
    data = read(folder)
    assert len(data.names) == 36
    assert list(data.splits) == ["train"]
    assert [data.names[row][:2] for row in data.splits["train"]] == ["no"] * 8 + ["up"] * 8 + ["ye"] * 8
    assert {data.names[row].partition("/")[2][:8] for row in data.splits["train"]} == {f"0000000{n}" for n in range(4)}
    assert [data.names[row] for row in data.test] == (folder / TEST).read_text().split()
    assert data.tests == {}


def test_the_label_is_the_folder_the_location_the_speaker_and_the_device_unknown(folder: Path) -> None:
    data = read(folder)
    row = data.names.index("up/00000002_nohash_1.wav")
    assert (data.labels[row], data.locations[row], data.segments[row]) == (1, "00000002", data.names[row])
    assert set(data.devices.tolist()) == {UNKNOWN_DEVICE}


def test_background_noise_and_other_files_are_not_looked_at(folder: Path) -> None:
    before = read(folder)
    for name in ("README.md", "no/.hidden.wav", "no/notes.txt"):
        (folder / name).write_text("x")
    (folder / ".git").mkdir()
    assert read(folder).names == before.names


def test_lists_may_have_windows_line_ends(folder: Path) -> None:
    before = read(folder)
    edit(folder / TEST, lambda text: text.replace("\n", "\r\n"))
    assert read(folder).test.tolist() == before.test.tolist()


def test_a_training_list_of_its_own_stands_in_a_file(folder: Path, tmp_path: Path) -> None:
    (folder / "few.txt").write_text(f"{CLIP}\nup/00000001_nohash_0.wav\n")
    path = made_sounds.commands_track(tmp_path / "sounds.toml", folder)
    edit(path, lambda text: text.replace('train = "training"', 'few = "few.txt"'))
    data = speech_commands.read(folder, tracks.load(str(path))[0])
    assert [data.names[row] for row in data.splits["few"]] == [CLIP, "up/00000001_nohash_0.wav"]


@pytest.mark.parametrize(("name", "rule"), [(TEST, "data.test"), (VALIDATION, "data.validation")])
def test_a_folder_without_a_list_is_one_sentence(folder: Path, name: str, rule: str) -> None:
    (folder / name).unlink()
    mistake = refusal(folder)
    assert mistake.rule == rule
    assert f"holds no {name}; sounds needs a folder in the Speech Commands layout" in mistake.problem


Break = Callable[[Path], object]
WRONG: dict[str, tuple[Break, str, str]] = {
    "a list names a missing file": (
        lambda folder: (folder / TESTED).unlink(), "test list", f"{TEST}, line 1: {TESTED} is not in the folder.",
    ),
    "the other list names a missing file": (
        lambda folder: (folder / VALIDATED).unlink(),
        "validation list",
        f"{VALIDATION}, line 1: {VALIDATED} is not in the folder.",
    ),
    "a clip is in both lists": (
        lambda folder: edit(folder / VALIDATION, lambda text: text + TESTED + "\n"),
        "validation list",
        f"{VALIDATION}, line 7: {TESTED} is in {TEST} too.",
    ),
    "a clip stands twice": (
        lambda folder: edit(folder / TEST, lambda text: text + TESTED + "\n"),
        "test list",
        f"{TEST}, line 7: {TESTED} stands in line 1 too.",
    ),
    "an empty list": (lambda folder: (folder / TEST).write_text(""), "test list", f"{TEST} lists no clip."),
    "another encoding": (
        lambda folder: (folder / TEST).write_bytes("nö/x.wav\n".encode("latin-1")), "test list", "is not UTF-8 text",
    ),
    "an unknown word": (
        lambda folder: (folder / "yes").rename(folder / "yess"),
        "the folder",
        '12 clips lie in yess/: "yess" is no label of this track. Did you mean "yes"?',
    ),
    "a word without clips": (
        lambda folder: [path.unlink() for path in (folder / "up").iterdir()],
        "the folder",
        'The folder holds no clip of "up".',
    ),
    "a speaker on both sides": (
        lambda folder: edit(folder / TEST, without("no/00000005_nohash_1")),
        "leak: location",
        "The location 00000005 is in the test list and, with no/00000005_nohash_1.wav, in split train.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_reported_and_refused_in_the_same_words(folder: Path, what: str) -> None:
    spoil, check, words = WRONG[what]
    spoil(folder)
    found = faults(verified(folder, audio=False))
    assert words in found[check][0]
    mistake = refusal(folder)
    assert mistake.rule == ("data.leak" if check.startswith("leak") else "data.list")
    assert mistake.problem == next(iter(found.values()))[0]


def test_a_sound_folder_is_said_to_be_sound_and_the_shorter_clips_are_counted(folder: Path) -> None:
    report = verified(folder)
    assert {name: found for name, found in faults(report).items() if not name.startswith("leak")} == {}
    assert {name: one.clips for name, one in report.counts.items()} == {
        "the folder": 36, "split train": 24, "test list": 6, "validation list": 6,
    }  # fmt: skip
    assert "30 files have another length (0.50 to 0.90 s): 0 are cut, 30 padded." in report.notes


def test_other_counts_than_the_published_ones_are_a_fault_for_each_list(folder: Path) -> None:
    found = faults(verified(folder, audio=False, more='published = "speech-commands-v2"'))
    assert found["published lists"] == [
        "the folder is not the published list: 36 clips instead of 105,829.",
        "training is not the published list: 24 clips instead of 84,843.",
        f"{TEST} is not the published list: 6 clips instead of 11,005.",
        f"{VALIDATION} is not the published list: 6 clips instead of 9,981.",
    ]


def test_the_published_parts_make_up_the_whole(tmp_path: Path) -> None:
    track, place = tracks.load("speech-commands-v2")
    data = dataset_of.to_plan_with(track, place, None, None, tmp_path, Reporter())
    assert (len(data.splits["train"]), len(data.test)) == (84_843, 11_005)
    assert 84_843 + 9_981 + 11_005 == 105_829
    assert len(track.labels) == 35
    assert list(track.labels) == sorted(track.labels)
