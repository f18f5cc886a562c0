"""Systems that ask for several processes: trained by all of them, ended with any of them, gone on with together."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import torch

from harness import child, evaluation, results
from harness.child import ranks
from harness.entry import read
from harness.evaluation import Hands, Places
from harness.job import CHECKPOINT, TRAINED
from harness.nursery import Nursery
from harness.outcomes import Mistake, Outcome
from harness.plan import Choice
from harness.results import Result
from tests import made

PROJECT = Path(__file__).resolve().parents[2]
TOML = made.TOML + "processes = 2\n"
PATIENCE = 120.0
LIMITS = "check_seconds = 60\npredict_seconds = 60\ntrain_seconds = {}\nmemory_gib = {}"

IMPORTS = """
import os, pathlib, random, time
import numpy
import torch.distributed as dist
"""
TRAIN = (
    IMPORTS
    + """
def train(classifier, data, run):
    parameters = list(classifier.parameters())
    state = run.load() or {"step": 0, "weights": [one.detach() for one in parameters]}
    print(f"process {run.rank} of {run.processes} begins at {state['step']} in {run.work.name}", flush=True)
    with torch.no_grad():
        for parameter, kept in zip(parameters, state["weights"], strict=True):
            parameter.copy_(kept)
    for step in range(state["step"], 4):
        for batch in data.batches(5, run.order, rank=run.rank, processes=run.processes):
            drawn = random.random() + numpy.random.random() + torch.rand(()) + torch.rand((), generator=run.generator)
            loss = nn.functional.cross_entropy(classifier(batch.waveforms), batch.labels) * batch.weight
            gradients = torch.autograd.grad(loss * drawn, parameters)
            with torch.no_grad():
                for parameter, gradient in zip(parameters, gradients, strict=True):
                    dist.all_reduce(gradient)
                    parameter.sub_(gradient, alpha=0.05)
        run.save({"step": step + 1, "weights": [one.detach() for one in parameters]})
        LOST
        run.progress(step + 1, 4, loss=float(loss.detach()))
    if run.rank == 1:
        return None
    return classifier
"""
)
"""A loop of its own, by the words of the contract: what process 1 returns is not looked at."""

LOST = """if (run.rank, step) == (RANK, 1) and pathlib.Path("lose").exists():
            pathlib.Path("lose").unlink()
            os.kill(os.getpid(), SIGNAL)"""


def made_entry(folder: Path, train: str, toml: str = TOML) -> Path:
    return made.entry_folder(folder, train=train, toml=toml)


def result_of(places: Places) -> Result:
    (found,) = [one for _, one in results.read_all([places.results])]
    assert isinstance(found, Result)
    return found


def folder_of(result: Result, places: Places) -> Path:
    return places.cache / "cells" / result.key[:20]


def stages(under: psutil.Process | None = None) -> set[psutil.Process]:
    """Who forks stages, and all that were forked, below a process: this one if none is named."""
    found = set()
    for one in (under or psutil.Process()).children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it has ended since, or is a zombie
            found |= {one} if "harness.nursery" in one.cmdline() else set()
    return found


@pytest.fixture(autouse=True)
def _nothing_is_left_running(nursery: Nursery) -> Iterator[None]:
    nursery.ready()
    before = stages()
    yield
    assert stages() <= before


def failure(folder: Path, train: str, limits: str, tau_folder: Path, places: Places, hands: Hands) -> Result:
    """How a training by two processes ended that did not end well."""
    track = str(made.track_file(folder / "strict.toml", tau_folder, limits=limits))
    source = f"{IMPORTS}\ndef train(classifier, data, run):\n    {train}\n    return classifier\n"
    assert not evaluation.evaluate(made_entry(folder / "mine", source), track, Choice(), places, hands)
    result = result_of(places)
    assert result.reason is not None
    assert result.reason.remedy
    return result


def test_a_system_is_trained_by_the_processes_it_asks_for_and_only_there(
    tmp_path: Path, track: str, places: Places, hands: Hands
) -> None:
    folder = made_entry(tmp_path / "mine", TRAIN.replace("LOST", ""))
    assert evaluation.evaluate(folder, track, Choice(), places, hands)
    result = result_of(places)
    assert result.scores is not None
    assert result.provenance.hardware["processes"] == 2
    log = (folder_of(result, places) / "train.log").read_text()
    assert sorted(log.splitlines()) == ["process 0 of 2 begins at 0 in work", "process 1 of 2 begins at 0 in rank-1"]
    assert not (folder_of(result, places) / ranks.RANKS).exists()


@pytest.mark.parametrize("rank", [0, 1])
def test_a_training_whose_process_is_killed_goes_on_with_both_and_ends_with_the_same_bits(
    rank: int, tmp_path: Path, track: str, places: Places, hands: Hands
) -> None:
    lost = LOST.replace("RANK", str(rank)).replace("SIGNAL", str(int(signal.SIGKILL)))
    folder = made_entry(tmp_path / "mine", TRAIN.replace("LOST", lost))
    assert evaluation.evaluate(folder, track, Choice(), places, hands)
    whole = result_of(places)
    cell = folder_of(whole, places)
    for path in (*cell.glob("*.answer.json"), cell / TRAINED, *places.results.rglob("*.json")):
        path.unlink()
    (cell / "lose").touch()

    assert not evaluation.evaluate(folder, track, Choice(), places, hands)
    failed = result_of(places)
    assert failed.outcome is Outcome.OUT_OF_MEMORY
    assert failed.reason is not None
    assert f"Process {rank + 1} of 2 of the stage train was killed" in failed.reason.problem
    assert (cell / CHECKPOINT).is_file()

    assert evaluation.evaluate(folder, track, Choice(), places, hands)
    assert "process 1 of 2 begins at 2" in (cell / "train.log").read_text()
    assert result_of(places).digests.weights == whole.digests.weights


SCENES: dict[str, tuple[str, str, Outcome]] = {
    "raises": ("if run.rank: raise ValueError('no')", "The entry raised ValueError in train", Outcome.CRASHED),
    "is refused": ("if run.rank: raise contract.Mistake('a.b', 'So it is.', 'Mend it.')", "So it is.", Outcome.REFUSED),
    "exits hard": ("if run.rank: os._exit(3)", "Process 2 of 2 of the stage train ended with status", Outcome.CRASHED),
    "hangs, and is waited for": (
        "dist.distributed_c10d._set_pg_timeout(TWO_SECONDS, None)\n    if run.rank: time.sleep(1000)",
        "waited in vain for another one",
        Outcome.CRASHED,
    ),
    "is done early": ("if run.rank: return classifier", "waited in vain for another one", Outcome.CRASHED),
    "has another order": (
        "torch.rand((), generator=run.order) if run.rank else None\n    run.save({})",
        "no longer draw the same order",
        Outcome.REFUSED,
    ),
    "takes half of the memory each": (
        "kept = torch.ones((1 << 30) // 4 * 5 // 4)\n    time.sleep(20)", "2 GiB of memory", Outcome.OUT_OF_MEMORY
    ),
}  # fmt: skip
"""What one or both processes of a training do, while the other waits for it."""


@pytest.mark.parametrize("scene", SCENES)
def test_a_process_that_fails_ends_the_stage_with_a_sentence_and_the_others_with_it(
    scene: str, tmp_path: Path, tau_folder: Path, places: Places, hands: Hands
) -> None:
    does, sentence, outcome = SCENES[scene]
    does = does.replace("TWO_SECONDS", "__import__('datetime').timedelta(seconds=2)") + "\n    dist.barrier()"
    result = failure(tmp_path, does, LIMITS.format(60, 2), tau_folder, places, hands)
    assert result.reason is not None
    assert (result.outcome, sentence) == (outcome, sentence)
    assert sentence in result.reason.problem


def test_the_time_of_a_stage_is_that_of_all_its_processes(
    tmp_path: Path, tau_folder: Path, places: Places, hands: Hands
) -> None:
    """The first ends and is done; the second never does, and will not be told."""
    does = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n    if run.rank: time.sleep(1000)"
    result = failure(tmp_path, does, LIMITS.format(3, 8), tau_folder, places, hands)
    assert result.outcome is Outcome.TIMED_OUT


def test_processes_end_with_the_one_that_started_them(
    tmp_path: Path, tau_folder: Path, places: Places, hands: Hands
) -> None:
    does = "if run.rank == 0: os.kill(os.getppid(), 9)\n    time.sleep(1000)"
    result = failure(tmp_path, does, LIMITS.format(60, 8), tau_folder, places, hands)
    assert result.outcome is Outcome.OUT_OF_MEMORY


def test_processes_end_with_a_command_that_is_killed(tmp_path: Path, track: str) -> None:
    does = "pathlib.Path('begun', str(run.rank)).touch()\n    time.sleep(1000)"
    source = f"{IMPORTS}\ndef train(classifier, data, run):\n    {does.replace('begun', str(tmp_path))}\n"
    folder = made_entry(tmp_path / "mine", source)
    words = ["evaluate", str(folder), "--track", track, "--cache", str(tmp_path / "cache"), "--no-timing"]
    words += ["--results", str(tmp_path / "results"), "--out", str(tmp_path / "site")]
    command = subprocess.Popen([sys.executable, "-m", "harness", *words], cwd=PROJECT, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + PATIENCE
        while not all((tmp_path / rank).exists() for rank in "01"):
            assert command.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        family = stages(psutil.Process(command.pid))
        assert len(family) == 4  # who forks, the stage, and its two
    finally:
        command.kill()
        command.wait()
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive


def test_a_machine_with_fewer_accelerators_than_processes_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    child._require_accelerators(2)
    with pytest.raises(Mistake, match="trains by 3 processes, and this machine has CUDA devices for 2"):
        child._require_accelerators(3)


@pytest.mark.skipif(torch.cuda.device_count() > 1, reason="this machine has two accelerators")
def test_too_few_accelerators_are_found_by_the_check_before_anything_is_trained(
    tmp_path: Path, track: str, places: Places, hands: Hands
) -> None:
    folder = made_entry(tmp_path / "mine", TRAIN.replace("LOST", ""))
    assert not evaluation.evaluate(folder, track, Choice(device="cuda"), places, hands)
    result = result_of(places)
    assert result.outcome is Outcome.REFUSED
    assert set(result.stages) == {"check"}
    assert result.reason is not None
    assert result.reason.rule == ("device.processes" if torch.cuda.is_available() else "device.cuda")


def test_grids_ask_for_processes_too(tmp_path: Path) -> None:
    grid = '[[grids]]\nname = "{width}"\nprocesses = 3\nfields = ["width"]\n[grids.axes]\nwidth = [4, 8]\n'
    folder = made_entry(tmp_path / "mine", made.TRAIN, made.TOML.replace("[systems.S1]\n", grid))
    assert [one.processes for one in read(folder).submission.systems.values()] == [3, 3]


def test_no_process_is_no_number_of_processes(tmp_path: Path) -> None:
    with pytest.raises(Mistake, match="processes"):
        read(made_entry(tmp_path / "mine", made.TRAIN, made.TOML + "processes = 0\n"))
