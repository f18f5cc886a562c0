"""What the machine tells of its energy: counters of the processor (RAPL), of an accelerator (NVML), often neither."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

Meter = Callable[[], float]
"""Joules since some moment."""

POWERCAP = Path("/sys/class/powercap")


class Energy:
    """Joules that all meters together have counted. `names` says which those are; none where nothing tells."""

    def __init__(self, meters: Sequence[tuple[str, Meter]]) -> None:
        self.names = tuple(name for name, _ in meters)
        self._meters = [meter for _, meter in meters]

    def joules(self) -> float | None:
        """The counters' sum now; None where there are none."""
        return sum(meter() for meter in self._meters) if self._meters else None


def of_this_machine(*, accelerator: bool) -> Energy:
    """Every counter that may be read here."""
    return Energy([*processor_meters(POWERCAP), *(accelerator_meters() if accelerator else [])])


def processor_meters(folder: Path) -> list[tuple[str, Meter]]:
    """A meter for each processor package; the counters of its parts are in it."""
    found: list[tuple[str, Meter]] = []
    for package in sorted(folder.glob("intel-rapl:[0-9]*")):
        if package.name.count(":") > 1:
            continue
        with suppress(OSError, ValueError):
            counter = _Wrapping(package / "energy_uj", int((package / "max_energy_range_uj").read_text()))
            counter()
            found.append((f"RAPL {(package / 'name').read_text().strip()}", counter))
    return found


class _Wrapping:
    """A counter of microjoules that begins anew at its end; it must be asked more often than it does."""

    def __init__(self, path: Path, span: int) -> None:
        self._path, self._span = path, span
        self._last: int | None = None
        self._turns = 0

    def __call__(self) -> float:
        now = int(self._path.read_text())
        if self._last is not None and now < self._last:
            self._turns += 1
        self._last = now
        return (now + self._turns * self._span) * 1e-6


def accelerator_meters() -> list[tuple[str, Meter]]:
    """The meter of the first NVIDIA device, where its driver has one."""
    try:
        import pynvml  # noqa: PLC0415 - only where there is an accelerator

        pynvml.nvmlInit()
        device = pynvml.nvmlDeviceGetHandleByIndex(0)
        pynvml.nvmlDeviceGetTotalEnergyConsumption(device)
    except Exception:  # noqa: BLE001 - a driver that is absent, too old or not allowed is no fault of the run
        return []
    return [("NVML", lambda: pynvml.nvmlDeviceGetTotalEnergyConsumption(device) * 1e-3)]
