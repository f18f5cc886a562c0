"""Folders in the TAU layout: what people really have is read, and what is wrong with it is said in one sentence."""

from __future__ import annotations

import gzip
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness import tracks
from harness.data import lists, tau
from harness.data.dataset import Dataset
from harness.outcomes import Mistake
from harness.tracks import Track
from tests import made

RATE = 100
OFFICIAL = {"5": 6_980, "10": 13_960, "25": 34_900, "50": 69_800, "100": 139_620}
DEVICES = ("a", "b", "c", "s1", "s2", "s3", "s4", "s5", "s6")
BY_DEVICE = {  # facts/dcase.md, 2.4; the rows of splits, then the test list
    "5": (5_080, 380, 380, 380, 380, 380, 0, 0, 0),
    "10": (10_190, 730, 790, 740, 750, 760, 0, 0, 0),
    "25": (25_520, 1_900, 1_920, 1_840, 1_850, 1_870, 0, 0, 0),
    "50": (51_100, 3_780, 3_780, 3_720, 3_700, 3_720, 0, 0, 0),
    "100": (102_150, 7_490, 7_480, 7_500, 7_500, 7_500, 0, 0, 0),
    "test": (3_300, 3_290, 3_290, 3_300, 3_300, 3_300, 3_300, 3_300, 3_300),
}
BY_CLASS = {
    "5": (700, 700, 690, 690, 710, 720, 680, 700, 700, 690),
    "100": (13_930, 14_000, 13_820, 13_800, 14_290, 14_270, 13_730, 13_860, 14_130, 13_790),
    "test": (2_960, 2_970, 2_970, 2_970, 2_970, 2_970, 2_970, 2_970, 2_970, 2_960),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small folder that the test may change."""
    return made.tau_folder(tmp_path / "data", clips_per_cell=2, rate=RATE)


@pytest.fixture
def track(folder: Path) -> Track:
    return tracks.load(str(made.track_file(folder.parent / "tiny.toml", folder)))[0]


def edit(path: Path, change: Callable[[str], str]) -> None:
    path.write_bytes(change(path.read_bytes().decode()).encode())


def refusal(folder: Path, track: Track, rule: str) -> Mistake:
    with pytest.raises(Mistake) as caught:
        tau.read(folder, track)
    assert caught.value.rule == rule
    assert caught.value.problem.endswith((".", "?"))
    assert "\n" not in str(caught.value)
    assert caught.value.remedy
    return caught.value


def same(one: Dataset, other: Dataset) -> bool:
    lists = all(np.array_equal(one.splits[name], other.splits[name]) for name in one.splits)
    return lists and one.names == other.names and np.array_equal(one.test, other.test)


def test_a_small_folder_is_read_as_it_lies(folder: Path, track: Track) -> None:
    data = tau.read(folder, track)
    assert data.audio == folder
    assert len(data.names) == 3 * 4 * 3 * 2
    assert {name: len(rows) for name, rows in data.splits.items()} == {"50": 12, "100": 24}
    assert len(data.test) == 3 * 2 * 3 * 2
    for row, name in enumerate(data.names):
        scene, city, location, segment, _, device = Path(name).stem.split("-")
        assert (folder / name).is_file()
        assert track.labels[data.labels[row]] == scene
        assert data.devices[row] == device
        assert data.locations[row] == f"{scene}-{city}-{location}"
        assert data.segments[row] == f"{scene}-{city}-{location}-{segment}"


def test_rows_of_a_list_stand_in_the_order_of_the_list(folder: Path, track: Track) -> None:
    path = folder / "split_setup" / "split100.csv"
    edit(path, lambda text: "\n".join([text.split("\n")[0], *reversed(text.strip().split("\n")[1:])]) + "\n")
    expected = [line.split("\t")[0] for line in path.read_text().strip().split("\n")[1:]]
    data = tau.read(folder, track)
    assert [data.names[row] for row in data.splits["100"]] == expected


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("audio/", ""),
        lambda text: "\ufeff" + text,
        lambda text: text.rstrip("\n"),
        lambda text: text + "\n\n",
        lambda text: text.replace("\n", "\tmore\n"),
    ],
    ids=["crlf", "no prefix", "byte order mark", "no last line end", "blank lines", "another column"],
)
@pytest.mark.parametrize("which", ["lists", "meta"])
def test_the_forms_in_circulation_are_read_as_the_same_clips(
    folder: Path, track: Track, change: Callable[[str], str], which: str
) -> None:
    before = tau.read(folder, track)
    for path in (folder / "split_setup").iterdir() if which == "lists" else [folder / "meta.csv"]:
        edit(path, change)
    assert same(tau.read(folder, track), before)


def test_lists_are_looked_for_in_the_folders_given_first(folder: Path, track: Track, tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    shutil.copy(folder / "split_setup" / "split50.csv", tmp_path / "lists" / "split100.csv")
    data = tau.read(folder, track, [tmp_path / "lists"])
    assert np.array_equal(data.splits["100"], data.splits["50"])


@pytest.mark.parametrize("place", ["evaluation_setup", "."])
def test_lists_are_found_in_each_folder_of_the_data_set(folder: Path, track: Track, place: str) -> None:
    before = tau.read(folder, track)
    (folder / place).mkdir(exist_ok=True)
    (folder / "split_setup" / "split50.csv").rename(folder / place / "split50.csv")
    assert same(tau.read(folder, track), before)


def test_official_lists_of_2022_stand_in_for_those_of_2024(folder: Path, track: Track) -> None:
    before = tau.read(folder, track)
    (folder / "evaluation_setup").mkdir()
    for old, new in (("split100", "fold1_train"), ("test", "fold1_evaluate")):
        (folder / "split_setup" / f"{old}.csv").rename(folder / "evaluation_setup" / f"{new}.csv")
    assert same(tau.read(folder, track), before)


def test_a_list_that_is_there_is_preferred_to_its_stand_in(folder: Path, track: Track, tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    shutil.copy(folder / "split_setup" / "split50.csv", tmp_path / "lists" / "fold1_train.csv")
    assert len(tau.read(folder, track, [tmp_path / "lists"]).splits["100"]) == 24


def test_a_missing_folder_is_named_with_what_to_download(tmp_path: Path) -> None:
    official, _ = tracks.load("dcase2024-task1")
    mistake = refusal(tmp_path / "nowhere", official, "data.missing")
    assert "nowhere is not a folder" in mistake.problem
    assert "Zenodo record 6337421" in mistake.remedy
    assert "--data DIR" in mistake.remedy


@pytest.mark.parametrize(("part", "rule"), [("meta.csv", "data.meta"), ("audio", "data.audio")])
def test_a_missing_part_of_the_folder_is_named(folder: Path, track: Track, part: str, rule: str) -> None:
    (folder / part).rename(folder / "elsewhere")
    mistake = refusal(folder, track, rule)
    assert f"holds no {part}" in mistake.problem
    assert "--data DIR" in mistake.remedy


@pytest.mark.parametrize("column", ["filename", "scene_label", "identifier", "source_label"])
def test_a_missing_column_is_named_beside_those_that_are_there(folder: Path, track: Track, column: str) -> None:
    edit(folder / "meta.csv", lambda text: text.replace(column, "other", 1))
    problem = refusal(folder, track, "data.column").problem
    assert f'no column "{column}"' in problem
    assert "other" in problem


def test_commas_in_place_of_tabs_are_told_from_tabs(folder: Path, track: Track) -> None:
    edit(folder / "split_setup" / "test.csv", lambda text: text.replace("\t", ","))
    mistake = refusal(folder, track, "data.column")
    assert "test.csv" in mistake.problem
    assert "tabs" in mistake.remedy


def test_an_empty_file_has_no_columns(folder: Path, track: Track) -> None:
    (folder / "split_setup" / "test.csv").write_text("")
    assert "its header has nothing" in refusal(folder, track, "data.column").problem


@pytest.mark.parametrize("name", ["split50.csv", "test.csv"])
def test_a_missing_list_is_named_with_the_places_that_were_searched(folder: Path, track: Track, name: str) -> None:
    (folder / "split_setup" / name).unlink()
    mistake = refusal(folder, track, "data.list")
    assert f"The list {name} of track tiny is in none of" in mistake.problem
    assert str(folder / "split_setup") in mistake.problem
    assert "--splits DIR" in mistake.remedy


def test_an_unknown_label_is_refused_with_line_and_nearest_name(folder: Path, track: Track) -> None:
    edit(folder / "meta.csv", lambda text: text.replace("\tpark\t", "\tparc\t", 1))
    line = next(n for n, row in enumerate((folder / "meta.csv").read_text().split("\n"), 1) if "\tparc\t" in row)
    problem = refusal(folder, track, "data.label").problem
    assert f'meta.csv, line {line}: "parc" is no label of this track. Did you mean "park"?' in problem


def test_a_listed_clip_that_meta_does_not_have_is_refused_with_its_line(folder: Path, track: Track) -> None:
    path = folder / "split_setup" / "test.csv"
    edit(path, lambda text: text + "audio/bus-rome-1-1-0-a.wav\tbus\n")
    lines = len(path.read_text().strip().split("\n"))
    problem = refusal(folder, track, "data.list").problem
    assert f"test.csv, line {lines}: audio/bus-rome-1-1-0-a.wav is not in meta.csv" in problem


def test_a_clip_that_meta_has_twice_is_named(folder: Path, track: Track) -> None:
    edit(folder / "meta.csv", lambda text: text + text.strip().split("\n")[5].replace("audio/", "") + "\n")
    name = (folder / "meta.csv").read_text().split("\n")[5].partition("\t")[0]
    assert f"{name} twice" in refusal(folder, track, "data.twice").problem


def test_a_clip_that_a_list_has_twice_is_refused(folder: Path, track: Track) -> None:
    edit(folder / "split_setup" / "split50.csv", lambda text: text + text.split("\n")[1].replace("audio/", "") + "\n")
    assert "split50.csv lists audio/bus-lyon-100-1000-0-a.wav twice" in refusal(folder, track, "data.list").problem


@pytest.mark.parametrize(("name", "rule"), [("split_setup/split50.csv", "data.list"), ("meta.csv", "data.meta")])
def test_a_list_of_nothing_but_a_header_is_refused(folder: Path, track: Track, name: str, rule: str) -> None:
    edit(folder / name, lambda text: text.split("\n")[0] + "\n")
    assert "lists no clip" in refusal(folder, track, rule).problem


@pytest.mark.parametrize("name", ["split_setup/split50.csv", "meta.csv"])
def test_a_table_that_is_not_utf_8_is_refused(folder: Path, track: Track, name: str) -> None:
    (folder / name).write_bytes((folder / name).read_bytes() + b"audio/caf\xe9.wav\tbus\tlyon-1\ta\n")
    mistake = refusal(folder, track, "data.encoding")
    assert mistake.remedy == "Save it as UTF-8."


@pytest.mark.parametrize("row", ["audio/x.wav", "audio/x.wav\tbus\t\ta", "\tbus\tlyon-1\ta"])
def test_a_row_with_too_few_columns_is_refused_with_its_line(folder: Path, track: Track, row: str) -> None:
    edit(folder / "meta.csv", lambda text: text + row + "\n")
    assert "meta.csv, line 74 has too few columns" in refusal(folder, track, "data.row").problem


def test_a_quotation_mark_that_is_never_closed_is_a_mistake(folder: Path, track: Track) -> None:
    """The reader then takes the rest of the file for one field, which in a large file is longer than it allows."""
    edit(folder / "meta.csv", lambda text: text + '"' + "audio/x.wav\tbus\tlyon-1\ta\n" * 6000)
    with pytest.raises(Mistake):
        tau.read(folder, track)


def test_a_training_list_that_holds_a_test_clip_is_refused(folder: Path, track: Track) -> None:
    """`contract.TrainingData`: it never holds a test clip."""
    tested = (folder / "split_setup" / "test.csv").read_text().split("\n")[1]
    edit(folder / "split_setup" / "split100.csv", lambda text: text + tested + "\n")
    with pytest.raises(Mistake):
        tau.read(folder, track)


@pytest.mark.parametrize("name", ["clip.wav", "x-1.wav", "audio/x-1-2.wav"])
def test_a_clip_with_a_name_of_its_own_has_a_segment_all_the_same(folder: Path, track: Track, name: str) -> None:
    edit(folder / "meta.csv", lambda text: text + f"{name}\tbus\trome-1\ta\n")
    data = tau.read(folder, track)
    assert data.names[-1] == lists.normal_name(name)
    assert data.segments[-1]


@pytest.fixture(scope="module")
def official(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The official lists in a folder without audio; fold1_train stands in for split100, which nobody has."""
    folder = tmp_path_factory.mktemp("official")
    (folder / "audio").mkdir()
    (folder / "split_setup").mkdir()
    for path in sorted((shared / "data" / "tau22_splits").glob("*.csv*")):
        name = path.name.removesuffix(".gz")
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        ((folder if name == "meta.csv" else folder / "split_setup") / name).write_bytes(content)
    return tau.read(folder, tracks.load("dcase2024-task1")[0])


def test_official_lists_have_the_official_sizes(official: Dataset) -> None:
    assert len(official.names) == 230_350
    assert {name: len(rows) for name, rows in official.splits.items()} == OFFICIAL
    assert len(official.test) == 29_680


def test_official_lists_have_the_official_devices_and_classes(official: Dataset) -> None:
    rows = {**official.splits, "test": official.test}
    for name, expected in BY_DEVICE.items():
        counts = Counter(official.devices[rows[name]].tolist())
        assert tuple(counts[device] for device in DEVICES) == expected
    for name, expected in BY_CLASS.items():
        assert tuple(np.bincount(official.labels[rows[name]], minlength=10).tolist()) == expected


def test_official_splits_are_nested(official: Dataset) -> None:
    smaller: set[int] = set()
    for name in OFFICIAL:
        rows = set(official.splits[name].tolist())
        assert smaller < rows
        smaller = rows


def test_official_training_and_test_share_no_clip_no_segment_and_no_location(official: Dataset) -> None:
    train, test = official.splits["100"], official.test
    assert set(train.tolist()).isdisjoint(test.tolist())
    for facts in (official.locations, official.segments):
        assert set(facts[train].tolist()).isdisjoint(facts[test].tolist())


def test_official_segments_and_locations_are_as_many_as_counted(official: Dataset) -> None:
    """Parallel recordings of one place by several devices are one segment here, not one each."""
    devices = np.char.add(np.char.add(official.segments, "-"), official.devices)
    for rows, segments, locations in ((official.splits["100"], 13_962, 365), (official.test, 2_968, 146)):
        assert set(Counter(devices[rows].tolist()).values()) == {10}
        assert len(set(devices[rows].tolist())) == segments
        assert len(set(official.locations[rows].tolist())) == locations
