"""The contract's suite: the same tests on any entry, here and in CI."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness import suite
from harness.results import Reason
from harness.rules import ENTRY_RULES, REVIEW_RULES
from tests import made

PROJECT = Path(__file__).resolve().parents[2]


def check(entry: Path, cache: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "harness", "check", str(entry), "--cache", str(cache), *words]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "entry", ["submissions/_template", *(f"baselines/systems/{name}" for name in ("linear", "dcase2022", "dcase2024"))]
)
def test_entries_of_this_project_pass(entry: str, cache: Path) -> None:
    done = check(PROJECT / entry, cache)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed, " in done.stdout


def test_a_rule_that_is_broken_fails_by_its_id_and_others_are_not_reached(tmp_path: Path, cache: Path) -> None:
    wide = made.BUILD.replace("config.width", "20000")
    done = check(made.entry_folder(tmp_path / "wide", build=wide), cache)
    assert done.returncode == 1
    assert "test[S1-limits.complexity]" in done.stdout
    assert "The network exceeds dcase2024" in done.stdout
    assert "1 failed, " in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_every_rule_is_passed_failed_or_skipped_with_a_reason() -> None:
    reason = Reason(rule="count.operator", problem="No.", remedy="Yes.")
    said = {rule.id: (suite.why_not(None, rule), suite.why_not(reason, rule)) for rule in (*ENTRY_RULES, *REVIEW_RULES)}
    assert said["limits.complexity"] == (None, "the check ended at count.operator")
    assert said["count.operator"] == (None, None)
    assert said["stage.time"][0] == "seen when it is trained, predicts or is timed"
    assert said["review.selection"] == ("by review", "by review")
    seen_before = [name for name, (fine, _) in said.items() if fine is None]
    assert len(seen_before) > 15
