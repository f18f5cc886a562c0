"""Whether a figure is within an edition's limits."""

from __future__ import annotations

import pytest

from harness import editions
from harness.complexity.limits import require_within
from harness.complexity.measuring import measure
from harness.outcomes import OverLimit
from harness.results import Complexity
from tests.harness.complexity import baselines_by_name
from tests.harness.complexity.probes import TASK


def figures(**changed: int) -> Complexity:
    given = {"parameters": 1, "parameter_bytes": 128_000, "macs": 30_000_000, "official_macs": 30_000_000, **changed}
    return Complexity(**given, bytes_by_dtype={})


@pytest.mark.parametrize("name", ["parameter_bytes", "macs", "official_macs", "free_operations"])
def test_a_figure_at_the_limit_passes_and_one_more_fails(name: str) -> None:
    edition = editions.load("dcase2025")
    at = figures(free_operations=7_500_000)  # a quarter of the limit on MACs
    require_within(at, edition)
    with pytest.raises(OverLimit):
        require_within(at.model_copy(update={name: getattr(at, name) + 1}), edition)


def test_the_edition_of_2022_counts_every_number_as_a_byte() -> None:
    edition = editions.load("dcase2022")
    require_within(figures(parameters=128_000, parameter_bytes=512_000), edition)
    with pytest.raises(OverLimit, match="128,001 parameters"):
        require_within(figures(parameters=128_001), edition)
    with pytest.raises(OverLimit, match="128,001 parameters"):
        require_within(figures(values=128_001), edition)  # hidden in a buffer


def test_the_full_width_2023_shape_at_65_frames_is_over_the_limit() -> None:
    entry, classifier = baselines_by_name.build("dcase2024", channels_multiplier=2.3, expansion_rate=3.0)
    found = measure(entry, classifier, TASK).complexity
    assert found.parameters == 126_940
    with pytest.raises(OverLimit, match=r"53,1\d\d,\d\d\d multiply-accumulates a clip \(30,000,000 allowed\)"):
        require_within(found, editions.load("dcase2024"))


def test_a_track_without_an_edition_has_no_limits() -> None:
    require_within(figures(macs=10**12), None)
