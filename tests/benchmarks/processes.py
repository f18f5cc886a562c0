"""One task in a process of its own, so that its memory can be told from that of others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

PROJECT = Path(__file__).resolve().parents[2]
LOOK_SECONDS = 0.2


def figures(module: str, *words: object, settings: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What a module of this folder printed, and the most memory its processes held together.

    `settings` are added to its environment. `peak_gib` is without mapped files (Linux only); what a fork shares with
    its parent counts once.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", f"tests.benchmarks.{module}", *map(str, words)],
        cwd=PROJECT, env={**os.environ, "PYTHONPATH": str(PROJECT), **(settings or {})},
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    peak = 0
    while process.poll() is None:
        peak = max(peak, _held(psutil.Process(process.pid)))
        time.sleep(LOOK_SECONDS)
    assert process.stdout is not None
    with process.stdout as output:
        printed = output.read()
    assert process.returncode == 0, f"{module} {words} ended with {process.returncode}"
    return {**json.loads(printed), "peak_gib": peak / 2**30}


def _held(process: psutil.Process) -> int:
    """Bytes of a process and those that it started; a page that several have counts in parts."""
    held = 0
    try:
        for one in (process, *process.children(recursive=True)):
            lines = Path(f"/proc/{one.pid}/smaps_rollup").read_text().splitlines()
            held += next(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss_Anon:"))
    except (psutil.Error, OSError, StopIteration):
        pass
    return held
