"""A run that is killed, at any stage and in any way, loses no finished stage and ends with the same bits.

Importing torch takes seconds and a command that walks a stage does it anew. So a whole command is started where the
test is about the command (the parent killed, Ctrl-C, two at once, the steps of its own); a stage that loses its process
is walked from here, with the process that all tests fork children from.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness import evaluation, results
from harness.console import Reporter
from harness.evaluation import Hands, Places
from harness.job import CHECKPOINT, LOGITS, TRAINED
from harness.nursery import Nursery
from harness.plan import Choice
from harness.results import Result
from tests import made

PROJECT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0
LIMITS = "check_seconds = 60\ntrain_seconds = 60\npredict_seconds = 60"
STAGE_FILES = (CHECKPOINT, TRAINED, LOGITS)

POINTS = """
import os, pathlib, sys, time

def reach(point):
    cache = {cache}
    order = cache / ("at " + point)
    if order.exists():
        process, signal = map(int, order.read_text().split())
        order.unlink()
        os.kill(process or os.getpid(), signal)
        deadline = time.monotonic() + {patience}
        while not (cache / "go").exists() and time.monotonic() < deadline:
            time.sleep(0.02)

def watch(event, arguments):
    if event in ("os.rename", "os.remove"):
        path = arguments[1] if event == "os.rename" else arguments[0]
        reach(event.removeprefix("os.") + " " + os.path.basename(os.fsdecode(path)))

sys.addaudithook(watch)
"""
"""What stops a process at a point: a file is about to get its name (`rename FILE`) or to go (`remove FILE`). The order
is a file in the cache, `at POINT`, that holds a process (0: this one) and a signal (0: none); it is gone once the point
is reached, and the process stays there until there is a file `go`, or patience ends."""

COMMAND = """
from harness.__main__ import main
main()
"""
BUILD = """
def build(config, task):
    network = nn.Sequential(nn.Linear(40, config.width), nn.Tanh(), nn.Linear(config.width, task.n_classes))
    return Classifier(Energy(), network, 8000)
"""
TRAIN = """
import random
import numpy

def train(classifier, data, run):
    parameters = list(classifier.parameters())
    state = run.load() or {"step": 0, "weights": parameters, "speeds": [torch.zeros_like(one) for one in parameters]}
    with (pathlib.Path.cwd().parents[1] / "starts").open("a") as starts:
        starts.write(f"{state['step']} ")
    with torch.no_grad():
        for parameter, kept in zip(parameters, state["weights"], strict=True):
            parameter.copy_(kept)
    speeds = state["speeds"]
    for step in range(state["step"], 6):
        for batch in data.batches(8, run.generator):
            drawn = random.random() + numpy.random.random() + torch.rand(())
            loss = nn.functional.cross_entropy(classifier(batch.waveforms), batch.labels) * drawn
            gradients = torch.autograd.grad(loss, parameters)
            with torch.no_grad():
                for parameter, speed, gradient in zip(parameters, speeds, gradients, strict=True):
                    parameter.sub_(speed.mul_(0.9).add_(gradient), alpha=0.1)
        run.save({"step": step + 1, "weights": parameters, "speeds": speeds})
        run.progress(step + 1, 6, loss=float(loss))
    return classifier
"""
"""A training whose every part must go on where it stopped: weights, momentum and all four generators. Momentum is done
by hand: the first optimiser of a process imports a compiler, for four seconds."""

IN_TRAINING = "rename train.progress"
IN_PREDICTION = "rename predict.progress"
"""After the first step of six, and after the first batch of three."""


def points(cache: str) -> str:
    """The source of what stops a process whose cache is where the expression `cache` says."""
    return POINTS.format(cache=cache, patience=PATIENCE)


@dataclass(frozen=True)
class Home:
    """The folder that every command here is typed in: the entry `mine` and the track `tiny.toml`."""

    folder: Path

    def places(self, own: Path) -> Places:
        return Places(None, None, results=own / "results", cache=own / "cache", typed_in=self.folder)


@dataclass
class Bench:
    """A cache and results of its own for the one cell that all tests walk, from here or by a command."""

    home: Home
    folder: Path
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def places(self) -> Places:
        return self.home.places(self.folder)

    @property
    def out(self) -> str:
        """What the last command said."""
        return (self.folder / "out.txt").read_text()

    @property
    def page(self) -> Path:
        return self.folder / "site" / "index.html"

    def order(self, point: str, *, process: int = 0, number: int = 0) -> Path:
        """Has whoever reaches `point` send a signal, to itself if no process is named, and stay there."""
        self.places.cache.mkdir(exist_ok=True)
        order = self.places.cache / f"at {point}"
        order.write_text(f"{process} {number}")
        return order

    def go(self) -> None:
        (self.places.cache / "go").touch()

    def walk(self, hands: Hands) -> bool:
        """The cell walked from here: the verb without the command."""
        entry, track = self.home.folder / "mine", str(self.home.folder / "tiny.toml")
        return evaluation.evaluate(entry, track, Choice(), self.places, hands)

    def start(self) -> subprocess.Popen[bytes]:
        """The command; it stops at points too, in steps of its own."""
        program = points(f"pathlib.Path({str(self.places.cache)!r})") + COMMAND
        words = ["evaluate", "mine", "--track", "tiny.toml", "--device", "cpu", "--cache", str(self.places.cache)]
        words += ["--no-timing"]
        words += ["--results", str(self.places.results), "--out", str(self.page.parent)]
        with (self.folder / "out.txt").open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-c", program, *words], stdout=out, stderr=out, cwd=self.home.folder,
                env={**os.environ, "PYTHONPATH": str(PROJECT)},
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background shell ignores it
            )  # fmt: skip
        self.started.append(process)
        return process

    def held(self, point: str) -> subprocess.Popen[bytes]:
        """The command, stopped at `point`."""
        order = self.order(point)
        process = self.start()
        self.wait_until_reached(order, process)
        return process

    def wait_until_reached(self, order: Path, process: subprocess.Popen[bytes] | None = None) -> None:
        deadline = time.monotonic() + PATIENCE
        while order.exists():
            assert process is None or process.poll() is None, self.out
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def left(self) -> set[str]:
        """The stage files that are there."""
        return {path.name for path in self.places.cache.glob("cells/*/*") if path.name in STAGE_FILES}

    def starts(self) -> str:
        """The steps at which trainings have started."""
        return (self.places.cache / "starts").read_text().strip()

    def trained_at(self) -> list[int]:
        """When what is trained was written; empty where nothing is."""
        return [path.stat().st_mtime_ns for path in self.places.cache.glob(f"cells/*/{TRAINED}")]

    def result(self) -> Result:
        found = [one for _, one in results.read_all([self.places.results])]
        assert len(found) == 1
        assert isinstance(found[0], Result)
        return found[0]

    def bits(self) -> dict[str, Any]:
        """All that must not depend on what happened on the way: the record without its times, the predictions."""
        result = self.result()
        record = result.model_dump(exclude={"created", "stages"}) | {"stages": sorted(result.stages)}
        (logits,) = self.places.cache.glob(f"cells/*/{LOGITS}")
        predictions = result.identity.path(self.places.results).with_suffix(".npz")
        return {"record": record, "logits": logits.read_bytes(), "predictions": predictions.read_bytes()}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, tau_folder: Path) -> Home:
    folder = tmp_path_factory.mktemp("home")
    in_a_stage = points("pathlib.Path.cwd().parents[1]")  # it stands in cells/KEY or checks/KEY of the cache
    made.entry_folder(folder / "mine", build=in_a_stage + BUILD, train=TRAIN)
    made.track_file(folder / "tiny.toml", tau_folder, limits=LIMITS, more="batch_size = 12")
    return Home(folder)


@pytest.fixture(scope="module")
def undisturbed(home: Home, tmp_path_factory: pytest.TempPathFactory, nursery: Nursery) -> Bench:
    """The same cell, walked without a stop."""
    bench = Bench(home, tmp_path_factory.mktemp("undisturbed"))
    assert bench.walk(Hands(nursery, Reporter()))
    assert bench.starts() == "0"
    return bench


@pytest.fixture
def bench(home: Home, tmp_path: Path, undisturbed: Bench) -> Iterator[Bench]:
    """Its clips are packed already. What it started ends with the test."""
    shutil.copytree(undisturbed.places.cache / "stores", tmp_path / "cache" / "stores")
    bench = Bench(home, tmp_path)
    yield bench
    for process in bench.started:
        process.kill()
        process.wait()


@contextmanager
def nothing_left_of(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Whoever descends from the process is gone soon after the block."""
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 2  # the process that forks children, and the stage
    yield
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive


def kill(process: subprocess.Popen[bytes]) -> None:
    with nothing_left_of(process):
        process.kill()
        assert process.wait(PATIENCE) == -signal.SIGKILL


def press_ctrl_c(process: subprocess.Popen[bytes]) -> None:
    with nothing_left_of(process):
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130


def test_a_command_that_is_killed_in_training_and_again_in_prediction_ends_with_the_same_bits(
    bench: Bench, hands: Hands, undisturbed: Bench
) -> None:
    kill(bench.held(IN_TRAINING))
    assert bench.left() == {CHECKPOINT}
    kill(bench.held(IN_PREDICTION))
    assert bench.starts() == "0 1"
    assert bench.left() == {TRAINED}
    trained_at = bench.trained_at()
    assert bench.walk(hands)
    assert bench.bits() == undisturbed.bits()
    assert bench.trained_at() == trained_at


def test_ctrl_c_says_that_the_same_command_goes_on_and_so_it_does(bench: Bench, undisturbed: Bench) -> None:
    press_ctrl_c(bench.held(IN_TRAINING))
    assert "run the same command again" in bench.out
    assert "Traceback" not in bench.out
    assert bench.left() == {CHECKPOINT}
    assert bench.start().wait(PATIENCE) == 0, bench.out
    assert bench.starts() == "0 1"
    assert bench.bits() == undisturbed.bits()


KILLED_AT: dict[str, tuple[set[str], str]] = {
    "rename check.answer.json": (set(), "0"),
    "rename checkpoint.pt": (set(), "0 0"),
    IN_TRAINING: ({CHECKPOINT}, "0 1"),
    "rename trained.pt": ({CHECKPOINT}, "0 6"),
    "remove checkpoint.pt": ({CHECKPOINT, TRAINED}, "0 6"),
    "rename train.answer.json": ({TRAINED}, "0 0"),
    IN_PREDICTION: ({TRAINED}, "0"),
    "rename logits.npy": ({TRAINED}, "0"),
    "rename predict.answer.json": ({TRAINED, LOGITS}, "0"),
}
"""Where the process of a stage is killed, which stage files are left then, and where trainings start in all."""


@pytest.mark.parametrize("point", KILLED_AT)
def test_a_stage_whose_process_is_killed_goes_on_where_it_stopped_and_ends_with_the_same_bits(
    point: str, bench: Bench, hands: Hands, undisturbed: Bench
) -> None:
    left, starts = KILLED_AT[point]
    order = bench.order(point, number=signal.SIGKILL)
    assert not bench.walk(hands)
    assert not order.exists()
    assert bench.left() == left
    trained_at = bench.trained_at() if starts == "0" else []
    assert bench.walk(hands)
    assert bench.starts() == starts
    assert bench.bits() == undisturbed.bits()
    assert trained_at in ([], bench.trained_at())


@contextmanager
def ctrl_c_interrupts() -> Iterator[None]:
    """Ctrl-C comes to this process as it comes to the command: a background shell has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a file of psutil's, cut in its reading
@pytest.mark.parametrize("point", ["rename check.answer.json", IN_TRAINING, IN_PREDICTION])
def test_ctrl_c_ends_a_stage_which_then_goes_on_where_it_stopped_and_ends_with_the_same_bits(
    point: str, bench: Bench, hands: Hands, undisturbed: Bench
) -> None:
    """The stage itself sends it, and waits for its end: it can come at no other time."""
    left, starts = KILLED_AT[point]
    bench.order(point, process=os.getpid(), number=signal.SIGINT)
    before = set(psutil.Process().children(recursive=True))
    with ctrl_c_interrupts(), pytest.raises(KeyboardInterrupt):
        bench.walk(hands)
    assert set(psutil.Process().children(recursive=True)) <= before
    assert bench.left() == left
    trained_at = bench.trained_at()
    assert bench.walk(hands)
    assert bench.starts() == starts
    assert bench.bits() == undisturbed.bits()
    assert trained_at in ([], bench.trained_at())


def test_a_command_that_is_killed_in_each_step_of_its_own_ends_with_the_same_bits(
    bench: Bench, undisturbed: Bench
) -> None:
    """Stages are finished: what is left to it is to pack clips and write predictions, record and page.

    The same command five times: each goes on where the one before was killed.
    """
    shutil.rmtree(bench.places.cache)
    for folder in ("checks", "cells"):
        shutil.copytree(undisturbed.places.cache / folder, bench.places.cache / folder)
    trained_at = bench.trained_at()
    steps = ("header.json", "split100-seed0.npz", "split100-seed0.json", "index.html")
    for step in steps:
        order = bench.order(f"rename {step}", number=signal.SIGKILL)
        assert bench.start().wait(PATIENCE) == -signal.SIGKILL, bench.out
        assert not order.exists()
    assert not bench.page.exists()
    assert bench.start().wait(PATIENCE) == 0, bench.out
    assert "nothing to do" in bench.out
    assert any("Made for a test" in path.read_text() for path in bench.page.parent.glob("*/index.html"))
    assert bench.bits() == undisturbed.bits()
    assert bench.trained_at() == trained_at


def test_two_commands_do_not_walk_the_same_cell_at_once(bench: Bench, hands: Hands, undisturbed: Bench) -> None:
    """The first is walked from here, and held in its training until the second has ended."""
    order = bench.order(IN_TRAINING)

    def second() -> int:
        try:
            bench.wait_until_reached(order)
            return bench.start().wait(PATIENCE)
        finally:
            bench.go()

    with ThreadPoolExecutor(1) as aside:
        status = aside.submit(second)
        assert bench.walk(hands)
    assert status.result() == 1
    assert "Another command is walking this very cell." in bench.out
    assert bench.bits() == undisturbed.bits()


def test_a_checkpoint_that_fills_the_disk_is_said_and_the_one_before_is_kept(
    tmp_path: Path, track: str, places: Places, hands: Hands
) -> None:
    """The disk is full from the third checkpoint on; a later run, with room again, goes on from the second."""
    full = tmp_path / "full"
    full.touch()
    train = made.TRAIN.replace("        run.save(", FILLED + "        run.save(").replace(
        "    speeds =", '    print("begins at", state["step"], flush=True)\n    speeds ='
    )
    entry = made.entry_folder(tmp_path / "mine", train=train.replace("FULL", str(full)))
    assert not evaluation.evaluate(entry, track, Choice(), places, hands)
    (failure,) = [one for _, one in results.read_all([places.results])]
    assert isinstance(failure, Result)
    assert failure.reason is not None
    assert "the disk is full" in failure.reason.problem
    full.unlink()
    assert evaluation.evaluate(entry, track, Choice(), places, hands)
    (result,) = [one for _, one in results.read_all([places.results])]
    assert isinstance(result, Result)
    log = (places.cache / "cells" / result.key[:20] / "train.log").read_text()
    assert "begins at 2\n" in log


FILLED = """
        from pathlib import Path
        if step == 2 and Path("FULL").exists():
            import errno, os
            from harness.child import kept
            written = kept.write_bytes
            def full(path, content):
                if path.name == "checkpoint.pt":
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                written(path, content)
            kept.write_bytes = full
"""
