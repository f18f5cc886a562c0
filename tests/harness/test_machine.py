"""Stages run beside each other, what is timed runs alone."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness import machine

HOLD = "import sys; from harness import machine\nwith machine.{how}:\n    print('held', flush=True); sys.stdin.read()"


@pytest.fixture(autouse=True)
def a_lock_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))


@contextmanager
def holding(how: str) -> Iterator[Callable[[], None]]:
    """Another command that holds the machine until it is told to end."""
    command = [sys.executable, "-c", HOLD.format(how=how)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        yield other.stdin.close
        other.kill()


@contextmanager
def soon(act: Callable[[], None]) -> Iterator[threading.Event]:
    """Does something in a moment, and tells when it has begun to."""
    begun = threading.Event()

    def do() -> None:
        begun.set()
        act()

    timer = threading.Timer(0.2, do)
    timer.start()
    yield begun
    timer.join()


def test_stages_of_two_commands_run_beside_each_other() -> None:
    with holding("shared()"), machine.shared():
        pass


def test_what_is_timed_waits_for_stages_and_says_so() -> None:
    told: list[str] = []
    with (
        holding("shared()") as release,
        soon(release) as released,
        machine.alone(lambda: told.append("waiting")),
    ):
        assert released.is_set()
    assert told == ["waiting"]


def test_a_stage_waits_while_something_is_timed() -> None:
    with holding("alone(lambda: None)") as release, soon(release) as released, machine.shared():
        assert released.is_set()


def test_a_killed_command_holds_nothing() -> None:
    with holding("alone(lambda: None)"):
        pass
    with machine.alone(lambda: pytest.fail("nobody holds it")):
        pass
