"""The official baselines of this project as (entry, classifier)."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path
from typing import Any

from harness.complexity.measuring import measure
from harness.contract import Classifier
from harness.results import Complexity
from tests.harness.complexity.probes import TASK

FOLDER = Path(__file__).resolve().parents[3] / "baselines" / "systems"


def load(folder: Path) -> Any:
    """The module `submission.py` of an entry's folder."""
    spec = importlib.util.spec_from_file_location(f"entry_{folder.name}", folder / "submission.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # pydantic looks up annotations there
    spec.loader.exec_module(module)
    return module


@cache
def measured(name: str) -> Complexity:
    """What the entry's default system costs; measured once a session."""
    entry, classifier = build(name)
    return measure(entry, classifier, TASK).complexity


def build(name: str, **settings: Any) -> tuple[Any, Classifier]:
    """The entry and its untrained classifier, with these settings."""
    module = load(FOLDER / name)
    return module, module.build(module.Config(**settings), TASK)
