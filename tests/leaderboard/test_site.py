"""The page: what it shows, what it never holds, and that its links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from harness.outcomes import Mistake, Outcome
from harness.results import Reason, Result
from leaderboard import site
from tests.leaderboard.conftest import Page
from tests.leaderboard.made import failure, result, write

VOID = {"meta", "link", "br", "hr", "img", "input"}


class Outline(HTMLParser):
    """The tags of a page, its addresses and ids; `open` is empty when every tag was closed in its turn."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def text(html: str) -> str:
    """The words of a page, one space between them."""
    return " ".join(re.sub(r"<[^>]+>", " ", html.partition("</style>")[2]).split())


def everything() -> tuple[Result, ...]:
    return (
        result("ranked", 0.4421),
        result("ranked", 0.4621, seed=1),
        result("half", split="5"),
        result("quick", official=False, unofficial_because=("it is a quick run",)),
        result("teacher", role="teacher"),
        result("changed", settings={"epochs": 3}),
        result("bird", track="birds"),
        result("old", track="dcase2023-task1"),
        failure("huge"),
        failure("ranked", Outcome.CRASHED),
    )


def test_the_ranked_table_shows_figures_rounded_with_spread_and_share_of_the_limits(page: Page) -> None:
    words = text(page(result(macro_accuracy=0.4421, seed=0), result(macro_accuracy=0.4621, seed=1)))
    assert "1 CP-Mobile: S1 cpjku/S1 Ada Example, Ben Example. External data: none." in words
    assert "45.21 ± 1.41 n = 2 1.500 ± 0.000 n = 2" in words
    assert "100,000 78.1 % of limit 50,000 parameters 20,000,000 66.7 % of limit torchinfo 20,001,000" in words


def test_the_rule_and_the_limits_stand_in_words_with_how_sure_they_are(page: Page) -> None:
    words = text(page(result(track="dcase2023-task1")))
    assert "Ranked by the weighted mean of three ranks: 0.5 for macro-average accuracy" in words
    assert "Rule: unconfirmed (2023 task page" in words
    assert "128,000 bytes of parameters unconfirmed" in words
    assert "600 test clips" in words


def test_what_is_not_ranked_and_what_failed_is_on_the_page_with_its_reason(page: Page) -> None:
    words = text(page(*everything()))
    assert "unofficial: it is a quick run" in words
    assert "incomplete: no score for split 100" in words
    assert "Failures and refusals" in words
    assert "cpjku/huge over limit S1 needs 40,000,000 MACs; dcase2024 allows 30,000,000. Make it smaller." in words
    assert "Rule limits.macs" in words
    assert "Another run of this cell has a score, which is shown above." in words
    assert "the rules of this track are not known here" in words


def test_damaged_files_are_named_on_the_page_and_in_the_report(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results/broken.json").write_text("{", encoding="utf-8")
    report = site.build([tmp_path / "results"], tmp_path / "site")
    assert [one.path.name for one in report.damaged] == ["broken.json"]
    words = text(report.index.read_text(encoding="utf-8"))
    assert "../results/broken.json is no result of schema 1 (the whole file: Invalid JSON" in words


def test_every_result_is_linked_once_and_every_link_leads_to_a_file(page: Page, tmp_path: Path) -> None:
    outline = Outline(page(*everything()))
    files = [address for address in outline.addresses if not address.startswith("#")]
    linked = sorted((tmp_path / "site" / unquote(address)).resolve() for address in files)
    assert linked == sorted((tmp_path / "results").resolve().rglob("*.json"))
    assert all(address[1:] in outline.ids for address in outline.addresses if address.startswith("#"))


def test_names_with_awkward_letters_are_linked_too(page: Page, tmp_path: Path) -> None:
    outline = Outline(page(result("50% größer#2?")))
    assert (tmp_path / "site" / unquote(outline.addresses[0])).is_file()


def test_words_of_an_entry_are_shown_as_they_are_and_never_run(page: Page) -> None:
    bad = "<script>alert(1)</script>"
    reason = Reason(rule=bad, problem=bad, remedy=bad)
    unofficial = result("x", title=bad, official=False, unofficial_because=(bad,), settings={"a": bad})
    named = result(title=bad, authors=(bad,), external_data=bad, track='"><script>')
    html = page(unofficial, named, failure("y", reason=reason))
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_the_page_holds_no_scripts_and_nothing_from_elsewhere(page: Page) -> None:
    html = page(*everything())
    outline = Outline(html)
    assert not {"script", "link", "img", "iframe", "object", "embed"} & set(outline.tags)
    assert not [address for address in outline.addresses if re.match(r"[a-z]+:|//", address)]
    assert not re.search(r"@import|url\(|\son[a-z]+=", html)


def test_the_page_is_well_formed_and_its_ids_differ(page: Page) -> None:
    outline = Outline(page(*everything()))
    assert outline.open == []
    assert len(set(outline.ids)) == len(outline.ids)


def test_every_table_has_a_caption_and_every_header_a_scope(page: Page) -> None:
    html = page(*everything())
    assert html.count("<table") == html.count("<caption")
    assert re.findall(r"<th(?![^>]*\bscope=)[ >]", html) == []


def test_the_same_results_give_the_same_bytes(tmp_path: Path) -> None:
    write(tmp_path / "results", *everything())
    pages = [site.build([tmp_path / "results"], tmp_path / out).index.read_bytes() for out in ("one", "two")]
    assert pages[0] == pages[1]


def test_the_order_of_the_folders_does_not_matter_and_a_file_in_two_of_them_counts_once(tmp_path: Path) -> None:
    write(tmp_path / "a", *everything())
    write(tmp_path / "b", result("mine"))
    folders = [tmp_path / "a", tmp_path / "b", tmp_path / "a/demo"]
    pages = [site.build(order, tmp_path / "site").index.read_bytes() for order in (folders, folders[::-1])]
    assert pages[0] == pages[1]


@pytest.mark.parametrize("folder", ["empty", "absent"])
def test_without_results_the_page_says_how_to_make_one(folder: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    report = site.build([tmp_path / folder], tmp_path / "site")
    assert "nox -s evaluate -- baselines/systems/dcase2024" in report.index.read_text(encoding="utf-8")
    assert report.damaged == ()


def test_a_folder_that_cannot_be_written_is_a_mistake_of_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    with pytest.raises(Mistake, match=r"The page .*index\.html could not be written") as caught:
        site.build([], tmp_path / "taken")
    assert caught.value.rule == "disk.unwritable"


def test_building_the_page_does_not_load_torch() -> None:
    program = "import sys, leaderboard.site; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
