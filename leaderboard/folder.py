"""The site's folder: what a build writes, leaves alone and takes away."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from harness.files import write_bytes

MANIFEST = "site.json"
"""The files that the last build wrote, each with a digest of what it was made of, or nothing."""


class Folder:
    """Writes files whole or not at all, and only where they are new or changed.

    Files that an earlier build wrote and this one did not are removed by `finish`; those of others stay.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.before = _remembered(out / MANIFEST)
        self.now: dict[str, str] = {}
        self.written = 0

    def has(self, names: Iterable[str], made_of: str) -> bool:
        """Whether files of these names are there and were made of the same; they are then not to be made again."""
        return all(self.before.get(name) == made_of and (self.out / name).is_file() for name in names)

    def keep(self, names: Iterable[str], made_of: str) -> None:
        """Files that `has` found."""
        self.now |= dict.fromkeys(names, made_of)

    def write(self, name: str, content: bytes, made_of: str = "") -> None:
        """A file of this build."""
        self.now[name] = made_of
        self.written += self._write(name, content)

    def finish(self) -> None:
        """Removes what is no longer made, and remembers what is."""
        for name in sorted(self.before.keys() - self.now.keys()):
            path = self.out / name
            if path.resolve().is_relative_to(self.out.resolve()):
                path.unlink(missing_ok=True)
        self._write(MANIFEST, json.dumps(self.now, indent=0, sort_keys=True).encode() + b"\n")

    def _write(self, name: str, content: bytes) -> bool:
        path = self.out / name
        try:
            if path.read_bytes() == content:
                return False
        except OSError:
            pass
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, content)
        return True


def _remembered(manifest: Path) -> dict[str, str]:
    try:
        found = json.loads(manifest.read_bytes())
    except (OSError, ValueError):
        return {}
    return {str(name): str(made_of) for name, made_of in found.items()} if isinstance(found, dict) else {}
