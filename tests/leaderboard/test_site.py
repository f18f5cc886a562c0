"""The site: what its pages show, what they never hold, and that their links lead somewhere."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest

from harness.outcomes import Mistake, Outcome
from harness.results import Reason, Result
from leaderboard import site
from tests.conftest import PROJECT
from tests.leaderboard.conftest import Build
from tests.leaderboard.made import failure, predicted, result, write

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

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

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
    shown = re.sub(r"<(style|script)>.*?</\1>", " ", html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", shown).split())


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
        predicted("one", 1.0),
        predicted("one", 1.1, seed=1),
        predicted("two", 2.0),
    )


def test_the_ranked_table_shows_figures_rounded_with_spread_and_share_of_the_limits(build: Build) -> None:
    made = build(result(macro_accuracy=0.4421, seed=0), result(macro_accuracy=0.4621, seed=1))
    words = text(made.html("demo/index.html"))
    assert "1 CP-Mobile: S1 cpjku/S1" in words
    assert "45.21 ± 1.41, n = 2 1.500 ± 0.000, n = 2" in words
    assert "100,000 78.1 % 20,000,000 66.7 %" in words
    own = text(made.html(_systems(made.out)[0]))
    assert "Ada Example, Ben Example" in own
    assert "MACs by torchinfo 20,001,000" in own


def _systems(out: Path) -> list[str]:
    return sorted(path.relative_to(out).as_posix() for path in out.glob("*/systems/*.html"))


def test_the_rule_and_the_limits_stand_in_words_with_how_sure_they_are(build: Build) -> None:
    words = text(build(result(track="dcase2023-task1")).html("dcase2023-task1/index.html"))
    assert "Ranked by the weighted mean of three ranks: 0.5 for macro-average accuracy" in words
    assert "Ranking rule: unconfirmed (2023 task page" in words
    assert "128,000 bytes of parameters (unconfirmed)" in words
    assert "600 test clips" in words


def test_what_is_not_ranked_and_what_failed_is_on_the_page_with_its_reason(build: Build) -> None:
    made = build(*everything())
    for name in ("demo/index.html", "excluded.html"):
        words = text(made.html(name))
        assert "unofficial: it is a quick run" in words
        assert "incomplete: no score for split 100" in words
        assert "cpjku/huge over limit S1 needs 40,000,000 MACs; dcase2024 allows 30,000,000. Make it smaller." in words
        assert "rule limits.macs" in words
        assert "Another run of this cell has a score, which is shown above." in words
    assert "the rules of this track are not known here" in text(made.html("birds/index.html"))


def test_damaged_files_are_named_on_a_page_and_in_the_report(build: Build, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results/broken.json").write_text("{", encoding="utf-8")
    made = build(result())
    assert [one.path.name for one in made.report.damaged] == ["broken.json"]
    assert "../results/broken.json is no result of schema 2 (the whole file: Invalid JSON" in text(
        made.html("excluded.html")
    )
    assert "Results that are not ranked, and why (1)" in text(made.html("index.html"))


def test_every_result_is_linked_and_every_link_leads_to_a_file_or_a_place_on_a_page(build: Build) -> None:
    made = build(*everything())
    outlines = {name: Outline(html) for name, html in made.pages().items()}
    reached = set()
    for name, outline in outlines.items():
        for address in outline.addresses:
            path, _, fragment = address.partition("#")
            target = ((made.out / name).parent / unquote(path)).resolve() if path else (made.out / name).resolve()
            assert target.is_file(), f"{name}: {address}"
            reached.add(target)
            if fragment:
                assert fragment in outlines[target.relative_to(made.out.resolve()).as_posix()].ids, f"{name}: {address}"
    assert set(made.results.resolve().rglob("*.json")) <= reached
    assert {path.resolve() for path in made.out.rglob("*.html")} <= reached | {(made.out / "index.html").resolve()}


def test_names_with_awkward_letters_are_linked_too(build: Build) -> None:
    made = build(result("50% größer#2?"), result("S1"), result("s1"))
    names = _systems(made.out)
    assert len({name.lower() for name in names}) == len(names) == 3
    assert all(re.fullmatch(r"[a-z0-9_./-]+", name) for name in names)


def test_words_of_an_entry_are_shown_as_they_are_and_never_run(build: Build) -> None:
    bad = "<script>alert(1)</script>"
    reason = Reason(rule=bad, problem=bad, remedy=bad)
    unofficial = result(
        "x", title=bad, official=False, unofficial_because=(bad,), settings={"a": bad}, config={bad: bad}
    )
    named = result(title=bad, authors=(bad,), external_data=bad, track='"><script>')
    pages = build(unofficial, named, failure("y", reason=reason)).pages()
    assert all("<script>alert" not in html for html in pages.values())
    assert sum("&lt;script&gt;alert(1)&lt;/script&gt;" in html for html in pages.values()) >= 4


def test_pages_hold_one_script_of_ours_and_nothing_from_elsewhere(build: Build) -> None:
    script = (Path(site.__file__).parent / "static/script.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    for html in build(*everything()).pages().values():
        found = re.findall(r"<script[^>]*>(.*?)</script>", html, re.DOTALL)
        assert found in ([], [script])
        assert (f"script-src 'sha256-{digest}'" in html) == bool(found)
        outline = Outline(html.replace(script, ""))
        assert not {"img", "iframe", "object", "embed"} & set(outline.tags)
        assert not [address for address in outline.addresses if re.match(r"[a-z]+:|//", address)]
        assert not re.search(r"@import|url\(|\son[a-z]+=", html.replace(script, ""))


def test_pages_are_well_formed_and_their_ids_differ(build: Build) -> None:
    for html in build(*everything()).pages().values():
        outline = Outline(re.sub(r"<script>.*?</script>", "", html, flags=re.DOTALL))
        assert outline.open == []
        assert len(set(outline.ids)) == len(outline.ids)


def test_every_table_has_a_caption_and_every_header_a_scope(build: Build) -> None:
    for html in build(*everything()).pages().values():
        assert html.count("<table") == html.count("<caption")
        assert re.findall(r"<th(?![^>]*\bscope=)[ >]", html) == []


def test_downloads_have_the_rows_of_their_tables(build: Build) -> None:
    made = build(*everything())
    seen = 0
    for name, html in made.pages().items():
        for block in re.findall(r'<p class="downloads" data-table="([^"]+)">(.*?)</p>', html):
            table = re.search(rf'<table id="{block[0]}".*?<tbody>(.*?)</tbody>', html, re.DOTALL)
            assert table is not None
            rows = table[1].count("<tr>")
            paths = [(made.out / name).parent / address for address in re.findall(r'href="([^"]+)"', block[1])]
            assert len(list(csv.DictReader(io.StringIO(paths[0].read_text("utf-8"))))) == rows
            assert len(json.loads(paths[1].read_text("utf-8"))["rows"]) == rows
            seen += 1
    assert seen > 5
    row = json.loads((made.out / "demo/index.ranked.json").read_text("utf-8"))["rows"][0]
    assert row["system"] == "cpjku/two"
    assert 0 < row["split_100.low"] < row["split_100"] < row["split_100.high"] < 1


def test_the_feed_tells_of_the_newest_results(build: Build) -> None:
    made = build(result("old"), result("new", created="2026-12-01T00:00:00+00:00"), result("odd", created="soon"))
    root = ET.parse(made.out / "feed.xml").getroot()  # noqa: S314 - ours
    names = {"a": "http://www.w3.org/2005/Atom"}
    titles = [one.findtext("a:title", namespaces=names) or "" for one in root.findall("a:entry", names)]
    assert [title.split()[0] for title in titles] == ["cpjku/odd", "cpjku/new", "cpjku/old"]
    assert len({one.findtext("a:id", namespaces=names) for one in root.findall("a:entry", names)}) == 3
    assert all((made.out / one.attrib["href"]).is_file() for one in root.iterfind("a:entry/a:link", names))


def test_the_same_results_give_the_same_bytes_and_a_second_build_writes_nothing(tmp_path: Path) -> None:
    write(tmp_path / "results", *everything())
    one, two = (site.build([tmp_path / "results"], tmp_path / out, tmp_path) for out in ("one", "two"))
    files = {path.relative_to(tmp_path / "one"): path.read_bytes() for path in (tmp_path / "one").rglob("*.*")}
    assert files == {path.relative_to(tmp_path / "two"): path.read_bytes() for path in (tmp_path / "two").rglob("*.*")}
    assert one.written == two.written == one.files
    assert site.build([tmp_path / "results"], tmp_path / "one", tmp_path).written == 0


def test_a_system_s_page_is_made_again_when_what_it_shows_has_changed(tmp_path: Path) -> None:
    write(tmp_path / "results", predicted("a", 1.0), predicted("b", 2.0))
    first = site.build([tmp_path / "results"], tmp_path / "site", tmp_path)
    page = tmp_path / "site/demo/systems/cpjku-a.html"
    before = page.read_bytes()
    write(tmp_path / "results", predicted("b", 0.2))  # the other one falls behind: the rank of this one changes
    second = site.build([tmp_path / "results"], tmp_path / "site", tmp_path)
    assert 0 < second.written < first.files
    assert "1 of 2" in text(page.read_text("utf-8"))
    assert "2 of 2" in text(before.decode())
    page.unlink()
    site.build([tmp_path / "results"], tmp_path / "site", tmp_path)
    assert "1 of 2" in text(page.read_text("utf-8"))


def test_pages_of_results_that_are_gone_go_too_and_nobody_else_s_files(tmp_path: Path) -> None:
    first, second = write(tmp_path / "results", result("a"), result("b"))
    site.build([tmp_path / "results"], tmp_path / "site", tmp_path)
    (tmp_path / "site/CNAME").write_text("example.org", encoding="utf-8")
    (tmp_path / "site/site.json").write_text(
        (tmp_path / "site/site.json").read_text("utf-8").replace("{", '{"../results/keep.json": "",', 1),
        encoding="utf-8",
    )
    (tmp_path / "results/keep.json").write_text("{}", encoding="utf-8")
    second.unlink()
    site.build([tmp_path / "results"], tmp_path / "site", tmp_path)
    assert [Path(name).stem for name in _systems(tmp_path / "site")] == ["cpjku-a"]
    assert (tmp_path / "site/CNAME").is_file()
    assert (tmp_path / "results/keep.json").is_file()
    assert first.is_file()


def test_the_order_of_the_folders_does_not_matter_and_a_file_in_two_of_them_counts_once(tmp_path: Path) -> None:
    write(tmp_path / "a", *everything())
    write(tmp_path / "b", result("mine"))
    folders = [tmp_path / "a", tmp_path / "b", tmp_path / "a/demo"]
    for order in (folders, folders[::-1]):
        site.build(order, tmp_path / f"site{order is folders}", tmp_path)
    pages = [(tmp_path / f"site{which}/demo/index.html").read_bytes() for which in (True, False)]
    assert pages[0] == pages[1]


@pytest.mark.parametrize("folder", ["empty", "absent"])
def test_without_results_the_page_says_how_to_make_one(folder: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    report = site.build([tmp_path / folder], tmp_path / "site")
    assert "nox -s evaluate -- baselines/systems/dcase2024" in report.index.read_text(encoding="utf-8")
    assert report.damaged == ()


def test_the_project_s_own_studies_have_pages_with_printed_numbers(tmp_path: Path) -> None:
    site.build([tmp_path / "none"], tmp_path / "site")
    words = text((tmp_path / "site/studies/cpjku-table4.html").read_text(encoding="utf-8"))
    assert "65.81 not yet" in words
    listed = text((tmp_path / "site/studies/index.html").read_text(encoding="utf-8"))
    written = [*PROJECT.glob("submissions/*/studies/*.toml"), *PROJECT.glob("baselines/systems/*/studies/*.toml")]
    assert f"Studies: {len(written)}" in listed


def test_a_folder_that_cannot_be_written_is_a_mistake_of_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    with pytest.raises(Mistake, match=r"The site .*taken could not be written") as caught:
        site.build([], tmp_path / "taken")
    assert caught.value.rule == "disk.unwritable"


def test_building_the_pages_does_not_load_torch() -> None:
    program = "import sys, leaderboard.site; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
