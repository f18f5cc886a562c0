"""Official lists are known by what they hold, whatever form they came in; one row or label off is a fault in counts."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import tracks
from harness.data import lists, published, verification
from harness.data.listing import Listed, Listing, Meta
from harness.data.lists import LIST_COLUMNS
from harness.data.verification import Check, Report, agreement
from tests.harness.data.verifying import Ground, edit, faults

DEVICES = ("a", "b", "c", "s1", "s2", "s3", "s4", "s5", "s6")
BY_DEVICE = {  # facts/dcase.md, 2.4
    "meta.csv": (144_000, 10_780, 10_770, 10_800, 10_800, 10_800, 10_800, 10_800, 10_800),
    "split 100": (102_150, 7_490, 7_480, 7_500, 7_500, 7_500, 0, 0, 0),
    "split 50": (51_100, 3_780, 3_780, 3_720, 3_700, 3_720, 0, 0, 0),
    "split 25": (25_520, 1_900, 1_920, 1_840, 1_850, 1_870, 0, 0, 0),
    "split 10": (10_190, 730, 790, 740, 750, 760, 0, 0, 0),
    "split 5": (5_080, 380, 380, 380, 380, 380, 0, 0, 0),
    "test list": (3_300, 3_290, 3_290, 3_300, 3_300, 3_300, 3_300, 3_300, 3_300),
}
BY_LABEL = {  # in the order of the alphabet
    "split 100": (13_930, 14_000, 13_820, 13_800, 14_290, 14_270, 13_730, 13_860, 14_130, 13_790),
    "split 50": (6_960, 6_990, 6_920, 6_900, 7_150, 7_130, 6_870, 6_930, 7_070, 6_880),
    "split 25": (3_490, 3_480, 3_470, 3_450, 3_570, 3_560, 3_440, 3_470, 3_530, 3_440),
    "split 10": (1_400, 1_390, 1_390, 1_380, 1_430, 1_420, 1_370, 1_390, 1_420, 1_370),
    "split 5": (700, 700, 690, 690, 710, 720, 680, 700, 700, 690),
    "test list": (2_960, 2_970, 2_970, 2_970, 2_970, 2_970, 2_970, 2_970, 2_970, 2_960),
}
CLIPS = {
    "meta.csv": 230_350, "split 100": 139_620, "split 50": 69_800, "split 25": 34_900, "split 10": 13_960,
    "split 5": 6_980, "test list": 29_680,
}  # fmt: skip
RECORDINGS = {
    "meta.csv": 23_035, "split 100": 13_962, "split 50": 6_980, "split 25": 3_490, "split 10": 1_396, "split 5": 698,
    "test list": 2_968,
}  # fmt: skip
LOCATIONS = {"meta.csv": 514, "split 100": 365, "test list": 146}
SHA256 = {  # facts/dcase.md, 2.5
    "split5.csv": "c7dadadd39bb96e0c0fdd98b88a03b6f671ea6544ed318ffadc2be3f23c6daef",
    "split10.csv": "69608bd9b241534e7cf79aefadbca3535bc0fe5ffcd1e5584f116a2b34ccf711",
    "split25.csv": "cacc595c8e4950a89544b6852b362a8a008c3f4d82b29eda5a5abb6fa4ecad1a",
    "split50.csv": "8937e3f534143351280c1946501f7cff21cd07683e9bc254d50fdc365f9d6877",
    "test.csv": "efe84eb90ebe11931f93f0877f8b3405d7684652cd3d2e2784e95ec39d8888a8",
}


@pytest.fixture(scope="module")
def official(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """The official lists in a folder without audio; fold1_train stands in for split100, which nobody has."""
    folder = tmp_path_factory.mktemp("official")
    (folder / "split_setup").mkdir()
    for path in sorted((shared / "data" / "tau22_splits").glob("*.csv*")):
        name = path.name.removesuffix(".gz")
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        ((folder if name == "meta.csv" else folder / "split_setup") / name).write_bytes(content)
    return Ground(folder, tracks.load("dcase2024-task1")[0])


@pytest.fixture(scope="module")
def whole(official: Ground) -> Report:
    return official.lists_only()


@pytest.fixture
def part(official: Ground, tmp_path: Path) -> Ground:
    """Split 5 and the test list alone, with the rows of meta.csv that they need: a tenth of the work."""
    (tmp_path / "split_setup").mkdir()
    kept: set[str] = set()
    for name in ("split5.csv", "test.csv"):
        text = (official.folder / "split_setup" / name).read_text()
        (tmp_path / "split_setup" / name).write_text(text)
        kept |= {line.partition("\t")[0] for line in text.splitlines()}
    rows = official.meta.read_text().splitlines(keepends=True)
    (tmp_path / "meta.csv").write_text("".join(row for row in rows if row.partition("\t")[0] in kept))
    return Ground(tmp_path, official.track.model_copy(update={"splits": {"5": "split5.csv"}}))


def check_of(report: Report) -> Check:
    return next(check for check in report.checks if check.name == "published lists")


def about(report: Report, name: str) -> list[str]:
    """What is said of a list; the shortened meta.csv is no matter here."""
    return [fault.sentence for fault in check_of(report).faults if fault.subject == name]


def test_official_lists_are_sound_and_as_published(whole: Report) -> None:
    assert faults(whole) == {}
    assert whole.notes == ()
    check = check_of(whole)
    assert (check.looked_at, check.unit, check.verdict) == (7, "lists", "as published")


@pytest.mark.parametrize("name", CLIPS)
def test_official_lists_have_the_official_counts(whole: Report, name: str) -> None:
    counts = whole.counts[name]
    assert (counts.clips, counts.recordings) == (CLIPS[name], RECORDINGS[name])
    assert counts.devices == {device: count for device, count in zip(DEVICES, BY_DEVICE[name], strict=True) if count}
    if name in BY_LABEL:
        assert tuple(counts.labels[label] for label in sorted(counts.labels)) == BY_LABEL[name]
    if name in LOCATIONS:
        assert counts.locations == LOCATIONS[name]


def test_a_check_of_a_list_says_what_it_holds(whole: Report) -> None:
    said = next(check for check in whole.checks if check.name == "test list")
    assert said.says.startswith("2,968 recordings, 2,064 segments, 146 locations; a 3,300, b 3,290, c 3,290, s1 3,300")
    assert said.looked_at == 29_680


def test_what_is_called_published_is_what_the_publishers_files_are(official: Ground) -> None:
    known = published.load("tau2022").lists
    for name, expected in SHA256.items():
        assert known[name].sha256 == expected
        content = (official.folder / "split_setup" / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == expected
        rows = sorted(content.decode().splitlines()[1:])
        assert known[name].clips == hashlib.sha256("".join(f"{row}\n" for row in rows).encode()).hexdigest()


def test_the_published_counts_of_a_list_agree_with_each_other() -> None:
    known = published.load("tau2022").lists
    for one in known.values():
        assert one.count == sum(one.devices.values()) == sum(one.labels.values())
    assert known["split100.csv"].clips == known["fold1_train.csv"].clips
    assert known["test.csv"] == known["fold1_evaluate.csv"]


def reversed_rows(text: str) -> str:
    header, *rows = text.splitlines()
    return "\n".join([header, *reversed(rows)]) + "\n"


FORMS: dict[str, Callable[[str], str]] = {
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "no prefix": lambda text: text.replace("audio/", ""),
    "byte order mark": lambda text: "\ufeff" + text,
    "no last line end": lambda text: text.rstrip("\n"),
    "blank lines": lambda text: text.replace("\n", "\n\n"),
    "another column": lambda text: text.replace("\n", "\tmore\n"),
    "columns exchanged": lambda text: "".join(
        "\t".join(reversed(line.split("\t"))) + "\n" for line in text.splitlines()
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_another_form_of_a_list_is_still_the_published_one(part: Ground, form: str) -> None:
    edit(part.list_of("5"), FORMS[form])
    report = part.lists_only()
    assert about(report, "split5.csv") == []
    assert report.notes == ()
    assert set(faults(report)) == {"published lists"}  # the shortened meta.csv


def test_another_order_of_rows_is_worth_a_note_and_no_fault(part: Ground) -> None:
    edit(part.list_of("5"), reversed_rows)
    report = part.lists_only()
    assert about(report, "split5.csv") == []
    assert check_of(report).notes == ("split5.csv holds the published clips in another order.",)


def test_the_whole_training_list_may_stand_in_any_order(official: Ground) -> None:
    """Nobody has split100.csv: of the order of its rows nothing is known."""
    table = lists.read(official.folder / "split_setup" / "fold1_train.csv", LIST_COLUMNS)
    names, labels = (tuple(reversed(table.columns[name])) for name in LIST_COLUMNS)
    known = published.load("tau2022")
    for name, notes in (("split100.csv", 0), ("fold1_train.csv", 1)):
        listed = Listed("100", name, names, labels, table.lines)
        check = agreement.check(Listing(Meta("meta.csv"), (listed,), None), known)
        assert (check.looked_at, check.faults, len(check.notes)) == (1, (), notes)


def test_a_row_that_lacks_is_a_fault_that_names_the_counts(part: Ground) -> None:
    """The last row of split 5: a clip of device a in a tram."""
    last = part.list_of("5").read_text().splitlines()[-1]
    label, device = last.split("\t")[1], last.split("\t")[0].removesuffix(".wav").split("-")[-1]
    edit(part.list_of("5"), lambda text: text.removesuffix(last + "\n"))
    devices = dict(zip(DEVICES, BY_DEVICE["split 5"], strict=True))
    labels = dict(zip(sorted(part.track.labels), BY_LABEL["split 5"], strict=True))
    assert about(part.lists_only(), "split5.csv") == [
        "split5.csv is not the published list: 6,979 clips instead of 6,980; "
        f"{devices[device] - 1:,} of device {device} instead of {devices[device]:,}; "
        f"{labels[label] - 1:,} of {label} instead of {labels[label]:,}."
    ]


def test_a_label_that_was_changed_is_a_fault_that_names_the_two_counts(part: Ground) -> None:
    edit(part.list_of("5"), lambda text: text.replace("\ttram\n", "\tbus\n", 1))
    report = part.lists_only()
    assert about(report, "split5.csv") == [
        "split5.csv is not the published list: 701 of bus instead of 700; 689 of tram instead of 690."
    ]
    assert len(faults(report)["split 5"]) == 1
    assert set(faults(report)) == {"published lists", "split 5"}


def test_a_clip_exchanged_for_one_of_its_kind_is_found_though_all_counts_are_right(part: Ground) -> None:
    name = part.list_of("5").read_text().splitlines()[1].partition("\t")[0]
    scene, city, location, _, k, device = name.split("-")
    other = f"{scene}-{city}-{location}-99999-{k}-{device}"
    edit(part.list_of("5"), lambda text: text.replace(name, other, 1))
    assert about(part.lists_only(), "split5.csv") == [
        "split5.csv is not the published list: its counts are right, its clips are others."
    ]


def test_many_differences_are_counted_and_not_all_told(part: Ground) -> None:
    edit(part.list_of("5"), lambda text: "\n".join(text.splitlines()[:2]) + "\n")
    (sentence,) = about(part.lists_only(), "split5.csv")
    assert sentence.startswith("split5.csv is not the published list: 1 clips instead of 6,980; ")
    assert sentence.endswith("more counts.")
    assert len(sentence) < 250


def test_lists_of_another_data_set_are_not_compared(part: Ground) -> None:
    unknown = part.track.model_copy(update={"published": None})
    report = verification.verify(part.folder, unknown, (), None)
    assert "published lists" not in {check.name for check in report.checks}
