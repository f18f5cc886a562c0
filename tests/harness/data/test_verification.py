"""`data verify` on lists alone: what is wrong is named once, by what it is, and everything else stays fine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness import tracks
from harness.data import apart, listing, tau, verification
from harness.data.verification import Report
from harness.outcomes import Mistake
from tests import made
from tests.harness.data.verifying import CLIPS, Ground, copied, edit, faults, fine, without

A = "bus-lyon-100-1000-0-a"
"""A clip of both splits, in line 2 of meta.csv."""
UNUSED = "bus-lyon-100-1000-0-s4"
"""A clip in no list."""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made.tau_folder(tmp_path_factory.mktemp("template") / "data", clips_per_cell=CLIPS, rate=8)


@pytest.fixture
def ground(template: Path, tmp_path: Path) -> Ground:
    return copied(template, tmp_path, with_audio=False)


def only(report: Report, check: str, count: int = 1) -> list[str]:
    """What that check found, and no other did."""
    found = faults(report)
    assert set(found) == {check}, found
    assert len(found[check]) == count, found
    for sentence in found[check]:
        assert sentence.endswith((".", "?"))
        assert sentence.isprintable()
    return found[check]


def test_a_folder_that_is_as_it_should_be_is_sound(ground: Ground) -> None:
    report = ground.lists_only()
    assert report.sound
    assert report.notes == ()
    assert [check.name for check in report.checks] == [
        "meta.csv", "split 50", "split 100", "test list", "names", "nesting", "whole recordings",
        "leak: clip", "leak: segment", "leak: location",
    ]  # fmt: skip
    assert report.data == {}  # nothing was listened to


def test_counts_are_those_of_the_lists(ground: Ground) -> None:
    """Three scenes; two locations, two devices and four clips of a recording for training, two, three and four test."""
    counts = ground.lists_only().counts
    assert set(counts) == {"meta.csv", "split 50", "split 100", "test list"}
    assert {name: one.clips for name, one in counts.items()} == {
        "meta.csv": 144, "split 50": 24, "split 100": 48, "test list": 72,
    }  # fmt: skip
    assert {name: one.recordings for name, one in counts.items()} == {
        "meta.csv": 36, "split 50": 6, "split 100": 12, "test list": 18,
    }  # fmt: skip
    assert {name: one.segments for name, one in counts.items()} == {
        "meta.csv": 12, "split 50": 3, "split 100": 6, "test list": 6,
    }  # fmt: skip
    assert counts["split 100"].devices == {"a": 24, "s1": 24}
    assert counts["test list"].devices == {"a": 24, "s1": 24, "s4": 24}
    assert counts["test list"].labels == {"bus": 24, "park": 24, "tram": 24}


def test_a_clip_of_a_smaller_split_that_the_larger_lacks_is_named(ground: Ground) -> None:
    edit(ground.list_of("100"), without("bus-lyon-100-1000-"))
    found = only(ground.lists_only(), "nesting", 8)
    assert found[0] == f"audio/{A}.wav is in split 50 and not in split 100."


def test_a_recording_that_a_split_cuts_in_two_is_named_with_both_counts(ground: Ground) -> None:
    edit(ground.list_of("50"), without(A))
    found = only(ground.lists_only(), "whole recordings")
    assert found == ["Split 50 holds 3 of the 4 clips of bus-lyon-100-1000-a."]


def test_a_clip_that_a_list_has_twice_is_named_with_both_lines(ground: Ground) -> None:
    edit(ground.list_of("100"), lambda text: text + f"{A}.wav\tbus\n")  # without the prefix
    found = only(ground.lists_only(), "split 100")
    assert found == [f"split100.csv, line 50: audio/{A}.wav stands in line 2 too."]


def test_a_clip_that_stands_twice_does_not_hide_one_that_lacks(ground: Ground) -> None:
    edit(ground.list_of("50"), lambda text: text.replace("bus-lyon-100-1000-1-a", A))
    found = faults(ground.lists_only())
    assert set(found) == {"split 50", "whole recordings"}
    assert found["whole recordings"] == ["Split 50 holds 3 of the 4 clips of bus-lyon-100-1000-a."]


def test_a_clip_that_meta_has_twice_is_one_fault(ground: Ground) -> None:
    edit(ground.meta, lambda text: text + text.splitlines()[1] + "\n")
    found = only(ground.lists_only(), "meta.csv")
    assert found == [f"meta.csv, line 146: audio/{A}.wav stands in line 2 too."]


def test_a_listed_clip_that_meta_lacks_is_named_with_its_line(ground: Ground) -> None:
    edit(ground.list_of("test"), lambda text: text + "audio/bus-rome-1-1-0-a.wav\tbus\n")
    found = only(ground.lists_only(), "test list")
    assert found == ["test.csv, line 74: audio/bus-rome-1-1-0-a.wav is not in meta.csv."]


def test_a_label_that_differs_between_list_and_meta_is_named_with_both(ground: Ground) -> None:
    edit(ground.list_of("100"), lambda text: text.replace(f"{A}.wav\tbus", f"{A}.wav\ttram"))
    found = only(ground.lists_only(), "split 100")
    assert found == [f"split100.csv, line 2: audio/{A}.wav is called tram, and bus in meta.csv."]


def test_a_label_that_lacks_in_a_list_is_said_to_lack(ground: Ground) -> None:
    edit(ground.list_of("100"), lambda text: text.replace(f"{A}.wav\tbus", f"{A}.wav\t"))
    found = only(ground.lists_only(), "split 100")
    assert "split100.csv, line 2" in found[0]
    assert "called ," not in found[0]


@pytest.mark.parametrize(
    ("right", "wrong", "sentence"),
    [
        ("\tpark\t", "\tparc\t", 'meta.csv, line 50: "parc" is no label of this track. Did you mean "park"?'),
        ("\ts1\n", "\ts11\n", 'meta.csv, line 6: "s11" is no device of this track. Did you mean "s1"?'),
    ],
    ids=["label", "device"],
)
def test_an_unknown_word_in_meta_is_one_fault_with_the_nearest_valid_one(
    ground: Ground, right: str, wrong: str, sentence: str
) -> None:
    edit(ground.meta, lambda text: text.replace(right, wrong, 1))
    assert only(ground.lists_only(), "meta.csv") == [sentence]


def test_tau_refuses_a_device_that_no_group_of_the_track_has(ground: Ground) -> None:
    edit(ground.meta, lambda text: text.replace("\ts1\n", "\ts11\n", 1))
    with pytest.raises(
        Mistake, match=r'meta\.csv, line 6: "s11" is no device of this track\. Did you mean "s1"\?'
    ) as caught:
        tau.read(ground.folder, ground.track)
    assert caught.value.rule == "data.device"


@pytest.mark.parametrize(
    ("column", "value"), [(1, "tram"), (2, "rome-100"), (2, "lyon-101"), (3, "a")],
    ids=["scene", "city", "location", "device"],
)  # fmt: skip
def test_a_name_that_contradicts_a_column_is_named_with_what_the_columns_say(
    ground: Ground, column: int, value: str
) -> None:
    row = f"audio/{UNUSED}.wav\tbus\tlyon-100\ts4".split("\t")
    line = ground.meta.read_text().splitlines().index("\t".join(row)) + 1
    changed = [*row[:column], value, *row[column + 1 :]]
    edit(ground.meta, lambda text: text.replace("\t".join(row), "\t".join(changed)))
    found = faults(ground.lists_only())
    assert set(found) <= {"names", "whole recordings"}  # by its device the clip is of another recording
    said = f"{changed[1]}, {changed[2]}, device {changed[3]}"
    assert found["names"] == [f"meta.csv, line {line}: audio/{UNUSED}.wav is said to be {said}."]


@pytest.mark.parametrize("name", ["clip.wav", "x-1.wav", "a-b-c-d-e-f-g.wav", "no-dot-at-all-1-a", "1-7456-A-13.flac"])
def test_names_of_another_form_are_worth_a_note_and_no_fault(ground: Ground, name: str) -> None:
    edit(ground.meta, lambda text: text + f"audio/{name}\tbus\trome-1\ta\n")
    report = ground.lists_only()
    assert faults(report) == {}
    assert len(report.notes) == 1
    assert "not of the TAU form" in report.notes[0]


def test_clips_of_tau_2020_are_each_a_segment_as_the_note_says(ground: Ground) -> None:
    """Ten-second clips `<scene>-<city>-<location>-<segment>-<device>`: a split may take some of a location."""
    rows = [
        (f"audio/{scene}-{city}-{number}-{number}{segment}-{device}.wav", scene, f"{city}-{number}", device)
        for scene in made.LABELS for number, city in enumerate(("lyon", "milan")) for segment in range(3)
        for device in ("a", "s1")
    ]  # fmt: skip
    made.write_table(ground.meta, ("filename", "scene_label", "identifier", "source_label"), rows)
    kept = {
        "50": [row[:2] for row in rows if "-lyon-0-00-" in row[0]],
        "100": [row[:2] for row in rows if "-lyon-" in row[0]],
        "test": [row[:2] for row in rows if "-milan-" in row[0]],
    }
    for split, some in kept.items():
        made.write_table(ground.list_of(split), ("filename", "scene_label"), some)
    report = ground.lists_only()
    assert faults(report) == {}
    assert report.counts["split 100"].recordings == 18
    assert len(report.notes) == 1


BROKEN: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "UTF-16": (lambda content: content.decode().encode("utf-16"), "is not UTF-8 text"),
    "Latin-1": (lambda content: content + b"audio/M\xfcnchen.wav\tbus\tlyon-1\ta\n", "is not UTF-8 text"),
    "no bytes": (lambda _: b"", "its header has nothing"),
    "a missing column": (lambda content: content.replace(b"filename", b"file"), 'has no column "filename"'),
    "commas": (lambda content: content.replace(b"\t", b","), 'has no column "filename"'),
    "a header alone": (lambda content: content.partition(b"\n")[0] + b"\n", "lists no clip"),
}


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize("split", ["100", "test"])
def test_a_list_that_cannot_be_read_is_one_fault(ground: Ground, split: str, how: str) -> None:
    change, words = BROKEN[how]
    path = ground.list_of(split)
    path.write_bytes(change(path.read_bytes()))
    (sentence,) = only(ground.lists_only(), "test list" if split == "test" else "split 100")
    assert words in sentence
    assert path.name in sentence


@pytest.mark.parametrize("how", BROKEN)
def test_a_meta_that_cannot_be_read_is_one_fault(ground: Ground, how: str) -> None:
    change, words = BROKEN[how]
    ground.meta.write_bytes(change(ground.meta.read_bytes()))
    (sentence,) = only(ground.lists_only(), "meta.csv")
    assert words in sentence


@pytest.mark.parametrize("column", ["scene_label", "identifier", "source_label"])
def test_a_column_that_meta_lacks_is_named(ground: Ground, column: str) -> None:
    edit(ground.meta, lambda text: text.replace(column, "other", 1))
    assert f'has no column "{column}"' in faults(ground.lists_only())["meta.csv"][0]


@pytest.mark.parametrize("split", ["50", "100", "test"])
def test_a_list_that_is_not_there_is_one_fault_and_the_rest_is_checked(ground: Ground, split: str) -> None:
    path = ground.list_of(split)
    path.unlink()
    report = ground.lists_only()
    (sentence,) = only(report, "test list" if split == "test" else f"split {split}")
    assert f"The list {path.name} of track tiny is in none of" in sentence
    assert ("leak: clip" in fine(report)) == (split != "test")


def test_a_folder_without_any_list_still_ends_with_a_report(ground: Ground) -> None:
    for split in ("50", "100", "test"):
        ground.list_of(split).unlink()
    report = ground.lists_only()
    assert set(faults(report)) == {"split 50", "split 100", "test list"}
    assert set(report.counts) == {"meta.csv"}


@pytest.mark.parametrize("break_it", [lambda path: path.unlink(), lambda path: path.write_bytes(b"\xff\xfe")])
def test_a_report_names_no_folder_of_this_machine(ground: Ground, break_it: Callable[[Path], None]) -> None:
    break_it(ground.list_of("test"))
    report = ground.lists_only()
    assert not report.sound
    assert str(ground.folder.parent) not in report.model_dump_json()


def test_a_track_without_training_lists_has_only_its_test_list(ground: Ground) -> None:
    track = ground.track.model_copy(update={"splits": {}})
    report = verification.verify(ground.folder, track, (), None)
    assert report.sound
    assert set(report.counts) == {"meta.csv", "test list"}


def test_no_training_split_may_be_called_test(tmp_path: Path, ground: Ground) -> None:
    path = made.track_file(tmp_path / "odd.toml", ground.folder)
    path.write_text(path.read_text().replace('50 = "split50.csv"', 'test = "split50.csv"'))
    with pytest.raises(Mistake, match="test"):
        tracks.load(str(path))


@pytest.mark.parametrize(("part", "rule"), [("meta.csv", "data.meta"), ("audio", "data.audio"), ("", "data.missing")])
def test_a_folder_that_is_none_is_a_mistake_and_no_report(ground: Ground, tmp_path: Path, part: str, rule: str) -> None:
    (ground.folder / part).rename(tmp_path / "elsewhere")
    with pytest.raises(Mistake) as caught:
        ground.verified()
    assert caught.value.rule == rule


def test_names_and_lists_are_checked_without_the_audio(ground: Ground) -> None:
    (ground.folder / "audio").rename(ground.folder / "elsewhere")
    assert ground.lists_only().sound


def test_lists_are_looked_for_in_the_folders_given_first(ground: Ground, tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    ground.list_of("100").replace(tmp_path / "lists" / "split100.csv")
    assert not ground.lists_only().sound
    assert verification.verify(ground.folder, ground.track, (tmp_path / "lists",), None).sound


def test_a_list_that_is_on_both_sides_as_a_whole_takes_no_square_of_its_length() -> None:
    """It would be half an hour."""
    count = 50_000
    names = tuple(f"audio/bus-lyon-{n // 1000}-{n // 10}-{n % 10}-a.wav" for n in range(count))
    places = tuple(f"lyon-{n // 1000}" for n in range(count))
    lines = range(2, count + 2)
    segments = tuple(map(tau.segment_of, names))
    meta = listing.Meta("meta.csv", names, ("bus",) * count, places, ("a",) * count, segments, lines)
    training, test = (listing.Listed(name, f"{name}.csv", names, None, lines) for name in ("100", "test"))
    checks = list(apart.checks(listing.Listing(meta, (training,), test)))
    assert [(check.name, len(check.faults)) for check in checks if check.faults] == [("leak: clip", count)]
