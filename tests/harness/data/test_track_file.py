"""Lists and their track are written whole, are read back as they were meant, and are never lost by a second call."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import tracks
from harness.data import lists, tau, track_file
from harness.data.lists import LIST_COLUMNS, META_COLUMNS
from harness.data.splitting import Wishes
from harness.data.track_file import Heading, Made
from harness.files import digest_of_file
from harness.outcomes import Mistake
from harness.tracks import Source

WISHES = Wishes(unseen=("s4",), main_device="a")
HEADING = Heading("my-rooms")
LISTS = ("split10.csv", "split100.csv", "split25.csv", "split5.csv", "split50.csv", "test.csv")
AWKWARD = "Köln \"at night\" \\ C:\\new\t\u2028 🎧 \x7f\x01 \n # [x] = 'y'"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder in the layout with empty audio files: a, b and s1 to train with, s4 for the test only."""
    folder = tmp_path / "data"
    (folder / "audio").mkdir(parents=True)
    rows = [
        (f"audio/{scene}-lyon-{place}-{10 * place + segment}-{k}-{device}.wav", scene, f"lyon-{place}", device)
        for first, scene in ((0, "kitchen"), (10, "bath room"), (20, "hall"))
        for place in range(first, first + 6)
        for segment in range(3)
        for device in ("a", "b", "s1", "s4")
        for k in range(2)
    ]
    for name, *_ in rows:
        (folder / name).touch()
    lists.write(folder / "meta.csv", META_COLUMNS, rows)
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".wav"}


def toml(made: Made) -> dict[str, Any]:
    return tomllib.loads(made.path.read_text(encoding="utf-8"))


def refusal(folder: Path, rule: str, wishes: Wishes = WISHES, heading: Heading = HEADING, **more: Any) -> Mistake:
    """The mistake; nothing is written with it."""
    before = files(folder)
    with pytest.raises(Mistake) as caught:
        track_file.make(folder, wishes, heading, **more)
    assert caught.value.rule == rule
    assert files(folder) == before
    return caught.value


def test_the_lists_are_read_with_the_track_that_was_written(folder: Path) -> None:
    made = track_file.make(folder, WISHES, HEADING)
    track, place = tracks.load(str(folder / "my-rooms.toml"))
    assert track == made.track
    data = tau.read(place / str(track.data), track)
    assert data.audio.resolve() == folder.resolve()
    assert {split: [data.names[row] for row in rows] for split, rows in data.splits.items()} == {
        share: [name for name, _ in rows] for share, rows in made.plan.training.items()
    }
    assert [data.names[row] for row in data.test] == [name for name, _ in made.plan.test]
    assert {track.labels[label] for label in data.labels[data.splits["5"]]} <= {"bath room", "hall", "kitchen"}


def test_lists_have_two_columns_lf_ends_and_names_with_their_folder(folder: Path) -> None:
    made = track_file.make(folder, WISHES, HEADING)
    assert sorted(path.name for path in (folder / "split_setup").iterdir()) == list(LISTS)
    for name, rows in [(f"split{share}.csv", rows) for share, rows in made.plan.training.items()] + [
        ("test.csv", made.plan.test)
    ]:
        content = (folder / "split_setup" / name).read_bytes()
        assert b"\r" not in content
        lines = content.decode().split("\n")
        assert lines[0] == "filename\tscene_label"
        assert lines[-1] == ""
        assert [tuple(line.split("\t")) for line in lines[1:-1]] == list(rows)
        assert all(line.startswith("audio/") for line in lines[1:-1])
        lists.write(folder / "again.csv", LIST_COLUMNS, rows)
        assert content == (folder / "again.csv").read_bytes()


def test_the_track_says_what_was_made(folder: Path) -> None:
    source = Source(title="Rooms", record="a disk", licence="CC0")
    heading = Heading("my-rooms", "My rooms", "dcase2024", "demo", (3, 4), source)
    made = track_file.make(folder, WISHES, heading)
    ranking = toml(made).pop("ranking")
    assert toml(made) | {"ranking": None} == {
        "name": "my-rooms",
        "title": "My rooms",
        "dataset": "tau2022",
        "data": ".",
        "edition": "dcase2024",
        "labels": ["bath room", "hall", "kitchen"],
        "test": "test.csv",
        "seeds": [3, 4],
        "preset": "demo",
        "splits": {share: f"split{share}.csv" for share in ("5", "10", "25", "50", "100")},
        "device_groups": {"real": ["a", "b"], "seen": ["s1"], "unseen": ["s4"]},
        "ranking": None,
        "source": {"title": "Rooms", "record": "a disk", "licence": "CC0"},
    }
    assert (ranking["rule"], ranking["status"]) == ("mean_of_splits", "derived")
    assert "data make-splits: seed 0, 30 % of each scene's segments for the test" in ranking["source"]


def test_what_was_not_given_is_not_in_the_file(folder: Path) -> None:
    table = toml(track_file.make(folder, Wishes(), HEADING))
    assert {"edition", "preset", "source"}.isdisjoint(table)
    assert table["title"] == "my-rooms"
    assert table["seeds"] == [0, 1, 2]
    assert table["device_groups"] == {"real": ["a", "b"], "seen": ["s1", "s4"]}


def test_a_main_device_is_a_real_one_whatever_its_name_and_stands_first(folder: Path) -> None:
    groups = toml(track_file.make(folder, Wishes(unseen=("a",), main_device="s4"), HEADING))["device_groups"]
    assert groups == {"real": ["s4", "b"], "seen": ["s1"], "unseen": ["a"]}


def test_the_file_begins_with_the_command_that_made_it(folder: Path) -> None:
    wishes = Wishes(("s4", "s1"), "a", 0.4, 0.8, (100, 25), 7)
    made = track_file.make(folder, wishes, HEADING)
    line = made.path.read_text(encoding="utf-8").splitlines()[0]
    assert line == (
        "# Made by `python -m harness data make-splits --data DIR --name my-rooms --test-share 0.4 --unseen s4 s1 "
        "--main-device a --main-share 0.8 --shares 100 25 --seed 7` from a meta.csv with the SHA-256 "
        f"{digest_of_file(folder / 'meta.csv')}."
    )
    assert str(folder) not in made.path.read_text(encoding="utf-8")


def test_a_device_of_awkward_characters_stays_in_its_comment() -> None:
    line = track_file.command(Wishes(unseen=("x\n\x7f y",), main_device="é"), "rooms")
    assert line.isprintable()
    assert tomllib.loads(f"# {line}\n") == {}


@pytest.mark.parametrize("title", [AWKWARD, "", '"', "\\", "'''", "Ünï"])
def test_a_title_of_any_characters_is_read_back(folder: Path, title: str) -> None:
    source = Source(title=title, record=title, licence=title)
    made = track_file.make(folder, WISHES, Heading("my-rooms", title, source=source))
    track, _ = tracks.load(str(made.path))
    assert track == made.track
    assert track.title == title
    assert track.source == source


@given(st.text(), st.lists(st.integers(-(2**62), 2**62)), st.text())
def test_a_table_is_read_back_as_it_was(text: str, numbers: list[int], inner: str) -> None:
    read = tomllib.loads(track_file.toml_of({"a": text, "t": {"5": inner, "x": (inner, text)}, "b": tuple(numbers)}))
    assert read == {"a": text, "t": {"5": inner, "x": [inner, text]}, "b": numbers}


def test_a_track_elsewhere_finds_its_data_from_there(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "tracks" / "here" / "rooms.toml"
    made = track_file.make(folder, WISHES, HEADING, path=target)
    track, place = tracks.load(str(target))
    assert (made.path, track.data) == (target, "../../data")
    assert len(tau.read(place / str(track.data), track).test) == len(made.plan.test)
    assert not (folder / "my-rooms.toml").exists()


def test_a_track_may_leave_open_where_its_data_lie(folder: Path, tmp_path: Path) -> None:
    made = track_file.make(folder, WISHES, HEADING, path=tmp_path / "rooms.toml", with_data=False)
    assert "data" not in toml(made)
    assert tracks.load(str(made.path))[0].data is None


def test_the_same_call_again_changes_nothing(folder: Path) -> None:
    first = track_file.make(folder, WISHES, HEADING)
    stamps = {path: path.stat().st_mtime_ns for path in first.written}
    assert len(stamps) == len(LISTS) + 1
    again = track_file.make(folder, WISHES, HEADING)
    assert (again.written, again.unchanged) == ((), first.written)
    assert {path: path.stat().st_mtime_ns for path in first.written} == stamps
    assert again.plan == first.plan


def test_a_file_that_went_missing_is_made_again(folder: Path) -> None:
    first = track_file.make(folder, WISHES, HEADING)
    before = files(folder)
    (folder / "split_setup" / "split25.csv").unlink()
    again = track_file.make(folder, WISHES, HEADING)
    assert again.written == (folder / "split_setup" / "split25.csv",)
    assert set(again.written + again.unchanged) == set(first.written)
    assert files(folder) == before


@pytest.mark.parametrize("name", ["split_setup/split25.csv", "split_setup/test.csv", "my-rooms.toml"])
def test_a_file_that_holds_something_else_is_kept_unless_it_may_be_replaced(folder: Path, name: str) -> None:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    mistake = refusal(folder, "splits.exists")
    assert str(path) in mistake.problem
    assert "--overwrite" in mistake.remedy
    made = track_file.make(folder, WISHES, HEADING, overwrite=True)
    assert path in made.written
    assert b"mine" not in files(folder).values()
    assert track_file.make(folder, WISHES, HEADING).written == ()


def test_lists_of_another_seed_are_not_replaced_unasked(folder: Path) -> None:
    track_file.make(folder, WISHES, HEADING)
    refusal(folder, "splits.exists", Wishes(unseen=("s4",), main_device="a", seed=1))


def test_a_folder_without_a_meta_csv_is_refused(tmp_path: Path) -> None:
    assert str(tmp_path / "meta.csv") in refusal(tmp_path, "data.unreadable").problem


@pytest.mark.parametrize("name", ["My Rooms", "", "../rooms", "-x"])
def test_a_name_that_is_none_is_refused(folder: Path, name: str) -> None:
    assert '"name"' in refusal(folder, "track.fields", heading=Heading(name)).problem


def test_the_name_of_a_track_of_this_project_is_refused(folder: Path) -> None:
    assert "dcase2024-task1" in refusal(folder, "splits.track", heading=Heading("dcase2024-task1")).problem


def test_an_edition_that_is_none_is_refused_with_the_nearest(folder: Path) -> None:
    problem = refusal(folder, "track.fields", heading=Heading("rooms", edition="dcase2042")).problem
    assert 'Did you mean "dcase202' in problem


def test_a_title_that_is_no_text_is_refused(folder: Path) -> None:
    assert "rooms" in refusal(folder, "track.encoding", heading=Heading("rooms", "\ud800")).problem


def test_a_wish_that_cannot_be_met_leaves_the_folder_as_it_was(folder: Path) -> None:
    refusal(folder, "splits.device", Wishes(unseen=("s5",)))


def test_a_place_that_cannot_be_written_is_said(folder: Path) -> None:
    (folder / "split_setup").write_text("a file in the way")
    assert "split_setup" in refusal(folder, "disk.unwritable").problem
