"""A run that is killed, at any stage and in any way, loses no finished stage and ends with the same bits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from harness import results
from harness.results import Result
from tests import made

PROJECT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0

HOLDS = """
import pathlib, time
def hold(word):
    pathlib.Path({folder!r}, "reached-" + word).touch()
    while pathlib.Path({folder!r}, "hold-" + word).exists():
        time.sleep(0.02)
"""
TRAIN = made.TRAIN.replace(
    "        run.progress(", "        if step == 10:\n            hold('train')\n        run.progress("
)
PREDICT = """
def predict(classifier, clips):
    if not torch.jit.is_tracing():
        hold('predict')
    return classifier(clips.waveforms)
"""


@dataclass
class Bench:
    """An entry that can be held in a stage, and the command that walks it."""

    folder: Path
    track: str
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "harness", "evaluate", "mine", "--track", self.track, "--device", "cpu"]
        environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
        with (self.folder / "out.txt").open("wb") as out:
            process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=out, stderr=out,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background shell ignores it
            )  # fmt: skip
        self.started.append(process)
        return process

    def held(self, word: str) -> subprocess.Popen[bytes]:
        """The command, stopped in the stage called `word`."""
        (self.folder / f"hold-{word}").touch()
        process = self.start()
        deadline = time.monotonic() + PATIENCE
        while not (self.folder / f"reached-{word}").exists():
            assert process.poll() is None, (self.folder / "out.txt").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return process

    def released(self) -> None:
        for path in self.folder.glob("hold-*"):
            path.unlink()

    def result(self) -> Result:
        found = [one for _, one in results.read_all([self.folder / "reports" / "results"])]
        assert len(found) == 1
        assert isinstance(found[0], Result)
        return found[0]


@pytest.fixture
def bench(tmp_path: Path, tau_folder: Path) -> Iterator[Bench]:
    """Its folder is in the entry's source: every test has a cell of its own. What it started ends with the test."""
    holds = HOLDS.format(folder=str(tmp_path))
    made.entry_folder(tmp_path / "mine", build=made.BUILD + holds, train=TRAIN, predict=PREDICT)
    bench = Bench(tmp_path, str(made.track_file(tmp_path / "tiny.toml", tau_folder)))
    yield bench
    for process in bench.started:
        process.kill()
        process.wait()


def family(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def stage_child(process: subprocess.Popen[bytes]) -> psutil.Process:
    """The forked child: the process that no other of the family descends from."""
    return max(family(process.pid), key=lambda one: len(one.parents()))


def kill_parent(process: subprocess.Popen[bytes]) -> int:
    left = family(process.pid)
    process.kill()
    status = process.wait(PATIENCE)
    _, alive = psutil.wait_procs(left, timeout=10)
    assert not alive
    return status


def kill_child(process: subprocess.Popen[bytes]) -> int:
    stage_child(process).kill()
    return process.wait(PATIENCE)


def press_ctrl_c(process: subprocess.Popen[bytes]) -> int:
    left = family(process.pid)
    process.send_signal(signal.SIGINT)
    status = process.wait(PATIENCE)
    _, alive = psutil.wait_procs(left, timeout=10)
    assert not alive
    return status


WAYS: dict[str, tuple[Callable[[subprocess.Popen[bytes]], int], int]] = {
    "SIGKILL of the parent": (kill_parent, -signal.SIGKILL),
    "SIGKILL of the child": (kill_child, 1),
    "Ctrl-C": (press_ctrl_c, 130),
}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, tau_folder: Path) -> Result:
    folder = tmp_path_factory.mktemp("undisturbed")
    holds = HOLDS.format(folder=str(folder))
    made.entry_folder(folder / "mine", build=made.BUILD + holds, train=TRAIN, predict=PREDICT)
    bench = Bench(folder, str(made.track_file(folder / "tiny.toml", tau_folder)))
    assert bench.start().wait(PATIENCE) == 0, (folder / "out.txt").read_text()
    return bench.result()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("stage", ["train", "predict"])
def test_a_killed_run_goes_on_where_it_stopped_and_ends_with_the_same_bits(
    way: str, stage: str, bench: Bench, undisturbed: Result
) -> None:
    kill, status = WAYS[way]
    assert kill(bench.held(stage)) == status
    bench.released()
    kept = {path: path.stat().st_mtime_ns for path in (bench.folder / ".cache").rglob("trained.pt")}
    checkpoints = list((bench.folder / ".cache").rglob("checkpoint.pt"))
    assert (len(kept), len(checkpoints)) == ((0, 1) if stage == "train" else (1, 0))
    assert bench.start().wait(PATIENCE) == 0, (bench.folder / "out.txt").read_text()
    result = bench.result()
    assert result.scores == undisturbed.scores
    assert result.digests.weights == undisturbed.digests.weights
    assert all(path.stat().st_mtime_ns == time_ns for path, time_ns in kept.items())


def test_ctrl_c_says_that_the_same_command_goes_on(bench: Bench) -> None:
    press_ctrl_c(bench.held("train"))
    text = (bench.folder / "out.txt").read_text()
    assert "run the same command again" in text
    assert "Traceback" not in text


def test_two_commands_do_not_walk_the_same_cell_at_once(bench: Bench) -> None:
    first = bench.held("train")
    second = bench.start()
    assert second.wait(PATIENCE) == 1
    bench.released()
    assert first.wait(PATIENCE) == 0
    assert bench.result().scores is not None
