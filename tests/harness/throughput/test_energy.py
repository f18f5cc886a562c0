"""Counters of energy, as far as a machine has them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.throughput import energy
from harness.throughput.energy import Energy


def package(folder: Path, name: str, number: str, microjoules: int) -> Path:
    """A counter as Linux shows it."""
    place = folder / f"intel-rapl:{number}"
    place.mkdir(parents=True)
    (place / "name").write_text(f"{name}\n")
    (place / "energy_uj").write_text(f"{microjoules}\n")
    (place / "max_energy_range_uj").write_text("1000000\n")
    return place


def test_packages_are_added_up_and_their_parts_are_not_counted_twice(tmp_path: Path) -> None:
    for number, name in (("0", "package-0"), ("1", "package-1")):
        package(tmp_path, name, number, 200_000)
    package(tmp_path, "core", "0:0", 900_000)
    found = Energy(energy.processor_meters(tmp_path))
    assert found.names == ("RAPL package-0", "RAPL package-1")
    assert found.joules() == pytest.approx(0.4)


def test_a_counter_that_begins_anew_goes_on(tmp_path: Path) -> None:
    place = package(tmp_path, "package-0", "0", 900_000)
    found = Energy(energy.processor_meters(tmp_path))
    before = found.joules()
    (place / "energy_uj").write_text("100000\n")
    assert found.joules() == pytest.approx((before or 0) + 0.2)


def test_a_machine_that_tells_nothing_has_no_energy(tmp_path: Path) -> None:
    assert Energy(energy.processor_meters(tmp_path)).joules() is None


def test_a_counter_that_may_not_be_read_is_left_out(tmp_path: Path) -> None:
    place = package(tmp_path, "package-0", "0", 1)
    (place / "energy_uj").unlink()
    assert energy.processor_meters(tmp_path) == []


def test_an_accelerator_tells_millijoules(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByIndex=lambda _: "device",
        nvmlDeviceGetTotalEnergyConsumption=lambda _: 2500,
    )
    monkeypatch.setitem(__import__("sys").modules, "pynvml", driver)
    assert Energy(energy.accelerator_meters()).joules() == pytest.approx(2.5)


def test_an_accelerator_without_a_counter_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pynvml", SimpleNamespace())
    assert energy.accelerator_meters() == []
