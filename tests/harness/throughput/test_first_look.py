"""`evaluate` takes a first look at the speed of what it trained, once; `bench` compares with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import made
from tests.harness.test_command_line import status


def test_what_was_evaluated_is_timed_once_and_can_be_compared_with(
    tmp_path: Path, track: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made.entry_folder(tmp_path / "mine")
    assert status("evaluate", "mine", "--track", track) == 0
    assert "times the baseline" in capsys.readouterr().out
    assert len(list((tmp_path / "reports/results/tiny/mine/S1").glob("speed-*.json"))) == 1
    assert status("evaluate", "mine", "--track", track) == 0
    shown = capsys.readouterr()
    assert "nothing to do" in shown.err
    assert "times the baseline" not in shown.out
    assert status("bench", "mine", "--track", track, "--sittings", "1", "--seconds", "0.5", "--compare", "reports") == 0
    shown = capsys.readouterr().out
    assert "trained" in shown
    assert "too few sittings to judge" in shown
