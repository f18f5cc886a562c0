"""The test clips as a system gets them: waveforms without names and labels, in an order that says nothing.

<folder>/waveforms.npy    (clips, samples) int16       <folder>/scales.npy    (clips,) float32
<folder>/devices.txt      one id a line, only on tracks that reveal the device
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import write_array_header_1_0
from numpy.typing import NDArray

from harness.data.dataset import Dataset, Rows
from harness.data.store import Layout
from harness.files import digest_of_value, disk_mistake

CLIPS_AT_A_TIME = 1024


@dataclass(frozen=True)
class TestClips:
    """A folder of test clips; `order[i]` is the place in the test list of the clip that the system sees as number i."""

    __test__ = False  # no test case, whatever its name looks like

    folder: Path
    order: Rows

    def in_list_order(self, predictions: NDArray[Any]) -> NDArray[Any]:
        """Predictions (clips, …) put back into the order of the test list."""
        restored = np.empty_like(predictions)
        restored[self.order] = predictions
        return restored


def extract(dataset: Dataset, layout: Layout, cache: Path, *, device_revealed: bool) -> TestClips:
    """The test clips of `dataset` from its packed store, shuffled; made once.

    The order comes from what the clips hold, so it is the same whenever it is made again.
    """
    fingerprint = layout.fingerprint(dataset.test)
    order = np.random.default_rng(int(fingerprint[:16], 16)).permutation(len(dataset.test))
    name = digest_of_value([fingerprint, layout.sample_rate, layout.samples, device_revealed])[:16]
    clips = TestClips(cache / "tests" / name, order)
    if not clips.folder.is_dir():
        try:
            _write(clips, dataset, layout, device_revealed=device_revealed)
        except OSError as error:
            raise disk_mistake(error, f"The test clips {clips.folder}") from None
    return clips


def _write(clips: TestClips, dataset: Dataset, layout: Layout, *, device_revealed: bool) -> None:
    rows = dataset.test[clips.order]
    clips.folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(dir=clips.folder.parent, prefix=f".{clips.folder.name}."))
    try:
        _copy(layout.waveforms(), rows, part / "waveforms.npy")
        np.save(part / "scales.npy", layout.scales()[rows])
        if device_revealed:
            (part / "devices.txt").write_text("\n".join(dataset.devices[rows].tolist()) + "\n")
        part.rename(clips.folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _copy(waveforms: NDArray[np.int16], rows: Rows, path: Path) -> None:
    """Writes through the file, not through a map: a full disk is then an error and not a signal."""
    header = {"descr": "<i2", "fortran_order": False, "shape": (len(rows), waveforms.shape[1])}
    with path.open("wb") as stream:
        write_array_header_1_0(stream, header)
        for start in range(0, len(rows), CLIPS_AT_A_TIME):
            stream.write(waveforms[rows[start : start + CLIPS_AT_A_TIME]].astype("<i2").tobytes())
