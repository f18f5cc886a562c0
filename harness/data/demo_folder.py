"""Where the demo data lie: made once, whole or not at all, and made anew when the generator changes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from harness.data import demo
from harness.files import digest_of_files, disk_mistake

CLIPS = 2000
SEED = 0

Progress = Callable[[int, int], None]


def made(cache: Path, making: Callable[[], AbstractContextManager[Progress]]) -> Path:
    """The folder of the demo data under `cache`; `making` is entered only when they have to be made."""
    sources = sorted(Path(demo.__file__).parent.glob("*.py"))
    generator = digest_of_files((path.name, path) for path in sources)
    folder = cache / "data" / f"demo-{CLIPS}-{SEED}-{generator[:12]}"
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
        try:
            with making() as progress:
                demo.make(part, clips=CLIPS, seed=SEED, on_progress=progress)
            part.chmod(0o755)
            if not folder.is_dir():  # another command may have been quicker
                part.rename(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        raise disk_mistake(error, f"The demo data {folder}") from None
    return folder
