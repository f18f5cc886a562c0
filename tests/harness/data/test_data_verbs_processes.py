"""`data verify` and `data pack` in processes of their own: what they import, how they end, and two at once."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests import made

PROJECT = Path(__file__).resolve().parents[3]
PATIENCE = 60.0
RATE = str(made.RATE)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made.tau_folder(tmp_path_factory.mktemp("template") / "data")


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    """A data folder that the test may change, with its track beside it."""
    shutil.copytree(template, tmp_path / "data")
    made.track_file(tmp_path / "tiny.toml", Path("data"))
    return tmp_path / "data"


Started = Callable[..., "subprocess.Popen[str]"]
NO_TORCH = """
import atexit, pathlib, sys
def tell():
    heavy = sorted({"torch", "torchaudio", "fvcore"} & set(sys.modules))
    with pathlib.Path(sys.path[0] or ".", "PLACE").open("a") as stream:
        print(heavy, file=stream)
atexit.register(tell)
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Started]:
    """Starts `python -m harness data …` in a process group of its own; what it left is ended with the test."""
    started: list[subprocess.Popen[str]] = []

    def begin(*words: str, path: str = "") -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "harness", "data", words[0], "--track", "tiny.toml", *words[1:]],
            cwd=tmp_path, env={**os.environ, "PYTHONPATH": f"{path}:{PROJECT}"}, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, process_group=0,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background shell ignores it
        )  # fmt: skip
        started.append(process)
        return process

    yield begin
    for process in started:
        for left in (*psutil.Process(process.pid).children(recursive=True), process) if process.poll() is None else ():
            left.kill()
        process.communicate()


@pytest.mark.usefixtures("folder")
def test_verify_in_a_process_of_its_own_imports_no_torch(tmp_path: Path, start: Started) -> None:
    (tmp_path / "site").mkdir()
    told = tmp_path / "told.txt"
    (tmp_path / "site" / "sitecustomize.py").write_text(NO_TORCH.replace("PLACE", str(told)))
    process = start("verify", path=str(tmp_path / "site"))
    out, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said
    assert out.startswith("check ")
    assert said.splitlines()[-1].startswith("verdict: sound")
    assert set(told.read_text().splitlines()) == {"[]"}


@dataclass(frozen=True)
class Held:
    """The command while one of its processes reads an audio file that has no end, and those processes."""

    process: subprocess.Popen[str]
    family: list[psutil.Process]

    def ended(self) -> tuple[int, str, list[psutil.Process]]:
        """Status, what was said, and the processes that are left."""
        _, said = self.process.communicate(timeout=10)
        return self.process.returncode, said, psutil.wait_procs(self.family, timeout=5)[1]


@pytest.fixture
def held(folder: Path, start: Started) -> Iterator[Held]:
    path = folder / "audio" / "bus-lyon-100-1000-0-a.wav"
    path.unlink()
    os.mkfifo(path)
    process = start("verify")
    deadline = time.monotonic() + PATIENCE
    handle = None
    while handle is None and time.monotonic() < deadline:
        try:
            handle = os.open(path, os.O_WRONLY | os.O_NONBLOCK)  # there is an error until somebody reads
        except OSError:
            time.sleep(0.05)
    assert handle is not None
    yield Held(process, psutil.Process(process.pid).children(recursive=True))
    os.close(handle)


def test_ctrl_c_ends_verify_and_its_processes_without_a_traceback(held: Held) -> None:
    """A terminal sends it to every process of the command."""
    assert held.family
    os.killpg(held.process.pid, signal.SIGINT)
    code, said, left = held.ended()
    assert (code, left) == (130, [])
    assert "Traceback" not in said
    assert "interrupted" in said


def test_a_scheduler_s_word_ends_verify_though_a_file_does_not_come(held: Held) -> None:
    """A scheduler tells the first process alone; the one that reads may hang on a lost disk."""
    held.process.terminate()
    code, said, left = held.ended()
    assert (code, left) == (130, [])
    assert "Traceback" not in said


@pytest.mark.usefixtures("folder")
def test_two_commands_at_once_pack_every_clip_once(start: Started) -> None:
    both = [start("pack", "--rate", RATE, "--split", "100") for _ in range(2)]
    said = [process.communicate(timeout=PATIENCE)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert "".join(said).count("… packing waveforms") == 2  # training and test, once each
    assert all("packed at 8,000 Hz" in one for one in said)
