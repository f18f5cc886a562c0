"""Digests of every file, in the form of `b2sum -l 128`: to know later, or elsewhere, that nothing has changed.

An archive's checksum says nothing once it is unpacked; a list of digests says of each file whether it is the one meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from harness.data.audio_files import DIGEST_BYTES
from harness.data.findings import Check, Fault
from harness.data.listing import Meta
from harness.data.verification.sound import Heard
from harness.files import write_bytes
from harness.outcomes import Mistake
from harness.validated import read_text


def read(path: Path) -> dict[str, str]:
    """Digests by name; raises `Mistake` where a line is not of the form "digest  name"."""
    found: dict[str, str] = {}
    for number, line in enumerate(read_text(path, rule="digests").splitlines(), start=1):
        digest, _, name = line.partition("  ")
        if len(digest) != 2 * DIGEST_BYTES or not name:
            problem = f"{path}, line {number} is not a digest of {DIGEST_BYTES} bytes, two spaces and a name."
            raise Mistake(
                "digests.line", problem, "Give a file that data verify --write-digests or b2sum -l 128 wrote."
            )
        found[name] = digest.lower()
    return found


def write(path: Path, meta: Meta, heard: Heard) -> None:
    """The digests of all files that can be read; `b2sum -c` in the data folder checks them too."""
    rows = np.flatnonzero(heard.usable).tolist()
    lines = [f"{heard.digests[row].tobytes().hex()}  {meta.names[row]}\n" for row in rows]
    write_bytes(path, "".join(lines).encode())


def check(expected: Mapping[str, str], meta: Meta, heard: Heard) -> Check:
    """Files that are others than the digests say, and files that the digests do not know."""
    faults = []
    for row in np.flatnonzero(heard.usable).tolist():
        name, found = meta.names[row], heard.digests[row].tobytes().hex()
        if name not in expected:
            faults.append(_fault(name, f"{name} is not among the digests."))
        elif expected[name] != found:
            faults.append(_fault(name, f"{name} has the digest {found} instead of {expected[name]}."))
    missing = [name for name in expected if name not in meta.rows]
    faults += [_fault(name, f"{name} has a digest and is not in {meta.name}.") for name in missing]
    return Check(name="digests", looked_at=len(expected), unit="digests", faults=tuple(faults))


def _fault(name: str, sentence: str) -> Fault:
    return Fault(check="digests", subject=name, sentence=sentence)
