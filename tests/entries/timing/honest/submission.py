"""Nothing but what is counted."""

from __future__ import annotations

from tests.entries.timed_parts import Config, build, predict, train

__all__ = ["Config", "build", "predict", "train"]
