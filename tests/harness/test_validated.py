"""Files and settings of people: what fits is read, what does not is refused by file, line, key and nearest name."""

from __future__ import annotations

import string
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import Field

from harness.files import digest_of_value
from harness.outcomes import Mistake
from harness.validated import Record, parse_settings, read_toml


class Author(Record):
    name: str
    affiliation: str = ""


class System(Record):
    title: str = ""
    description: str = ""
    role: Literal["system", "teacher"] = "system"


class Book(Record):
    title: str
    pages: int = Field(default=1, ge=1)
    description: str = ""
    authors: tuple[Author, ...] = ()
    systems: Mapping[str, System] = {}
    editor: Author | None = None


def refusal(tmp_path: Path, text: str | bytes) -> Mistake:
    path = tmp_path / "book.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(Mistake) as caught:
        read_toml(path, Book, rule="book")
    assert str(path) in caught.value.problem
    return caught.value


def test_a_file_that_fits_becomes_its_record(tmp_path: Path) -> None:
    path = tmp_path / "book.toml"
    path.write_text('title = "Ténèbres"\npages = 7\n[[authors]]\nname = "A"\n[systems.S1]\nrole = "teacher"\n', "utf-8")
    found = read_toml(path, Book, rule="book")
    expected = Book(title="Ténèbres", pages=7, authors=(Author(name="A"),), systems={"S1": System(role="teacher")})
    assert found == expected


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Mistake, match=r"nowhere\.toml does not exist\.") as caught:
        read_toml(tmp_path / "nowhere.toml", Book, rule="book")
    assert caught.value.rule == "book.missing"


def test_a_folder_in_place_of_the_file_is_named_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(Mistake, match="cannot be read: Is a directory") as caught:
        read_toml(tmp_path, Book, rule="book")
    assert caught.value.rule == "book.unreadable"


def test_broken_toml_is_refused_with_its_line(tmp_path: Path) -> None:
    mistake = refusal(tmp_path, 'title = "A"\npages = \n')
    assert mistake.rule == "book.syntax"
    assert "line 2" in mistake.problem


def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    mistake = refusal(tmp_path, 'title = "Caf\xe9"\n'.encode("latin-1"))
    assert mistake.rule == "book.encoding"
    assert "UTF-8" in mistake.remedy


def test_an_unknown_key_is_refused_with_its_line_and_the_nearest_name(tmp_path: Path) -> None:
    mistake = refusal(tmp_path, 'title = "A"\n\npagse = 3\n')
    assert mistake.rule == "book.fields"
    assert 'line 3, unknown key "pagse". Did you mean "pages"?' in mistake.problem


def test_an_unknown_key_with_no_near_name_is_answered_with_all_names(tmp_path: Path) -> None:
    problem = refusal(tmp_path, 'title = "A"\nzzz = 3\n').problem
    assert "Valid names: authors, description, editor, pages, systems, title." in problem


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('title = "A"\n[[authors]]\nname = "B"\naffilation = "C"\n', 'line 4, unknown key "authors.0.affilation"'),
        ('title = "A"\n[systems.S1]\naffiliation = "C"\n', 'line 3, unknown key "systems.S1.affiliation"'),
        ('title = "A"\n[systems.S1]\ndescriptoin = "C"\n', 'line 3, unknown key "systems.S1.descriptoin"'),
        ('title = "A"\n[editor]\nname = "B"\nnmae = "C"\n', 'line 4, unknown key "editor.nmae"'),
    ],
)
def test_an_unknown_key_in_a_nested_record_is_refused_with_its_line(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in refusal(tmp_path, text).problem


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ('title = "A"\n[[authors]]\nname = "B"\naffilation = "C"\n', "affiliation"),  # a tuple of records
        ('title = "A"\n[systems.S1]\ndescriptoin = "C"\n', "description"),  # a table of records
        ('title = "A"\n[editor]\nname = "B"\nnmae = "C"\n', "name"),  # a record that may be absent
    ],
)
def test_the_nearest_name_is_one_of_the_nested_record(tmp_path: Path, text: str, near: str) -> None:
    assert f'Did you mean "{near}"?' in refusal(tmp_path, text).problem


def test_a_name_of_the_outer_record_is_not_offered_for_an_inner_one(tmp_path: Path) -> None:
    problem = refusal(tmp_path, 'title = "A"\n[editor]\nname = "B"\npages = 3\n').problem
    assert "Valid names: affiliation, name." in problem


def test_a_nested_table_named_like_a_field_still_gets_its_own_names(tmp_path: Path) -> None:
    problem = refusal(tmp_path, 'title = "A"\n[systems.title]\ndescriptoin = "C"\n').problem
    assert 'Did you mean "description"?' in problem


def test_a_wrong_type_is_refused_with_line_and_key(tmp_path: Path) -> None:
    problem = refusal(tmp_path, 'title = "A"\npages = "many"\n').problem
    assert 'line 2, key "pages": input should be a valid integer' in problem


def test_a_value_out_of_range_is_refused_with_the_bound(tmp_path: Path) -> None:
    assert (
        'line 1, key "pages": input should be greater than or equal to 1.'
        in refusal(tmp_path, 'pages = 0\ntitle = "A"\n').problem
    )


def test_a_missing_key_is_named_with_its_place(tmp_path: Path) -> None:
    assert 'the key "title" is missing.' in refusal(tmp_path, "pages = 3\n").problem
    inner = refusal(tmp_path, 'title = "A"\n[[authors]]\nname = "B"\n[[authors]]\naffiliation = "C"\n').problem
    assert 'the key "authors.1.name" is missing.' in inner


def test_every_misfit_stands_in_one_message(tmp_path: Path) -> None:
    problem = refusal(tmp_path, 'pages = "x"\ncolour = 3\n').problem
    assert 'key "pages"' in problem
    assert 'unknown key "colour"' in problem
    assert 'the key "title" is missing.' in problem


def test_a_key_that_stands_in_two_tables_is_named_with_the_line_of_its_own(tmp_path: Path) -> None:
    problem = refusal(tmp_path, 'title = "A"\n[systems.S1]\ntitle = 3\n').problem
    assert 'line 3, key "systems.S1.title": input should be a valid string.' in problem


def test_the_line_of_another_record_s_key_is_never_given(tmp_path: Path) -> None:
    """The faulty `description` stands on line 4, inside an inline table; line 2 is in order."""
    problem = refusal(tmp_path, 'title = "A"\ndescription = "fine"\n[systems]\nS1 = { description = 3 }\n').problem
    assert 'key "systems.S1.description"' in problem
    assert "line 2" not in problem


def test_settings_are_toml_values() -> None:
    pairs = ["a=3", "b=0.5", "c=true", 'd="text"', "e=[1, 2]", "f={ x = 1 }", "g=1_000", "h=1e-3"]
    expected = {"a": 3, "b": 0.5, "c": True, "d": "text", "e": [1, 2], "f": {"x": 1}, "g": 1000, "h": 0.001}
    found = parse_settings(pairs)
    assert found == expected
    assert [type(value) for value in found.values()] == [type(value) for value in expected.values()]


@pytest.mark.parametrize("text", ["weights/a.pt", "True", "two words", "", "a=b", "x\ny = 3", "1.2.3", "~/net.pt"])
def test_a_value_that_is_no_toml_is_plain_text(text: str) -> None:
    assert parse_settings([f"key={text}"]) == {"key": text}


@pytest.mark.parametrize("word", ["epochs", "", "=3", " =3", "epochs:3"])
def test_a_word_without_key_or_equals_is_refused_with_the_form(word: str) -> None:
    with pytest.raises(Mistake, match="is not of the form key=value") as caught:
        parse_settings([word])
    assert caught.value.remedy == "Write --set key=value."


@pytest.mark.parametrize("second", ["epochs=4", "epochs=3", "epochs =4", " epochs=4"])
def test_a_key_that_is_set_twice_is_refused(second: str) -> None:
    with pytest.raises(Mistake, match="is given twice") as caught:
        parse_settings(["epochs=3", second])
    assert caught.value.rule == "settings.twice"


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "2024-01-31", "12:30:00", "[1, nan]"])
def test_settings_have_a_digest_whatever_was_typed(text: str) -> None:
    """The harness digests settings; a value that has none must be refused here, or be plain text."""
    try:
        settings = parse_settings([f"key={text}"])
    except Mistake:
        return
    assert len(digest_of_value(settings)) == 64


@settings(deadline=None, max_examples=50)
@given(
    st.dictionaries(
        st.text(string.ascii_lowercase + "_", min_size=1),
        st.integers(-(2**62), 2**62) | st.booleans() | st.floats(allow_nan=False, allow_infinity=False),
    )
)
def test_numbers_come_back_as_they_were_typed(values: dict[str, object]) -> None:
    pairs = [f"{key}={str(value).lower()}" for key, value in values.items()]
    assert parse_settings(pairs) == values


@settings(deadline=None, max_examples=50)
@given(st.text(string.ascii_letters + "/-", min_size=1))
def test_words_and_paths_come_back_as_they_were_typed(text: str) -> None:
    assume(text.removeprefix("-") not in {"true", "false", "nan", "inf"})
    assert parse_settings([f"key={text}"]) == {"key": text}
