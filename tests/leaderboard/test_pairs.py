"""Two systems that somebody named: a page that stays, the same whoever is ahead, and clear words for wrong names."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.__main__ import main
from harness.outcomes import Mistake
from leaderboard import pairs, site
from tests.leaderboard.conftest import Build
from tests.leaderboard.made import board_of, failure, predicted, result, write

PAGE = "demo/compare/cpjku-good--cpjku-teacher.html"


def run(*words: object) -> int:
    """The verb as a person types it; the exit code."""
    with pytest.raises(SystemExit) as ended:
        main(["compare", *map(str, words)])
    return int(str(ended.value.code))


def test_a_pair_that_was_asked_for_has_a_page_in_every_later_build(
    build: Build, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = build(predicted("good", 2.0), predicted("teacher", 3.0, role="teacher"))
    assert not (made.out / PAGE).exists()
    assert run("cpjku/good", "cpjku/teacher", "--results", made.results, "--out", made.out) == 0
    assert "macro accuracy" in capsys.readouterr().out
    assert (made.out / PAGE).exists()
    site.build([made.results], made.out, project=tmp_path)
    assert (made.out / PAGE).exists()
    assert PAGE.removeprefix("demo/") in made.html("demo/index.html")


def test_a_pair_is_kept_once_whichever_way_it_is_asked_for(tmp_path: Path) -> None:
    board = board_of(result("one", 0.6), result("two", 0.5))
    one, two = board.ranked
    pairs.ask(board, one, two, tmp_path)
    pairs.ask(board, two, one, tmp_path)
    assert (tmp_path / "demo" / pairs.FILE).read_text() == "one,other\ncpjku-one,cpjku-two\n"
    assert pairs.pairs(board, [tmp_path]) == ((one, two),)


def test_a_page_of_two_keeps_its_address_when_the_other_one_leads(build: Build) -> None:
    build(predicted("early", 2.0), predicted("late", 0.5))
    made = build(predicted("late", 3.0, created="2026-11-22T00:00:00+00:00"))
    page = made.html("demo/compare/cpjku-early--cpjku-late.html")
    assert "<h1>cpjku/late against cpjku/early</h1>" in page
    assert len(list((made.out / "demo" / "compare").glob("*.html"))) == 1


def test_the_best_are_compared_with_each_other_and_those_after_them_with_the_one_before() -> None:
    board = board_of(*(result(f"s{number:02}", 0.9 - number / 100) for number in range(50)))
    names = {(one.rank, other.rank) for one, other in pairs.pairs(board, [])}
    every_two = {(one, other) for one in range(1, 9) for other in range(one + 1, 9)}
    assert names == every_two | {(rank, rank + 1) for rank in range(8, 40)}


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"one,other\n", b"a\nb,c,d\n\n,\nx,x\ncpjku-one,gone\n"])
def test_lines_that_are_no_pair_of_the_board_are_passed_over(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / pairs.FILE).write_bytes(content)
    assert pairs.pairs(board_of(result("one")), [tmp_path]) == ()


def test_a_track_that_is_called_like_a_path_keeps_its_pairs_within_the_results(tmp_path: Path) -> None:
    board = board_of(result("one", 0.6), result("two", 0.5))
    outside = tmp_path / "results"
    outside.mkdir()
    hostile = type(board)(**{**vars(board), "name": "../../track"})
    pairs.ask(hostile, *board.ranked, outside)
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.csv")] == ["results/track/compared.csv"]


def test_a_name_that_several_systems_have_is_asked_for_by_page() -> None:
    board = board_of(result("one"), result("one", settings={"epochs": 3}))
    with pytest.raises(Mistake, match="2 systems of demo are called cpjku/one") as raised:
        pairs.named(board, "cpjku/one")
    assert all(row.slug in raised.value.remedy for row in board.rows)
    assert all(pairs.named(board, row.slug) is row for row in board.rows)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("cpjku/good", "cpjku/goood"), 'Did you mean "cpjku/good"?'),
        (("cpjku/bare", "cpjku/bare"), "the same system"),
        (("cpjku/good", "cpjku/bare"), "sums or predictions"),
        (("cpjku/good", "cpjku/huge"), "No system with a score is called cpjku/huge"),
        (("cpjku/good", "cpjku/huge", "--track", "demo"), "No system of demo with a score is called cpjku/huge"),
        (("cpjku/bare", "cpjku/elsewhere"), "are on no track together"),
        (("cpjku/twice", "cpjku/good"), "Choose with --track: dcase2024-task1, demo."),
        (("cpjku/good", "cpjku/bare", "--track", "dcase2024"), "has no results of the track dcase2024"),
    ],
)
def test_what_cannot_be_compared_is_said_in_a_sentence(
    words: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "results", predicted("good", 2.0), result("bare"), failure("huge"))
    for system in ("good", "twice", "elsewhere"):
        write(tmp_path / "results", result(system, track="dcase2024-task1"))
    write(tmp_path / "results", result("twice"))
    assert run(*words, "--results", tmp_path / "results", "--out", tmp_path / "site") == 1
    assert said in capsys.readouterr().err
    assert not (tmp_path / "results" / "demo" / pairs.FILE).exists()
