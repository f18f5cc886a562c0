"""`data verify` on audio: every bad file is named by what is wrong with it, and the report can be tied to results."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from harness import evaluation, results, tracks
from harness.data import store, tau, test_clips, verification
from harness.data.verification import Report, sound
from harness.evaluation import Hands, Places
from harness.plan import Choice
from harness.results import Result
from tests import made
from tests.harness.data.stand_ins import in_threads, silently
from tests.harness.data.verifying import CLIPS, Ground, copied, edit, faults

RATE = made.RATE
NAME = "audio/bus-lyon-100-1000-0-a.wav"
LAST = "audio/tram-paris-101-1021-0-a.wav"
"""A clip of split 100 that split 50 does not have."""


@pytest.fixture(autouse=True)
def _threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sound, "pool", in_threads)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made.tau_folder(tmp_path_factory.mktemp("template") / "data", clips_per_cell=CLIPS)


@pytest.fixture
def ground(template: Path, tmp_path: Path) -> Ground:
    return copied(template, tmp_path)


def noise(count: int = RATE, *channels: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.5, 0.5, (count, *channels))


def written(waveform: np.ndarray, rate: int = RATE, **how: Any) -> Callable[[Path], None]:
    return lambda path: soundfile.write(path, waveform, rate, **{"subtype": "PCM_24", **how})


def header(**numbers: int) -> Callable[[Path], None]:
    """Other numbers in the header of a WAV file."""
    places = {"fmt_size": (16, 4), "channels": (22, 2), "rate": (24, 4)}

    def change(path: Path) -> None:
        content = bytearray(path.read_bytes())
        for name, value in numbers.items():
            start, size = places[name]
            content[start : start + size] = value.to_bytes(size, "little")
        path.write_bytes(content)

    return change


def as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


BAD: dict[str, tuple[Callable[[Path], None], dict[str, str]]] = {  # what is done to the file, what each check says
    "missing": (Path.unlink, {"files": "does not exist."}),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:9000]), {"files": "is truncated: 9,000 of 24,0"}),
    "empty": (lambda path: path.write_bytes(b""), {"files": "is empty."}),
    "text": (lambda path: path.write_text("no audio at all"), {"files": "is not audio that can be read"}),
    "a folder": (as_folder, {"files": "cannot be read (is a directory)."}),
    "stereo": (written(noise(RATE, 2)), {"format": "has 2 channels instead of one."}),
    "another rate": (written(noise(16000), 16000), {"format": "has 16,000 Hz instead of 8,000."}),
    "another length": (written(noise(7999)), {"format": "has 7,999 samples instead of 8,000"}),
    "twice the length": (written(noise(16000)), {"format": "has 16,000 samples instead of 8,000."}),
    "another depth": (written(noise(), subtype="PCM_16"), {"format": "has 16 bits a sample instead of 24."}),
    "silent": (written(np.zeros(RATE)), {"level": "is silent: all its samples are zero."}),
    "not a number": (
        written(np.where(np.arange(RATE) == 7, np.nan, noise()), subtype="FLOAT"),
        {"format": "has 32 bits a sample instead of 24.", "level": "holds values that are not numbers."},
    ),
    "infinite": (
        written(np.where(np.arange(RATE) == 7, np.inf, noise()), subtype="FLOAT"),
        {"format": "has 32 bits a sample instead of 24.", "level": "holds values that are not numbers."},
    ),
    "several things": (
        written(noise(24000, 2), 16000),
        {
            "format": "has 16,000 Hz instead of 8,000 and has 24,000 samples instead of 16,000 "
            "and has 2 channels instead of one."
        },
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def spoiled(template: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, dict[str, str]]:
    """A folder with one file of each kind, all in training lists, and their names by kind."""
    ground = copied(template, tmp_path_factory.mktemp("spoiled"))
    listed = [line.partition("\t")[0] for line in ground.list_of("100").read_text().splitlines()[1:]]
    names = dict(zip(BAD, listed, strict=False))
    for kind, (spoil, _) in BAD.items():
        spoil(ground.folder / names[kind])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sound, "pool", in_threads)
        return ground.verified(), names


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_named_with_what_is_wrong_with_it(spoiled: tuple[Report, dict[str, str]], kind: str) -> None:
    report, names = spoiled
    found = {fault.check: fault.sentence for fault in report.faults if fault.subject == names[kind]}
    assert set(found) == set(BAD[kind][1])
    for check, words in BAD[kind][1].items():
        assert found[check].startswith(f"{names[kind]} {words}"), found[check]


def test_all_bad_files_are_listed_each_once_a_check_and_no_other(spoiled: tuple[Report, dict[str, str]]) -> None:
    report, names = spoiled
    found = sorted((fault.check, fault.subject) for fault in report.faults)
    assert found == sorted((check, names[kind]) for kind, (_, said) in BAD.items() for check in said)


def test_what_is_no_audio_is_said_without_the_words_of_the_machine(spoiled: tuple[Report, dict[str, str]]) -> None:
    report, _ = spoiled
    assert "BytesIO" not in report.model_dump_json()
    assert " object at 0x" not in report.model_dump_json()


def test_a_clip_that_lacks_one_sample_is_not_said_to_last_as_long_as_it_should(ground: Ground) -> None:
    written(noise(RATE - 1))(ground.folder / NAME)
    (sentence,) = faults(ground.verified())["format"]
    assert "1.000 s instead of 1" not in sentence
    assert "7,999" in sentence


def test_a_file_of_no_samples_has_another_length_and_that_is_all(ground: Ground) -> None:
    written(np.zeros(0))(ground.folder / NAME)
    assert faults(ground.verified()) == {"format": [f"{NAME} has 0 samples instead of 8,000."]}


@pytest.mark.parametrize(
    "spoil",
    [header(rate=0), header(rate=0xFFFFFFFF), header(channels=0xFFFF), header(fmt_size=0xFFFF)],
    ids=["0 Hz", "4 GHz", "65,535 channels", "no such header"],
)
def test_a_file_whose_header_is_damaged_is_a_fault(ground: Ground, spoil: Callable[[Path], None]) -> None:
    spoil(ground.folder / NAME)
    report = ground.verified()
    assert {fault.subject for fault in report.faults} == {NAME}


def test_a_flac_file_whose_header_is_damaged_is_a_fault(ground: Ground) -> None:
    written(noise(), format="FLAC", subtype="PCM_16")(ground.folder / NAME)
    content = bytearray((ground.folder / NAME).read_bytes())
    content[21] = 255
    (ground.folder / NAME).write_bytes(content)
    assert {fault.subject for fault in ground.verified().faults} == {NAME}


def test_a_name_that_no_file_can_have_makes_its_list_no_text(ground: Ground) -> None:
    edit(ground.meta, lambda text: text + "audio/bus-rome-1-1-0-\0.wav\tbus\trome-1\ta\n")
    assert faults(ground.lists_only()) == {"meta.csv": ["meta.csv is not UTF-8 text."]}


def test_enormous_values_are_no_trouble(ground: Ground) -> None:
    written(1e30 * noise(), subtype="FLOAT")(ground.folder / NAME)
    assert faults(ground.verified()) == {"format": [f"{NAME} has 32 bits a sample instead of 24."]}


def test_a_folder_in_which_every_file_is_wrong_still_ends_with_a_report(ground: Ground) -> None:
    for path in (ground.folder / "audio").iterdir():
        path.write_text("no audio")
    report = ground.verified()
    assert {check: len(found) for check, found in faults(report).items()} == {"files": 144}
    assert report.data == {}


def test_a_folder_in_which_every_file_is_missing_still_ends_with_a_report(ground: Ground) -> None:
    shutil.rmtree(ground.folder / "audio")
    (ground.folder / "audio").mkdir()
    report = ground.verified()
    assert {check: len(found) for check, found in faults(report).items()} == {"files": 144}


def test_a_meta_that_lists_nothing_still_ends_with_a_report(ground: Ground) -> None:
    edit(ground.meta, lambda text: text.partition("\n")[0] + "\n")
    report = ground.verified()
    assert "meta.csv lists no clip." in faults(report)["meta.csv"]
    assert report.data == {}


@pytest.mark.parametrize(("count", "words"), [(1, "1 file in audio/ is "), (5, "5 files in audio/ are ")])
def test_files_that_meta_does_not_name_are_worth_a_note(ground: Ground, count: int, words: str) -> None:
    for number in range(count):
        (ground.folder / "audio" / f"stray{number}.wav").touch()
    report = ground.verified()
    assert report.sound
    (note,) = report.notes
    assert note.startswith(words)
    assert "audio/stray0.wav" in note
    assert len(note) < 200
    assert note.endswith((".", "…"))


def test_of_a_published_data_set_the_format_is_the_published_one(ground: Ground) -> None:
    track = ground.track.model_copy(update={"published": "tau2022"})
    report = verification.verify(ground.folder, track, (), silently, workers=2)
    found = faults(report)["format"]
    assert len(found) == 144
    assert found[0] == f"{NAME} has 8,000 Hz instead of 44,100."


def test_the_format_of_most_files_is_that_of_an_unknown_data_set(ground: Ground) -> None:
    report = ground.verified()
    said = next(check for check in report.checks if check.name == "format")
    assert said.verdict == "8,000 Hz, 24 bit, mono, 1 s"
    written(noise(16000), 16000)(ground.folder / NAME)
    assert [fault.subject for fault in ground.verified().faults] == [NAME]


def test_clips_of_ten_seconds_at_44_100_hz_are_sound_on_a_track_of_such_clips(ground: Ground) -> None:
    """Test clips only in the meta of the made folder are too many for this: one clip of each recording is kept."""
    kept = [line for line in ground.meta.read_text().splitlines() if line.startswith("audio/bus") and "-0-" in line]
    keep = {line.partition("\t")[0] for line in kept}
    for path in (ground.meta, *map(ground.list_of, ("50", "100", "test"))):
        edit(path, lambda text: "".join(
            row for n, row in enumerate(text.splitlines(keepends=True)) if n == 0 or row.partition("\t")[0] in keep
        ))  # fmt: skip
    shutil.rmtree(ground.folder / "audio")
    (ground.folder / "audio").mkdir()
    generator = np.random.default_rng(1)
    for name in keep:
        soundfile.write(ground.folder / name, generator.uniform(-0.3, 0.3, 441_000), 44_100, subtype="PCM_24")
    track = ground.track.model_copy(update={"clip_seconds": 10.0})
    report = verification.verify(ground.folder, track, (), silently, workers=2)
    assert report.sound, report.faults


def test_real_clips_of_tau_are_sound(shared: Path, tmp_path: Path) -> None:
    """tau_mini, its segments shared out between training and test; format as published."""
    source = shared / "data" / "tau_mini"
    (tmp_path / "split_setup").mkdir()
    (tmp_path / "audio").symlink_to(source / "audio")
    shutil.copy(source / "meta.csv", tmp_path / "meta.csv")
    rows = [line.split("\t") for line in (source / "meta.csv").read_text().splitlines()[1:]]
    places = sorted({row[2] for row in rows})
    for name, side in (("split100.csv", 0), ("test.csv", 1)):
        some = [row[:2] for row in rows if places.index(row[2]) % 2 == side]
        made.write_table(tmp_path / "split_setup" / name, ("filename", "scene_label"), some)
    track = tracks.load("dcase2024-task1")[0].model_copy(update={"splits": {"100": "split100.csv"}})
    report = verification.verify(tmp_path, track, (), silently, workers=2)
    assert set(faults(report)) == {"published lists"}
    assert next(check for check in report.checks if check.name == "format").looked_at == 151


def test_a_report_reads_back_as_it_was_written(spoiled: tuple[Report, dict[str, str]]) -> None:
    report, _ = spoiled
    assert Report.model_validate_json(report.model_dump_json()) == report
    assert report.faults
    assert not report.sound


def test_fingerprints_are_given_where_all_files_can_be_read(ground: Ground) -> None:
    assert set(ground.verified().data) == {"50", "100"}
    (ground.folder / LAST).write_bytes(b"")
    assert set(ground.verified().data) == {"50"}
    (ground.folder / "audio" / "bus-london-102-1002-0-a.wav").unlink()
    assert ground.verified().data == {}


def test_a_fingerprint_changes_with_a_file_with_the_order_and_with_nothing_else(ground: Ground) -> None:
    before = ground.verified().data
    (ground.folder / "audio" / "stray.wav").touch()
    edit(ground.list_of("test"), lambda text: text.replace("audio/", "").replace("\n", "\r\n"))
    assert ground.verified().data == before
    written(noise())(ground.folder / LAST)
    after = ground.verified().data
    assert (after["50"] == before["50"], after["100"] == before["100"]) == (True, False)
    edit(ground.list_of("50"), lambda text: "\n".join([text.splitlines()[0], *text.splitlines()[:0:-1]]) + "\n")
    assert ground.verified().data["50"] != before["50"]


def test_a_result_carries_the_fingerprint_of_the_report_on_its_data(
    tmp_path: Path, track: str, tau_folder: Path, places: Places, hands: Hands
) -> None:
    """The two lines compute it apart: the one from files, the other from packed stores."""
    untrained = "def train(classifier, data, run):\n    return classifier\n"  # an optimiser is imported for seconds
    entry = made.entry_folder(tmp_path / "mine", train=untrained)
    assert evaluation.evaluate(entry, track, Choice(splits=("50",)), places, hands)
    (result,) = (one for _, one in results.read_all([places.results]) if isinstance(one, Result))
    report = verification.verify(tau_folder, tracks.load(track)[0], (), silently, workers=2)
    assert report.sound
    assert result.digests.data == report.data["50"]
    assert result.digests.data != report.data["100"]


def test_a_track_without_training_lists_has_the_fingerprint_of_its_test_clips(ground: Ground, tmp_path: Path) -> None:
    track = ground.track.model_copy(update={"splits": {}})
    report = verification.verify(ground.folder, track, (), silently, workers=2)
    data = tau.read(ground.folder, track)
    tested = test_clips.shuffled(data, data.test, RATE, 1.0, tmp_path / "cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("harness.data.packing.pool", in_threads)
        tested.pack(silently)
    assert report.data == {"none": store.data_digest(tested.fingerprint)}
