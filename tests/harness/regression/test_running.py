"""The command, in a repository of its own: what a pull request would get to see."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.regression import changed, shown
from harness.regression.findings import Finding, Report, Verdict
from harness.throughput import timing
from tests.leaderboard import made

PROJECT = Path(__file__).resolve().parents[3]
TOML = 'title = "Mine"\n'


def git(project: Path, *words: str) -> str:
    who = ("-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    return subprocess.run(["git", *who, *words], cwd=project, check=True, capture_output=True, text=True).stdout.strip()


def commit(project: Path, *found: made.Result) -> None:
    made.write(project / "reports" / "results", *found)
    git(project, "add", "-A")
    git(project, "commit", "-qm", "more")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with three results of a baseline on its branch `main`."""
    (tmp_path / "baselines" / "systems" / "cpjku").mkdir(parents=True)
    (tmp_path / "baselines" / "systems" / "cpjku" / "submission.toml").write_text(TOML)
    (tmp_path / "submissions" / "mine").mkdir(parents=True)
    (tmp_path / "submissions" / "mine" / "submission.toml").write_text(TOML)
    (tmp_path / "submissions" / "mine" / "submission.py").write_text("from baselines import processes\n")
    git(tmp_path, "init", "-q", "-b", "main")
    commit(tmp_path, *(made.predicted("S1", 2.0, seed=seed) for seed in range(3)))
    return tmp_path


def regression(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "harness", "regression", *words],
        cwd=project, env={**os.environ, "PYTHONPATH": str(PROJECT)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


def test_a_change_that_changes_nothing_passes(project: Path) -> None:
    found = regression(project, "--base", "main")
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.endswith("the files here: no regression: 1 systems are as they were\n")


def test_macs_of_the_baseline_a_dropped_split_and_a_lower_score_are_stopped_with_the_reason(project: Path) -> None:
    git(project, "checkout", "-qb", "work")
    results = project / "reports" / "results"
    (results / "demo" / "cpjku" / "S1" / "split100-seed2.json").unlink()
    worse = made.predicted("S1", 0.3, seed=0, entry_digest="edited")
    assert worse.complexity is not None
    dearer = worse.model_copy(update={"complexity": worse.complexity.model_copy(update={"macs": 25_000_000})})
    made.PREDICTED[dearer.key] = made.PREDICTED[worse.key]
    commit(project, dearer)
    found = regression(project, "--base", "main", "--markdown", "comment.md", "--json", "report.json")
    assert found.returncode == 1
    comment = (project / "comment.md").read_text()
    assert "### ❌ Regression: 3 findings" in comment
    for words in ("every limit and every ratio refers to it", "split 100, seed 2", "beyond what locations and seeds"):
        assert words in comment
        assert words in found.stdout
    report = json.loads((project / "report.json").read_text())
    assert {one["rule"] for one in report["findings"]} == {"regression.exact", "regression.lost", "regression.drop"}
    assert regression(project, "--base", "main", "--accept", "cpjku/S1").returncode == 0


def test_what_landed_on_the_other_branch_since_is_not_missing_here(project: Path) -> None:
    git(project, "checkout", "-qb", "work")
    git(project, "checkout", "-q", "main")
    commit(project, made.result("S9"))
    git(project, "checkout", "-q", "work")
    commit(project, made.predicted("S2", 1.0))
    found = regression(project, "--base", "main")
    assert found.returncode == 0
    assert "where this left main" in found.stdout
    assert "cpjku/S2" in found.stdout
    assert "S9" not in found.stdout


def test_another_revision_is_compared_with_where_it_left_the_branch(project: Path) -> None:
    git(project, "checkout", "-qb", "work")
    commit(project, made.result("S2"))
    git(project, "checkout", "-q", "main")
    commit(project, made.result("S9"))
    found = regression(project, "--base", "main", "--head", "work")
    assert "S9" not in found.stdout
    assert "gone" not in found.stdout


def test_a_baseline_stays_one_though_its_folder_is_removed(project: Path) -> None:
    git(project, "checkout", "-qb", "work")
    git(project, "rm", "-rqf", "baselines/systems/cpjku")
    one = made.predicted("S1", 2.0, seed=0)
    assert one.complexity is not None
    fields = {"complexity": one.complexity.model_copy(update={"macs": 25_000_000}),
              "digests": one.digests.model_copy(update={"entry": "edited"})}  # fmt: skip
    dearer = one.model_copy(update=fields)
    made.PREDICTED[dearer.key] = made.PREDICTED[one.key]
    commit(project, dearer)
    found = regression(project, "--base", "main")
    assert found.returncode == 1
    assert "every limit and every ratio refers to it" in found.stdout


def test_commands_that_failed_before_are_part_of_the_report(project: Path) -> None:
    found = regression(project, "--base", "main", "--markdown", "c.md", "--failed", "check submissions/mine")
    assert found.returncode == 1
    assert "submissions/mine" in (project / "c.md").read_text()


def test_a_shallow_clone_that_does_not_reach_back_is_refused(project: Path, tmp_path: Path) -> None:
    git(project, "checkout", "-qb", "work")
    commit(project, made.result("S2"))
    git(project, "checkout", "-q", "main")
    commit(project, made.result("S9"))
    clone = tmp_path / "clone"
    git(project, "clone", "-q", "--depth", "1", "--no-single-branch", f"file://{project}", str(clone))
    git(clone, "checkout", "-q", "work")
    found = regression(clone, "--base", "origin/main")
    assert found.returncode == 2
    assert "is shallow" in found.stderr


def test_a_file_in_place_of_the_folder_of_results_is_refused(project: Path) -> None:
    git(project, "checkout", "-qb", "work")
    (project / "elsewhere").write_text("x")
    git(project, "add", "-A")
    git(project, "commit", "-qm", "a file")
    (project / "elsewhere").unlink()
    (project / "elsewhere").mkdir()
    found = regression(project, "--base", "work", "--results", "elsewhere")
    assert (found.returncode, "is no folder in" in found.stderr) == (2, True)


def test_two_revisions_are_compared_without_touching_a_file(project: Path) -> None:
    commit(project, made.predicted("S2", 1.0))
    (project / "reports" / "results" / "demo" / "cpjku" / "S2" / "split100-seed0.json").write_text("{")
    before = git(project, "status", "--porcelain")
    found = regression(project, "--base", "main~1", "--head", "main")
    assert found.returncode == 0
    assert git(project, "status", "--porcelain") == before


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--base", "nowhere"], 'There is no revision "nowhere" here.'),
        (["--base", "main", "--results", "elsewhere"], "has no elsewhere"),
        (["--base", "main", "--results", "submissions/new"], "main"),
        (["--base", "main", "--accept", "nobody"], 'There is no result of "nobody"'),
    ],
)
def test_what_cannot_be_compared_ends_with_two_and_a_sentence(project: Path, words: list[str], sentence: str) -> None:
    (project / "submissions" / "new").mkdir()
    found = regression(project, *words)
    assert found.returncode == 2
    assert sentence in found.stderr
    assert "Traceback" not in found.stderr


def test_outside_a_repository_there_is_nothing_to_compare(tmp_path: Path) -> None:
    (tmp_path / "reports" / "results").mkdir(parents=True)
    found = regression(tmp_path, "--base", "main")
    assert found.returncode == 2
    assert "is in no git repository" in found.stderr


def test_entries_are_touched_by_their_own_files_and_by_what_they_import(project: Path) -> None:
    assert changed.entries("main", project) == []
    (project / "submissions" / "mine" / "notes.md").write_text("new")
    assert changed.entries("main", project) == [Path("submissions/mine")]
    git(project, "stash", "-qu")
    (project / "harness").mkdir()
    (project / "harness" / "plan.py").write_text("")
    reference = project / changed.REFERENCE
    reference.mkdir()
    (reference / "submission.toml").write_text(TOML)
    git(project, "add", "-A")
    git(project, "commit", "-qm", "a harness")
    assert changed.entries("HEAD", project) == []
    (project / "harness" / "plan.py").write_text("VERSION = 2")
    assert changed.entries("HEAD", project) == [changed.REFERENCE]
    assert timing.BASELINE == PROJECT / changed.REFERENCE
    module = project / "baselines" / "parts.py"
    module.write_text("")
    git(project, "add", "-A")
    git(project, "commit", "-qm", "a part")
    module.unlink()
    assert len(changed.entries("HEAD", project)) == 3
    module.write_text("")
    (project / "submissions" / "mine" / "submission.py").unlink()
    assert Path("submissions/mine") in changed.entries("HEAD", project)


def test_an_entry_is_tried_on_the_first_track_it_names_that_needs_no_data() -> None:
    assert changed.demo_track(PROJECT / "baselines/systems/dcase2025") == "demo-2025"
    assert changed.demo_track(PROJECT / "baselines/systems/dcase2024") == "demo"
    assert changed.demo_track(PROJECT / "nowhere") == "demo"


def test_names_from_entries_are_nothing_but_text_in_a_comment() -> None:
    evil = Finding(
        verdict=Verdict.REGRESSION, rule="regression.lost", track="demo", system="x/<img src=x>|`@team`",
        what="[a](http://x)\n# big", why="*bold*",
    )  # fmt: skip
    text = shown.markdown(Report(base="a", head="b", findings=(evil,), unchanged=0), "nox")
    assert "<img" not in text
    assert r"\[a\](" in text
    assert "@team" not in text
    assert "\n# big" not in text


def test_a_comment_is_never_longer_than_a_comment_may_be() -> None:
    many = tuple(
        Finding(verdict=verdict, rule="regression.lost", track="demo", system=f"x/S{at}", what="w" * 200)
        for at in range(400)
        for verdict in (Verdict.REGRESSION, Verdict.NEW)
    )
    text = shown.markdown(Report(base="a", head="b", findings=many, unchanged=0), "nox")
    assert len(text) < 65_536
    assert "more: see the JSON file" in text
    assert text.rstrip().endswith("say why in the pull request.")
