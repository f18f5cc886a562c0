"""What a benchmark file says of its machine, and the figures that matter printed below the table."""

from __future__ import annotations

from typing import Any

import pytest

from harness import provenance

SHOWN = (
    "times_faster_than_plain",
    "without_memory_settings",
    "share_of_the_mac_ratio_at_40",
    "speed_up_at_5",
    "times_slower_than_without",
    "times_faster_than_one_process",
    "clips_per_second",
    "overhead_median",
    "overhead_of_the_first_cell",
    "seconds",
    "whole",
    "peak_gib",
)


def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    """Hardware and package versions; no host name."""
    machine_info.pop("node", None)
    machine_info.pop("cpu", None)
    machine_info["hardware"] = provenance.hardware()
    machine_info["packages"] = provenance.package_versions()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    session = getattr(config, "_benchmarksession", None)
    for bench in session.benchmarks if session else []:
        figures = [f"{name} {bench.extra_info[name]:.2f}" for name in SHOWN if name in bench.extra_info]
        terminalreporter.write_line(f"{bench.name}: {', '.join(figures)}")
