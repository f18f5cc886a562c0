"""One file over HTTP: gone on with where it stopped, and at its place only when its bytes are the right ones.

    <file>.part         what has come so far
    <file>.part.json    where it came from, which version it is the beginning of, and how long the whole is

(pooch, the usual choice, begins a file from the start after every dropped connection.)
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from http.client import HTTPResponse
from pathlib import Path

from harness.console import Progress
from harness.data.server import Beyond, Interruption, Remote, answered, ask, block_of, version_of
from harness.files import write_json
from harness.outcomes import Mistake


@dataclass(frozen=True)
class Patience:
    """When a server is given up. `attempts` are those in a row that bring nothing new; times in seconds."""

    attempts: int = 5
    attempts_unreachable: int = 2
    timeout: float = 30.0
    longest_wait: float = 120.0
    wait: Callable[[float], None] = time.sleep

    def pause(self, failures: int, asked: float) -> None:
        """Twice as long after each failure, and as long as the server asks for, within bounds."""
        self.wait(min(max(2.0 ** max(failures - 1, 0), asked), self.longest_wait))


@dataclass(frozen=True)
class Note:
    """What a part is the beginning of: `version` is an ETag or a date, `total` the bytes of the whole."""

    url: str
    version: str | None
    total: int | None


class Part:
    """The bytes of one file that have come so far; `received` counts those that came in this run."""

    def __init__(self, target: Path) -> None:
        self.path = target.with_name(f"{target.name}.part")
        self._note = target.with_name(f"{target.name}.part.json")
        self.received = 0

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def note(self, url: str) -> Note | None:
        """What is noted of this part, where it came from `url`."""
        try:
            note = Note(**json.loads(self._note.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        return note if note.url == url else None

    def begin(self, note: Note) -> None:
        self.discard()
        write_json(self._note, asdict(note))

    def discard(self) -> None:
        """The bytes go first: a note without bytes says nothing."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def become(self, target: Path) -> None:
        self.path.replace(target)
        self._note.unlink(missing_ok=True)


def fetch(remote: Remote, target: Path, progress: Progress, patience: Patience) -> int:
    """Sees to it that `target` holds the file; how many bytes had to come for it.

    Raises `Mistake` when the server cannot be reached, does not hand the file out, breaks off again and again, or
    sends wrong bytes twice; what has come stays for the next run, unless it is wrong. OSError is of the disk.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = Part(target)
    for _ in range(2):
        _complete(remote, part, progress, patience)
        fault = remote.fault(part.path)
        if fault is None:
            part.become(target)
            return part.received
        part.discard()
    problem = f"{remote.name} from {remote.host} {fault}, twice."
    raise Mistake("download.digest", problem, "Run again later, or name another place with --mirror URL.")


def _complete(remote: Remote, part: Part, progress: Progress, patience: Patience) -> None:
    """Attempts until the whole has come, or until too many in a row have brought nothing new.

    What counts is how far the part has ever been: a server that always begins anew and always breaks off is given up.
    """
    furthest = part.size
    failures = 0
    while True:
        try:
            _attempt(remote, part, progress, patience.timeout)
        except Interruption as interruption:
            failures = 0 if part.size > furthest else failures + 1
            furthest = max(furthest, part.size)
            shut = interruption.unreachable and not part.received
            if failures >= (patience.attempts_unreachable if shut else patience.attempts):
                raise _given_up(remote, interruption, failures) from None
            patience.pause(failures, interruption.asked)
        else:
            return


def _attempt(remote: Remote, part: Part, progress: Progress, timeout: float) -> None:
    """One request for what is missing, taken as far as it goes."""
    note = part.note(remote.url)
    if not _can_go_on(remote, part, note):
        part.discard()
        note = None
    if part.size and part.size == _total(remote, note):
        return
    try:
        with ask(remote, part.size, note.version if note else None, timeout) as response:
            start, total = answered(remote, response, part.size)
            if not start:
                part.begin(Note(remote.url, version_of(response), total))
            elif note and _is_another(note.version, response):
                part.discard()
                raise Interruption("the file changed in between")
            _receive(response, part, total if total is not None else remote.size, progress)
    except Beyond as beyond:
        if beyond.total != part.size:
            part.discard()
            raise


def _can_go_on(remote: Remote, part: Part, note: Note | None) -> bool:
    """Whether the rest of the file can follow what is there: by its version, or by a digest that tells in the end."""
    total = _total(remote, note)
    fits = total is None or part.size <= total
    return fits and bool(remote.digest or (note and note.version))


def _total(remote: Remote, note: Note | None) -> int | None:
    return remote.size if remote.size is not None else note.total if note else None


def _is_another(version: str | None, response: HTTPResponse) -> bool:
    """Whether an answer with a part of the file is of another version than what is there: If-Range was overlooked."""
    return version is not None and version_of(response) not in (None, version)


def _receive(response: HTTPResponse, part: Part, total: int | None, progress: Progress) -> None:
    done = part.size
    with part.path.open("ab") as stream:
        while block := block_of(response):
            stream.write(block)
            done += len(block)
            part.received += len(block)
            progress(done, total or done, "bytes")
            if total is not None and done > total:
                return  # wrong already; the rest would only fill the disk
    if total is not None and done < total:
        raise Interruption(f"the connection ended after {done:,} of {total:,} bytes")


def _given_up(remote: Remote, last: Interruption, failures: int) -> Mistake:
    if last.unreachable:
        problem = f"{remote.host} cannot be reached: {last.reason}."
        remedy = "Check the connection, and run the same command again; what is downloaded stays."
        return Mistake("download.unreachable", problem, remedy)
    problem = f"{remote.name} could not be fetched from {remote.host}: {last.reason} ({failures} times in a row)."
    return Mistake("download.interrupted", problem, "Run the same command again later; what is downloaded stays.")
