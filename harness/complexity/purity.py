"""What `predict` may not do: open files, start processes or threads, talk to a network, load a library.

Python tells its audit hooks of such acts before they happen. A hook cannot be taken off again, so one waits from the
first use on and acts only inside a `pure` block.
"""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.outcomes import Mistake

FORBIDDEN = {
    "subprocess.Popen": "starts a process",
    "os.system": "starts a process",
    "os.exec": "starts a process",
    "os.posix_spawn": "starts a process",
    "os.spawn": "starts a process",
    "os.fork": "starts a process",
    "os.forkpty": "starts a process",
    "pty.spawn": "starts a process",
    "_thread.start_new_thread": "starts a thread",
    "socket.connect": "opens a connection",
    "socket.bind": "opens a connection",
    "socket.getaddrinfo": "opens a connection",
    "ctypes.dlopen": "loads a library",
    "sqlite3.connect": "opens a file",
}
CODE = (".py", ".pyc", ".pyi")


class _Hook:
    """One for the process; `acts` is None while nothing is watched."""

    def __init__(self) -> None:
        self.acts: list[str] | None = None
        self.installed = False
        roots = {
            *sysconfig.get_paths().values(),
            sys.prefix,
            sys.base_prefix,
            "/proc",
            "/sys",
            "/dev/null",
            "/dev/urandom",
        }
        self._installed_code = tuple(f"{Path(root).resolve()}/" for root in roots)

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.acts is None:
            return
        if event == "open":
            act = self._opening(arguments[0])
        else:
            act = f"{FORBIDDEN[event]} ({event})" if event in FORBIDDEN else ""
        if act:
            self.acts.append(act)
            raise PermissionError(act)

    def _opening(self, path: object) -> str:
        """What opening a file means; Python's own code and what pip installed are loaded whenever they are needed."""
        if not isinstance(path, str | bytes):
            return ""
        name = path.decode(errors="replace") if isinstance(path, bytes) else path
        if name.endswith(CODE) or str(Path(name).absolute()).startswith(self._installed_code):
            return ""
        return f"opens the file {Path(name).name}"


_HOOK = _Hook()


@contextmanager
def pure() -> Iterator[None]:
    """Raises `Mistake` where the block did what `predict` may not do, also where the entry caught the refusal."""
    if not _HOOK.installed:
        sys.addaudithook(_HOOK)
        _HOOK.installed = True
    acts: list[str] = []
    _HOOK.acts = acts
    try:
        yield
    except Exception:
        if not acts:
            raise
    finally:
        _HOOK.acts = None
    if acts:
        raise Mistake("predict.pure", f"predict {acts[0]}.", "Keep all that it needs in the classifier.")
