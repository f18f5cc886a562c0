"""Files are written whole or not at all; digests say what files and values hold and nothing else."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import files
from harness.outcomes import Mistake

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_written_file_holds_what_was_written_and_nothing_lies_beside_it(tmp_path: Path) -> None:
    files.write_bytes(tmp_path / "new" / "a.bin", b"\0\1\2")
    assert (tmp_path / "new" / "a.bin").read_bytes() == b"\0\1\2"
    assert names(tmp_path / "new") == ["a.bin"]


def test_an_exception_inside_keeps_the_old_file_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), files.replacing(path) as stream:  # noqa: PT012 - the break is in the block
        stream.write(b"half of the n")
        stream.flush()
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_an_exception_inside_makes_no_file_where_there_was_none(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), files.replacing(tmp_path / "a.txt") as stream:  # noqa: PT012
        stream.write(b"half")
        raise ZeroDivisionError
    assert names(tmp_path) == []


def test_the_old_file_stands_until_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with files.replacing(path) as stream:
        stream.write(b"new")
        stream.flush()
        assert path.read_text() == "old"
    assert path.read_text() == "new"


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_intact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    monkeypatch.setattr(*{"fsync": (os, "fsync"), "replace": (Path, "replace")}[moment], full)
    with pytest.raises(OSError, match="No space left") as caught:
        files.write_bytes(path, b"new")
    assert caught.value.errno == errno.ENOSPC
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_written_file_may_be_read_by_whom_the_umask_allows(tmp_path: Path) -> None:
    """Results and pages are published: what others could read of a plain file they can read of these."""
    before = os.umask(0o022)
    try:
        (tmp_path / "plain").write_bytes(b"")
        files.write_bytes(tmp_path / "written", b"")
    finally:
        os.umask(before)
    assert oct((tmp_path / "written").stat().st_mode) == oct((tmp_path / "plain").stat().st_mode)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_said_to_be_full(number: int) -> None:
    mistake = files.disk_mistake(OSError(number, os.strerror(number)), "The result x.json")
    assert mistake.rule == "disk.full"
    assert mistake.problem == "The result x.json could not be written: the disk is full."
    assert mistake.remedy


def test_any_other_fault_of_the_disk_is_said_by_its_name() -> None:
    mistake = files.disk_mistake(OSError(errno.EROFS, os.strerror(errno.EROFS)), "The result x.json")
    assert mistake.rule == "disk.unwritable"
    assert "Read-only file system" in mistake.problem
    assert "OSError" in files.disk_mistake(OSError(), "It").problem


def test_a_writable_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    files.require_writable(tmp_path / "a" / "b", "The cache folder")
    assert names(tmp_path / "a" / "b") == []


@pytest.mark.parametrize("below", ["file", "file/below", "file/below/that"])
def test_a_folder_at_or_below_a_regular_file_is_a_mistake(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("kept")
    with pytest.raises(Mistake, match=r"The cache folder .*file.* could not be written") as caught:
        files.require_writable(tmp_path / below, "The cache folder")
    assert caught.value.rule == "disk.unwritable"
    assert (tmp_path / "file").read_text() == "kept"


def test_a_folder_on_a_full_disk_is_a_mistake_that_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files.tempfile, "TemporaryFile", lambda **_: full())
    with pytest.raises(Mistake, match="the disk is full"):
        files.require_writable(tmp_path, "The cache folder")


@pytest.mark.parametrize("size", [0, 1, files.CHUNK - 1, files.CHUNK, files.CHUNK + 1])
def test_the_digest_of_a_file_is_the_sha_256_of_its_bytes(tmp_path: Path, size: int) -> None:
    content = bytes(range(251)) * (size // 251 + 1)
    (tmp_path / "a").write_bytes(content[:size])
    assert files.digest_of_file(tmp_path / "a") == hashlib.sha256(content[:size]).hexdigest()


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(st.sampled_from("abcdef"), st.binary(max_size=4), min_size=1), st.randoms())
def test_the_order_in_which_files_come_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, contents: dict[str, bytes], shuffle: object
) -> None:
    folder = tmp_path_factory.mktemp("files")
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    pairs = [(name, folder / name) for name in contents]
    expected = files.digest_of_files(pairs)
    shuffle.shuffle(pairs)  # type: ignore[attr-defined]
    assert files.digest_of_files(iter(pairs)) == expected
    assert files.digest_of_path(folder) == expected


def test_names_and_contents_of_files_matter(tmp_path: Path) -> None:
    def made(name: str, **contents: str) -> str:
        (tmp_path / name).mkdir()
        for file, text in contents.items():
            (tmp_path / name / file).write_text(text)
        return files.digest_of_path(tmp_path / name)

    first = made("one", a="1", b="2")
    assert made("copy", a="1", b="2") == first  # the folder's own name says nothing
    others = [made("swapped", a="2", b="1"), made("renamed", a="1", c="2"), made("more", a="1", b="2", c="")]
    others += [made("joined", a="12", b=""), made("fewer", a="1")]
    assert len({first, *others}) == 6


def test_files_in_inner_folders_count_by_their_path(tmp_path: Path) -> None:
    for place in ("one/inner", "two/other"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "a").write_text("1")
    assert files.digest_of_path(tmp_path / "one") != files.digest_of_path(tmp_path / "two")


def test_the_digest_of_a_path_to_a_file_is_that_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    assert files.digest_of_path(tmp_path / "a") == hashlib.sha256(b"x").hexdigest()


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(st.text(), JSON, max_size=5), st.randoms())
def test_the_order_of_an_object_s_keys_does_not_matter(value: dict[str, object], shuffle: object) -> None:
    keys = list(value)
    shuffle.shuffle(keys)  # type: ignore[attr-defined]
    assert files.digest_of_value({key: value[key] for key in keys}) == files.digest_of_value(value)


@settings(deadline=None, max_examples=50)
@given(JSON, JSON)
def test_two_values_have_one_digest_only_if_they_are_the_same_json(one: object, other: object) -> None:
    same_json = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (files.digest_of_value(one) == files.digest_of_value(other)) is same_json


def test_the_order_of_a_list_matters() -> None:
    assert files.digest_of_value([1, 2]) != files.digest_of_value([2, 1])


@settings(deadline=None, max_examples=50)
@given(JSON)
def test_written_json_is_read_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    path = tmp_path_factory.mktemp("json") / "a.json"
    files.write_json(path, value)
    assert json.loads(path.read_text("utf-8")) == value


def test_a_value_that_is_no_json_keeps_the_old_file(tmp_path: Path) -> None:
    files.write_json(tmp_path / "a.json", 1)
    with pytest.raises(TypeError):
        files.write_json(tmp_path / "a.json", object())
    assert json.loads((tmp_path / "a.json").read_text()) == 1


def test_a_path_is_found_in_the_first_place_that_has_it(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    places = [tmp_path / "one", tmp_path / "two"]
    (tmp_path / "two" / "a").write_text("2")
    assert files.find_path(Path("a"), places) == tmp_path / "two" / "a"
    (tmp_path / "one" / "a").write_text("1")
    assert files.find_path(Path("a"), places) == tmp_path / "one" / "a"
    assert files.find_path(tmp_path / "two" / "a", places) == tmp_path / "two" / "a"
    assert files.find_path(Path("b"), places) is None
