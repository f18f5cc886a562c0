"""Lists as tables and with quoted values: what was written is read again; short, blank and broken lines by number."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.data import lists
from harness.data.lists import LIST_COLUMNS, META_COLUMNS
from harness.outcomes import Mistake

REUSED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
"""Every example writes its file anew."""

VALUES = st.text(st.characters(exclude_characters="\t\r\n\0", exclude_categories=["Cs"]), min_size=1, max_size=12)
ROWS = st.lists(st.tuples(VALUES, VALUES, VALUES, VALUES), max_size=8)


def table(path: Path, text: str, required: tuple[str, ...] = LIST_COLUMNS) -> lists.Table:
    path.write_bytes(text.encode())
    return lists.read(path, required)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "list.csv"


@REUSED
@given(rows=ROWS)
def test_what_was_written_is_read_again(path: Path, rows: list[tuple[str, ...]]) -> None:
    lists.write(path, META_COLUMNS, rows)
    read = lists.read(path, META_COLUMNS)
    assert len(read) == len(rows)
    assert [tuple(values) for values in zip(*read.columns.values(), strict=True)] == rows
    assert list(read.lines) == list(range(2, len(rows) + 2))
    assert read.short == ()


@REUSED
@given(rows=ROWS, end=st.sampled_from(["\n", "\r\n"]), mark=st.booleans(), last=st.booleans(), blank=st.booleans())
def test_line_ends_blank_lines_and_a_byte_order_mark_change_nothing(
    path: Path, rows: list[tuple[str, ...]], end: str, mark: bool, last: bool, blank: bool
) -> None:
    text = (end * (2 if blank else 1)).join("\t".join(row) for row in [META_COLUMNS, *rows]) + end * last
    read = table(path, "\ufeff" * mark + text, META_COLUMNS)
    assert [tuple(values) for values in zip(*read.columns.values(), strict=True)] == rows
    assert list(read.lines) == list(range(2, len(rows) + 2) if not blank else range(3, 2 * len(rows) + 3, 2))


@REUSED
@given(rows=st.lists(st.lists(st.sampled_from(["", "a", 'b"', "c d"]), min_size=1, max_size=4), max_size=8))
def test_lines_of_any_width_are_read_as_by_another_reader(path: Path, rows: list[list[str]]) -> None:
    """The oracle is the csv module without quotation; a row counts where its first two values are there."""
    text = "\n".join("\t".join(row) for row in [LIST_COLUMNS, *rows]) + "\n"
    read = table(path, text)
    with path.open(encoding="utf-8", newline="") as stream:
        oracle = list(csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))
    numbered = [(line, row) for line, row in enumerate(oracle, 1) if line > 1 and any([len(row) > 1, *row])]
    whole = [(line, row[:2]) for line, row in numbered if len(row) >= 2 and all(row[:2])]
    found = [list(values) for values in zip(*read.columns.values(), strict=True)]
    assert list(zip(read.lines, found, strict=True)) == whole
    assert list(read.short) == [line for line, _ in numbered if line not in read.lines]


def test_a_short_line_is_no_row_and_known_by_its_number(path: Path) -> None:
    read = table(path, "filename\tscene_label\nx.wav\tbus\ny.wav\n\n\tpark\nz.wav\ttram\n")
    assert read.columns == {"filename": ["x.wav", "z.wav"], "scene_label": ["bus", "tram"]}
    assert (list(read.lines), read.short) == ([2, 6], (3, 5))
    with pytest.raises(Mistake, match="line 3 has too few columns") as caught:
        lists.require_complete(read)
    assert caught.value.rule == "data.row"


def test_a_value_that_is_not_required_may_lack(path: Path) -> None:
    read = table(path, "filename\tscene_label\nx.wav\tbus\ny.wav\n", ("filename",))
    assert read.columns == {"filename": ["x.wav", "y.wav"], "scene_label": ["bus", ""]}
    assert read.short == ()


@pytest.mark.parametrize(
    "text",
    ["filename\tscene_label\t\nx.wav\tbus\t\n", "filename\tscene_label\nx.wav\tbus\t\n",
     "filename\tscene_label\t\nx.wav\tbus\n"],
    ids=["everywhere", "in the rows", "in the header"],
)  # fmt: skip
def test_a_trailing_tab_changes_nothing(path: Path, text: str) -> None:
    read = table(path, text)
    assert (read.columns["filename"], read.columns["scene_label"], read.short) == (["x.wav"], ["bus"], ())


@pytest.mark.parametrize("text", ["filename\tscene_label", "filename\tscene_label\n", "filename\tscene_label\r\n\r\n"])
def test_a_header_alone_is_a_list_of_nothing(path: Path, text: str) -> None:
    read = table(path, text)
    assert (len(read), read.columns, read.short) == (0, {"filename": [], "scene_label": []}, ())


def test_columns_are_found_by_their_names_in_any_order(path: Path) -> None:
    read = table(path, "scene_label\tdevice\tfilename\nbus\ta\tx.wav\n")
    assert (read.columns["filename"], read.columns["scene_label"]) == (["x.wav"], ["bus"])


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        ("filename\tscene_label\nx.wav\tbus\n".encode("utf-16"), "data.encoding"),
        ("filename\tscene_label\ncaf\xe9.wav\tbus\n".encode("latin-1"), "data.encoding"),
        (b"", "data.column"),
        (b"filename,scene_label\nx.wav,bus\n", "data.column"),
    ],
    ids=["UTF-16", "Latin-1", "empty", "commas"],
)
def test_what_is_no_such_list_is_a_mistake(path: Path, content: bytes, rule: str) -> None:
    path.write_bytes(content)
    with pytest.raises(Mistake) as caught:
        lists.read(path, LIST_COLUMNS)
    assert caught.value.rule == rule
    assert path.name in caught.value.problem


def test_utf_16_without_a_mark_is_answered_with_words_that_can_be_printed(path: Path) -> None:
    path.write_bytes("filename\tscene_label\nx.wav\tbus\n".encode("utf-16-le"))
    with pytest.raises(Mistake) as caught:
        lists.read(path, LIST_COLUMNS)
    assert caught.value.problem.isprintable()


def test_a_list_that_is_a_folder_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(Mistake, match="cannot be read: is a directory"):
        lists.read(tmp_path, LIST_COLUMNS)


@given(name=VALUES)
def test_a_name_has_one_prefix_however_often_it_is_made_normal(name: str) -> None:
    normal = lists.normal_name(name)
    assert normal.startswith("audio/")
    assert lists.normal_name(normal) == normal
    assert normal.endswith(name)


QUOTED = ("fname", "labels")
QUOTED_VALUES = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), min_size=1, max_size=12)


@REUSED
@given(rows=st.lists(st.tuples(QUOTED_VALUES, QUOTED_VALUES), max_size=8), end=st.sampled_from(["\n", "\r\n"]))
def test_quoted_values_are_read_again_as_another_writer_quotes_them(
    path: Path, rows: list[tuple[str, str]], end: str
) -> None:
    """The oracle is the writer of the csv module."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator=end).writerows([QUOTED, *rows])
    read = lists.read_quoted(path, QUOTED)
    assert list(zip(read.columns["fname"], read.columns["labels"], strict=True)) == rows
    assert list(read.lines) == list(range(2, len(rows) + 2))


def test_a_list_without_a_header_is_told_its_columns(path: Path) -> None:
    path.write_text('0,"Dog, bark",/m/1\n\n1,,/m/2\n')
    read = lists.read_quoted(path, ("label",), ("index", "label", "mid"))
    assert read.columns == {"index": ["0"], "label": ["Dog, bark"], "mid": ["/m/1"]}
    assert (list(read.lines), read.short) == ([1], (3,))


@pytest.mark.parametrize(
    ("text", "rule", "words"),
    [("fname\n1\n", "data.column", 'has no column "labels"'), ("", "data.column", "its header has nothing"),
     ("fname,labels\n1,a\n2,a,b\n", "data.row", "line 3 has 3 values instead of 2"),
     ('fname,labels\n1,"a\n2,b\n', "data.row", "line 3 cannot be read"), ("\0", "data.encoding", "is not UTF-8")],
)  # fmt: skip
def test_a_quoted_list_that_is_broken_is_one_sentence(path: Path, text: str, rule: str, words: str) -> None:
    path.write_text(text)
    with pytest.raises(Mistake, match=words) as caught:
        lists.read_quoted(path, QUOTED)
    assert caught.value.rule == rule


@REUSED
@given(rows=st.lists(VALUES, max_size=8), mark=st.booleans())
def test_numbered_lines_are_those_of_the_file(path: Path, rows: list[str], mark: bool) -> None:
    path.write_bytes(("\ufeff" * mark + "".join(f"{row}\n" for row in rows)).encode())
    assert list(lists.numbered_lines(path)) == [(number, f"{row}\n") for number, row in enumerate(rows, 1)]


def test_lines_that_cannot_be_read_are_one_sentence(path: Path) -> None:
    with pytest.raises(Mistake, match="cannot be read: no such file"):
        list(lists.numbered_lines(path))
    path.write_bytes(b"a\n\xff\n")
    with pytest.raises(Mistake, match="is not UTF-8 text"):
        list(lists.numbered_lines(path))
