"""Entries that try to pass a limit without meeting it: each is refused or counted in full."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from harness import editions
from harness.complexity.limits import require_within
from harness.complexity.measuring import check_alone, measure
from harness.complexity.scrutiny import Scrutiny
from harness.contract import Clips, Task
from harness.outcomes import Mistake
from harness.results import Complexity
from tests.harness.complexity import baselines_by_name

CHEATS = Path(__file__).resolve().parents[2] / "entries" / "cheats"
TASK = Task(("bus", "park", "tram"), 1.0, ("a",))
EDITION = editions.load("dcase2024")

LIMITS = "limits.complexity"
VERDICTS = {
    "batch_statistics": "predict.alone",
    "compiled": LIMITS,
    "custom_function": LIMITS,
    "custom_operator": "count.operator",
    "dense_filter_bank": LIMITS,
    "device_from_the_name": "AttributeError",
    "exported": LIMITS,
    "frontend_of_transforms": LIMITS,
    "frontend_row_by_row": LIMITS,
    "frontend_that_grows": "count.frontend",
    "functional_convolution": LIMITS,
    "half_in_numpy": "count.outside",
    "hidden_by_a_constant": "predict.alone",
    "hidden_products": LIMITS,
    "hides_from_the_trace": LIMITS,
    "learnable_frontend": LIMITS,
    "loud_clips": LIMITS,
    "operator_replaced": "count.operator",
    "posing_frontend": LIMITS,
    "prune_masks": LIMITS,
    "random_weights": "predict.random",
    "refilled_buffer": "count.outside",
    "remembers_earlier_clips": "predict.alone",
    "scattered_products": "count.operator",
    "scripted": LIMITS,
    "statistics_as_weights": LIMITS,
    "statistics_of_a_norm": LIMITS,
    "swapped_later": "predict.alone",
    "table_of_answers": "count.outside",
    "table_of_products": LIMITS,
    "tensor_of_its_own": "count.outside",
    "view_of_more": LIMITS,
    "weights_from_disk": "predict.pure",
    "weights_in_attributes": LIMITS,
    "weights_in_buffers": LIMITS,
    "weights_in_closure": LIMITS,
    "weights_in_globals": LIMITS,
    "weights_in_text": LIMITS,
    "works_in_a_thread": "count.outside",
    "written_by_numpy": "count.outside",
    "written_over_the_logits": "count.outside",
}
"""The rule that each cheat meets."""


def clips_at(rows: Sequence[int]) -> Clips:
    """Test clips: noise, every third of them loud."""
    made = []
    for row in rows:
        noise = torch.randn(8000, generator=torch.Generator().manual_seed(row))
        made.append(noise * (0.9 if row % 3 == 0 else 0.05))
    return Clips(torch.stack(made), 8000)


def walk(folder: Path, task: Task = TASK) -> Complexity:
    """Checks, predicts 30 clips in batches of 8 and checks again, as the referee does."""
    torch.manual_seed(0)
    entry = baselines_by_name.load(folder)
    classifier = entry.build(entry.Config(), task)
    measured = measure(entry, classifier, task)
    require_within(measured.complexity, EDITION)
    check_alone(entry, classifier, task)
    scrutiny = Scrutiny(entry, classifier, measured)
    with torch.inference_mode():
        batches = [range(start, min(start + 8, 30)) for start in range(0, 30, 8)]
        logits = torch.cat([scrutiny.predict(clips_at(rows)) for rows in batches])
        found = scrutiny.finish(clips_at, logits)
    require_within(found, EDITION)
    return found


@pytest.mark.parametrize("name", sorted(VERDICTS))
@pytest.mark.filterwarnings("ignore")  # cheats may warn as they like
def test_a_cheat_is_refused_or_counted_in_full(name: str) -> None:
    with pytest.raises((Mistake, AttributeError)) as refused:
        walk(CHEATS / name)
    library = getattr(sys.modules[f"entry_{name}"], "LIBRARY", None)
    if library is not None:
        torch.library._defs.difference_update(library._op_defs)
        library._destroy()  # for the tests after this one
    met = getattr(refused.value, "rule", type(refused.value).__name__)
    assert met == VERDICTS[name], str(refused.value)[:300]


def test_every_cheat_has_its_verdict() -> None:
    assert {folder.name for folder in CHEATS.iterdir() if folder.is_dir() and folder.name != "__pycache__"} == set(
        VERDICTS
    )


def test_loud_clips_are_named_with_what_they_cost() -> None:
    entry = baselines_by_name.load(CHEATS / "loud_clips")
    torch.manual_seed(0)
    classifier = entry.build(entry.Config(), TASK)
    measured = measure(entry, classifier, TASK)
    scrutiny = Scrutiny(entry, classifier, measured)
    with torch.inference_mode():
        found = scrutiny.finish(clips_at, scrutiny.predict(clips_at(range(12))))
    once = 16 * 16 * 9 * 80 * 51
    assert found.macs == measured.complexity.macs + 5 * once
    assert found.costliest_clip is not None
    assert f"{found.macs:,}" in found.costliest_clip
    assert math.isclose(measured.complexity.macs, once, rel_tol=0.07)
