"""Downloads from a server that fails in every way: what comes is whole and right, and nothing comes twice."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import signal
import socket
import stat
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from harness.console import Progress
from harness.data import downloads
from harness.data.downloading import Fetched, download
from harness.data.downloads import Download
from harness.data.fetching import Patience
from harness.data.server import Digest
from harness.outcomes import Mistake
from harness.validated import read_toml
from tests.harness.data import flaky_server
from tests.harness.data.flaky_server import Flaky, dropped, sends, stalled, status, truncated
from tests.harness.data.split_zip import cut

CONTENT = b"".join(hashlib.sha256(str(number).encode()).digest() for number in range(10_000))
OTHER = CONTENT[::-1]
HALF = len(CONTENT) // 2
NAME = "split5.csv"
ROOT = "the-data-set"


class Steps:
    """Stands in for the reporter: keeps what a person would see."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.seen: list[tuple[int, int]] = []

    @contextmanager
    def __call__(self, name: str) -> Iterator[Progress]:
        self.names.append(name)
        yield self._progress

    def _progress(self, done: int, total: int, shown: str = "") -> None:
        assert shown == "bytes"
        self.seen.append((done, total))


class Clock:
    """Stands in for sleeping: keeps how long it would have taken."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        assert len(self.waits) < 50, "this would go on for ever"


@pytest.fixture(autouse=True)
def directly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of this machine has no business with 127.0.0.1."""
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def server() -> Iterator[Flaky]:
    with flaky_server.running(files={NAME: CONTENT}) as flaky:
        yield flaky


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def steps() -> Steps:
    return Steps()


Getting = Callable[..., Fetched]


@pytest.fixture
def get(tmp_path: Path, server: Flaky, clock: Clock, steps: Steps) -> Getting:
    """Downloads a record from the server into `tmp_path / "data"`."""

    def getting(record: Download | str | None = None, folder: Path = tmp_path / "data", **options: Any) -> Fetched:
        patience = Patience(wait=clock.wait, timeout=options.pop("timeout", 5.0))
        options.setdefault("mirror", server.url)
        return download(record or plain(), folder, step=steps, patience=patience, **options)

    return getting


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "data" / "split_setup" / NAME


def plain(*, content: bytes = CONTENT, digest: bool = True, size: bool = False) -> Download:
    """One file that is no archive."""
    file = {"name": NAME, "folder": "split_setup"}
    file |= {"sha256": hashlib.sha256(content).hexdigest()} if digest else {}
    file |= {"bytes": len(content)} if size else {}
    return record_of(file)


def record_of(*files: dict[str, Any], **keys: Any) -> Download:
    about = {"title": "A set", "licence": "Free.", "url": "https://example.org/{name}?download=1"}
    return Download.model_validate({**about, **keys, "files": files})


def zipped(members: dict[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return held.getvalue()


def tarred(*members: tuple[str, bytes], kind: bytes = tarfile.REGTYPE, to: str = "") -> bytes:
    """A tar.gz of files; `kind` is what its last member is, and `to` where that one links to."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as archive:
        for number, (name, content) in enumerate(members, start=1):
            member = tarfile.TarInfo(name)
            if number == len(members):
                member.type, member.linkname = kind, to
            member.size = len(content) if member.isreg() else 0
            archive.addfile(member, io.BytesIO(content))
    return held.getvalue()


def archives() -> tuple[Download, dict[str, bytes]]:
    """A data set as TAU has it: archives with one folder in common; and what a server has of it."""
    clips = {
        number: {f"{ROOT}/audio/clip-{number}-{k}.wav": CONTENT[k : k + 999] for k in range(3)} for number in (1, 2)
    }
    served = {f"audio.{number}.zip": zipped(members) for number, members in clips.items()}
    served["meta.zip"] = zipped({f"{ROOT}/": b"", f"{ROOT}/meta.csv": b"filename\n", f"{ROOT}/lists/fold1.csv": b"x"})
    files = [
        {
            "name": name,
            "unpack": True,
            "root": ROOT,
            "bytes": len(content),
            "md5": hashlib.md5(content, usedforsecurity=False).hexdigest(),
        }
        for name, content in served.items()
    ]
    return record_of(*files), served


def refused(getting: Getting, *arguments: Any, **options: Any) -> Mistake:
    """The mistake that a download ends with: one sentence, one that says what to do, and no more."""
    with pytest.raises(Mistake) as caught:
        getting(*arguments, **options)
    mistake = caught.value
    assert mistake.rule.startswith(("download.", "disk."))
    assert "\n" not in str(mistake)
    assert mistake.problem.endswith(".")
    assert mistake.remedy.endswith(".")
    return mistake


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def no_part_is_left(folder: Path) -> bool:
    return not [name for name in files_in(folder) if ".part" in name]


# One file


def test_a_file_comes_whole_and_its_progress_is_told_in_bytes(
    get: Getting, target: Path, server: Flaky, steps: Steps, clock: Clock
) -> None:
    assert get() == Fetched(target.parent.parent, (NAME,), (), len(CONTENT))
    assert target.read_bytes() == CONTENT
    assert no_part_is_left(target.parent.parent)
    assert server.asked[0].agent == "dcase-bench"
    assert steps.names == [f"fetching {NAME} (1 of 1)"]
    assert steps.seen[-1] == (len(CONTENT), len(CONTENT))
    assert clock.waits == []


def test_what_is_there_is_not_asked_for_again(get: Getting, server: Flaky, target: Path) -> None:
    get()
    assert get() == Fetched(target.parent.parent, (), (NAME,), 0)
    assert len(server.asked) == 1


def test_a_file_that_was_changed_is_fetched_again(get: Getting, target: Path) -> None:
    get()
    target.write_bytes(CONTENT.replace(b"\n", b"\r\n"))
    assert get().fetched == (NAME,)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("digest", [True, False])
def test_a_connection_that_ends_early_is_gone_on_with_where_it_ended(
    get: Getting, server: Flaky, target: Path, *, digest: bool
) -> None:
    server.faults = [truncated(HALF), truncated(1000)]
    assert get(plain(digest=digest)).bytes == len(CONTENT)
    assert target.read_bytes() == CONTENT
    assert server.offsets(NAME) == [None, HALF, HALF + 1000]


@pytest.mark.parametrize("digest", [True, False])
def test_a_connection_that_is_reset_costs_no_byte_that_had_come(
    get: Getting, server: Flaky, target: Path, *, digest: bool
) -> None:
    server.faults = [dropped(HALF), dropped(1000)]
    assert get(plain(digest=digest)).bytes == len(CONTENT)
    assert target.read_bytes() == CONTENT
    assert len(server.asked) == 3


def test_a_connection_that_breaks_more_often_than_the_limit_goes_on_as_long_as_bytes_come(
    get: Getting, server: Flaky, target: Path, clock: Clock
) -> None:
    server.faults = [truncated(20_000)] * 12
    get()
    assert target.read_bytes() == CONTENT
    assert clock.waits == [1.0] * 12


def test_a_server_that_falls_silent_is_asked_again(get: Getting, server: Flaky, target: Path) -> None:
    server.faults = [stalled(HALF)]
    get(timeout=0.2)
    assert target.read_bytes() == CONTENT
    assert server.offsets(NAME) == [None, HALF]


def test_a_body_without_length_that_breaks_off_is_not_taken_for_the_whole(
    get: Getting, server: Flaky, target: Path
) -> None:
    server.chunked = True
    server.faults = [truncated(HALF)]
    get(plain(digest=False))
    assert target.read_bytes() == CONTENT


def test_a_server_without_ranges_begins_anew(get: Getting, server: Flaky, target: Path) -> None:
    server.ranges = False
    server.faults = [truncated(HALF)]
    get()
    assert target.read_bytes() == CONTENT
    assert server.offsets(NAME) == [None, HALF]


def test_a_server_without_ranges_that_always_breaks_off_is_given_up(get: Getting, server: Flaky, clock: Clock) -> None:
    server.ranges, server.always = False, truncated(HALF)
    mistake = refused(get)
    assert mistake.rule == "download.interrupted"
    assert "5 times in a row" in mistake.problem
    assert len(server.asked) == 6
    assert clock.waits == [1, 1, 2, 4, 8]


def test_a_server_that_breaks_off_now_later_and_now_sooner_is_given_up(get: Getting, server: Flaky) -> None:
    server.ranges, server.faults = False, [truncated(HALF), truncated(1000)] * 50
    assert refused(get).rule == "download.interrupted"
    assert len(server.asked) == 6


def test_bytes_of_two_versions_are_never_put_together(get: Getting, server: Flaky, target: Path) -> None:
    def changing(handler: flaky_server.Handler, content: bytes) -> None:
        truncated(HALF)(handler, content)
        server.files[NAME] = OTHER

    server.faults = [changing]
    get(plain(digest=False))
    assert target.read_bytes() == OTHER
    assert server.asked[1].if_range == server.version(CONTENT)


def test_a_server_that_overlooks_the_version_asked_for_is_found_out(get: Getting, server: Flaky, target: Path) -> None:
    def changing(handler: flaky_server.Handler, content: bytes) -> None:
        truncated(HALF)(handler, content)
        server.files[NAME] = OTHER

    server.heeds_if_range, server.faults = False, [changing]
    get(plain(digest=False))
    assert target.read_bytes() == OTHER
    assert server.offsets(NAME) == [None, HALF, None]


def test_another_part_of_the_file_than_was_asked_for_is_not_taken(get: Getting, server: Flaky, target: Path) -> None:
    def shifted(handler: flaky_server.Handler, content: bytes) -> None:
        handler.head(content, HALF + 1, HALF - 1)
        handler.wfile.write(content[HALF + 1 :])

    server.faults = [truncated(HALF), shifted]
    assert get().bytes == len(CONTENT)
    assert target.read_bytes() == CONTENT
    assert server.offsets(NAME) == [None, HALF, HALF]


def test_a_date_stands_in_for_a_tag(get: Getting, server: Flaky, target: Path) -> None:
    server.etags, server.dates, server.faults = False, True, [truncated(HALF)]
    get(plain(digest=False))
    assert target.read_bytes() == CONTENT
    assert server.asked[1].if_range == flaky_server.DATE


@pytest.mark.parametrize("options", [{"etags": False}, {"weak": True}])
def test_without_a_version_only_a_file_with_a_digest_is_gone_on_with(
    get: Getting, server: Flaky, target: Path, options: dict[str, bool]
) -> None:
    for name, value in options.items():
        setattr(server, name, value)
    for digest, second in ((False, None), (True, HALF)):
        server.asked, server.faults = [], [truncated(HALF)]
        target.unlink(missing_ok=True)
        get(plain(digest=digest))
        assert target.read_bytes() == CONTENT
        assert server.offsets(NAME) == [None, second]


def test_a_redirection_is_followed_and_keeps_the_place_in_the_file(get: Getting, server: Flaky, target: Path) -> None:
    server.files["elsewhere"] = CONTENT
    server.faults = [truncated(HALF), status(302, Location=f"{server.url}/elsewhere")]
    get()
    assert target.read_bytes() == CONTENT
    assert server.offsets("elsewhere") == [HALF]


def test_a_redirection_to_a_file_of_this_machine_is_refused(get: Getting, server: Flaky, target: Path) -> None:
    server.always = status(302, Location=Path(__file__).as_uri())
    assert refused(get).rule == "download.refused"
    assert not target.exists()


# Wrong bytes


def test_wrong_bytes_are_thrown_away_and_fetched_once_more(get: Getting, server: Flaky, target: Path) -> None:
    server.faults = [flaky_server.wrong]
    assert get().bytes == 2 * len(CONTENT)
    assert target.read_bytes() == CONTENT
    assert server.offsets(NAME) == [None, None]


def test_bytes_that_stay_wrong_are_named_with_both_digests(get: Getting, server: Flaky, target: Path) -> None:
    server.files[NAME] = OTHER
    mistake = refused(get)
    assert mistake.rule == "download.digest"
    expected, found = (hashlib.sha256(content).hexdigest() for content in (CONTENT, OTHER))
    assert f"{NAME} from 127.0.0.1" in mistake.problem
    assert f"has the sha256 {found} instead of {expected}" in mistake.problem
    assert len(server.asked) == 2
    assert not target.exists()
    assert no_part_is_left(target.parent.parent)


def test_a_file_of_another_length_is_refused_and_what_was_there_of_it_stays(
    get: Getting, server: Flaky, target: Path
) -> None:
    part = target.with_name(f"{NAME}.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT[:HALF])
    server.always = sends(b"something else")
    mistake = refused(get, plain(size=True))
    assert mistake.rule == "download.size"
    assert f"14 bytes instead of {len(CONTENT):,}" in mistake.problem
    assert part.read_bytes() == CONTENT[:HALF]


def test_a_body_without_length_and_without_end_does_not_fill_the_disk(
    get: Getting, server: Flaky, steps: Steps
) -> None:
    server.chunked, server.files[NAME] = True, CONTENT * 20
    assert "bytes instead of" in refused(get, plain(size=True)).problem
    assert max(done for done, _ in steps.seen) < 10 * len(CONTENT)


def test_a_web_page_in_place_of_the_file_is_refused_and_what_was_there_of_it_stays(
    get: Getting, server: Flaky, target: Path
) -> None:
    server.faults = [truncated(HALF)]
    server.always = sends(b"<html>log in</html>", "text/html; charset=utf-8")
    assert refused(get).rule == "download.web_page"
    assert target.with_name(f"{NAME}.part").read_bytes() == CONTENT[:HALF]


# Refusals, and servers that are busy or gone


@pytest.mark.parametrize("code", [401, 403, 404, 410])
def test_a_refusal_is_final(get: Getting, server: Flaky, clock: Clock, code: int) -> None:
    server.always = status(code)
    mistake = refused(get)
    assert mistake.rule == "download.refused"
    assert str(code) in mistake.problem
    assert NAME in mistake.problem
    assert len(server.asked) == 1
    assert clock.waits == []


@pytest.mark.parametrize("code", [429, 500, 502, 503])
def test_a_busy_server_is_asked_again_and_given_up_in_the_end(
    get: Getting, server: Flaky, target: Path, clock: Clock, code: int
) -> None:
    server.faults = [status(code)] * 4
    get()
    assert target.read_bytes() == CONTENT
    assert clock.waits == [1, 2, 4, 8]
    target.unlink()
    server.always = status(code)
    assert f"the server answers {code}" in refused(get).problem


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [
        ("7", 7, 7),
        ("86400", 120, 120),
        ("9" * 400, 120, 120),
        (formatdate(time.time() + 60, usegmt=True), 40, 60),
        ("soon", 1, 1),
    ],
    ids=["seconds", "a day", "forever", "a date", "nonsense"],
)
@pytest.mark.parametrize("code", [429, 503])
def test_a_server_is_left_alone_as_long_as_it_asks_for_within_bounds(
    get: Getting, server: Flaky, clock: Clock, code: int, asked: str, least: float, most: float
) -> None:
    if "GMT" in asked:  # made when the tests are collected, which may be a while ago
        asked = formatdate(time.time() + 60, usegmt=True)
    server.faults = [status(code, Retry_After=asked)]
    get()
    (waited,) = clock.waits
    assert least <= waited <= most


def test_a_server_that_is_gone_is_asked_twice_and_named(get: Getting, server: Flaky, clock: Clock) -> None:
    server.stop()
    mistake = refused(get)
    assert mistake.rule == "download.unreachable"
    host = server.url.removeprefix("http://")
    assert mistake.problem == f"{host} cannot be reached: connection refused."
    assert "what is downloaded stays" in mistake.remedy
    assert clock.waits == [1]


def test_a_server_that_goes_away_in_the_middle_is_waited_for(
    server: Flaky, target: Path, tmp_path: Path, steps: Steps
) -> None:
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        server.stop()

    server.faults = [truncated(HALF)]
    patience = Patience(wait=wait, timeout=5)
    with pytest.raises(Mistake, match="cannot be reached"):
        download(plain(), tmp_path / "data", step=steps, mirror=server.url, patience=patience)
    assert waits == [1, 1, 2, 4, 8]
    assert target.with_name(f"{NAME}.part").read_bytes() == CONTENT[:HALF]


def test_a_name_that_nobody_knows_is_out_of_reach(get: Getting, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_arguments: Any, **_options: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    mistake = refused(get, mirror="http://zenodo.example")
    assert mistake.problem == "zenodo.example cannot be reached: name or service not known."


def test_something_that_does_not_speak_http_is_given_up(get: Getting) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.01)
        over = threading.Event()

        def chatter() -> None:
            while not over.is_set():
                try:
                    with listening.accept()[0] as caller:
                        caller.recv(4096)
                        caller.sendall(b"220 mail.example.org \x1b[2J\r\n")
                except TimeoutError:
                    continue

        thread = threading.Thread(target=chatter)
        thread.start()
        try:
            mistake = refused(get, mirror=f"http://127.0.0.1:{listening.getsockname()[1]}")
        finally:
            over.set()
            thread.join()
    assert mistake.rule == "download.interrupted"
    assert "220 mail.example.org [2J (5 times in a row)" in mistake.problem
    assert str(mistake).isprintable()


# A run after one that was killed


def test_a_killed_run_is_gone_on_with(server: Flaky, get: Getting, target: Path, tmp_path: Path) -> None:
    server.faults = [stalled(HALF)]
    code = (
        "import sys; from pathlib import Path; from harness.console import Reporter\n"
        "from harness.data.downloading import download; from harness.data.downloads import Download\n"
        "record = Download.model_validate_json(sys.argv[1])\n"
        "download(record, Path(sys.argv[2]), step=Reporter().step, mirror=sys.argv[3])"
    )
    record = plain(digest=False)
    words = [sys.executable, "-c", code, record.model_dump_json(), tmp_path / "data", server.url]
    part = target.with_name(f"{NAME}.part")
    with subprocess.Popen(words, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 30
        while not (part.exists() and part.stat().st_size == HALF) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert part.stat().st_size == HALF
    get(record)
    assert target.read_bytes() == CONTENT
    assert server.offsets(NAME) == [None, HALF]


def test_a_part_without_its_note_is_gone_on_with_where_a_digest_will_tell(
    get: Getting, server: Flaky, target: Path
) -> None:
    part = target.with_name(f"{NAME}.part")
    part.parent.mkdir(parents=True)
    for record, offset in ((plain(), HALF), (plain(digest=False), None)):
        server.asked = []
        target.unlink(missing_ok=True)
        part.write_bytes(CONTENT[:HALF])
        get(record)
        assert target.read_bytes() == CONTENT
        assert server.offsets(NAME) == [offset]


def test_a_part_of_something_else_costs_one_more_round(get: Getting, server: Flaky, target: Path) -> None:
    part = target.with_name(f"{NAME}.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(OTHER[:HALF])
    get()
    assert target.read_bytes() == CONTENT
    assert server.offsets(NAME) == [HALF, None]


@pytest.mark.parametrize("note", ["", "[]", "{}", '{"url": 1}', "\x00", '{"a": "b"}'])
def test_a_damaged_note_counts_for_none(get: Getting, server: Flaky, target: Path, note: str) -> None:
    part = target.with_name(f"{NAME}.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(OTHER[:HALF])
    part.with_name(f"{NAME}.part.json").write_text(note)
    get(plain(digest=False))
    assert target.read_bytes() == CONTENT
    assert server.offsets(NAME) == [None]


def test_a_part_from_another_place_is_gone_on_with_here(get: Getting, server: Flaky, target: Path) -> None:
    with flaky_server.running(files={NAME: CONTENT}, always=truncated(HALF), ranges=False) as first:
        refused(get, mirror=first.url)
    get()
    assert target.read_bytes() == CONTENT
    assert [(asked.offset, asked.if_range) for asked in server.asked] == [(HALF, None)]


def test_a_part_that_was_already_whole_needs_no_more_bytes(get: Getting, server: Flaky, target: Path) -> None:
    part = target.with_name(f"{NAME}.part")
    part.parent.mkdir(parents=True)
    for record, requests in ((plain(), 1), (plain(size=True), 0)):
        server.asked = []
        target.unlink(missing_ok=True)
        part.write_bytes(CONTENT)
        assert get(record) == Fetched(target.parent.parent, (), (NAME,), 0)
        assert target.read_bytes() == CONTENT
        assert len(server.asked) == requests


def test_a_part_that_is_longer_than_the_file_is_thrown_away(get: Getting, server: Flaky, target: Path) -> None:
    part = target.with_name(f"{NAME}.part")
    part.parent.mkdir(parents=True)
    for record, offsets in ((plain(), [len(CONTENT) + 1, None]), (plain(size=True), [None])):
        server.asked = []
        target.unlink(missing_ok=True)
        part.write_bytes(CONTENT + b"x")
        get(record)
        assert target.read_bytes() == CONTENT
        assert server.offsets(NAME) == offsets


def test_two_at_once_fetch_once(server: Flaky, get: Getting, steps: Steps) -> None:
    server.faults = [flaky_server.gated]
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(get)
        until(lambda: bool(server.asked))
        second = pool.submit(get)
        until(lambda: any(name.startswith("waiting for another command") for name in steps.names))
        server.released.set()
        assert first.result().fetched == (NAME,)
        assert second.result().present == (NAME,)
    assert len(server.asked) == 1


def until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.005)


# Archives


def test_archives_are_unpacked_without_their_common_folder_and_go(
    get: Getting, server: Flaky, tmp_path: Path, steps: Steps
) -> None:
    record, server.files = archives()
    assert get(record).fetched == ("audio.1.zip", "audio.2.zip", "meta.zip")
    clips = {f"audio/clip-{number}-{k}.wav" for number in (1, 2) for k in range(3)}
    backstage = {f".downloads/{name}.done" for name in server.files} | {".downloads/lock"}
    assert files_in(tmp_path / "data") == clips | {"meta.csv", "lists/fold1.csv"} | backstage
    assert (tmp_path / "data/audio/clip-2-1.wav").read_bytes() == CONTENT[1:1000]
    assert steps.names[-2:] == ["fetching meta.zip (3 of 3)", "unpacking meta.zip"]


@pytest.mark.parametrize("keep", [True, False])
def test_an_archive_that_was_unpacked_is_not_asked_for_again(get: Getting, server: Flaky, *, keep: bool) -> None:
    record, server.files = archives()
    first = get(record, keep_archives=keep)
    assert (first.folder / ".downloads/meta.zip").exists() is keep
    asked = len(server.asked)
    assert get(record, keep_archives=keep).present == ("audio.1.zip", "audio.2.zip", "meta.zip")
    assert len(server.asked) == asked == 3


def test_only_the_archive_whose_files_are_gone_is_fetched_again(get: Getting, server: Flaky, tmp_path: Path) -> None:
    record, server.files = archives()
    get(record)
    (tmp_path / "data/audio/clip-2-1.wav").unlink()
    assert get(record).fetched == ("audio.2.zip",)
    assert (tmp_path / "data/audio/clip-2-1.wav").read_bytes() == CONTENT[1:1000]


def test_an_archive_with_another_digest_than_the_unpacked_one_is_fetched(get: Getting, server: Flaky) -> None:
    record, server.files = archives()
    get(record)
    server.files["meta.zip"] = content = zipped({f"{ROOT}/meta.csv": b"filename\nnew\n"})
    new = {"name": "meta.zip", "unpack": True, "root": ROOT, "sha256": hashlib.sha256(content).hexdigest()}
    got = get(record_of(new))
    assert got.fetched == ("meta.zip",)
    assert (got.folder / "meta.csv").read_bytes() == b"filename\nnew\n"


def test_a_damaged_mark_counts_for_none(get: Getting, server: Flaky, tmp_path: Path) -> None:
    record, server.files = archives()
    get(record)
    for text in ("", "[]", "{}", '{"files": 3, "digest": null}', '{"files": [1]}'):
        (tmp_path / "data/.downloads/meta.zip.done").write_text(text)
        assert get(record).fetched == ("meta.zip",)


def test_unpacking_that_was_broken_off_is_done_again_without_fetching(
    get: Getting, server: Flaky, tmp_path: Path
) -> None:
    record, server.files = archives()
    obstacle = tmp_path / "data/audio/clip-1-2.wav"
    obstacle.mkdir(parents=True)
    assert refused(get, record).rule == "disk.unwritable"
    assert (tmp_path / "data/audio/clip-1-1.wav").is_file()
    obstacle.rmdir()
    assert get(record).fetched == ("audio.2.zip", "meta.zip")
    assert obstacle.read_bytes() == CONTENT[2:1001]
    assert server.offsets("audio.1.zip") == [None]


def damaged(kind: str) -> bytes:
    content = zipped({"a.csv": CONTENT, "b.csv": OTHER})
    if kind == "cut off":
        return content[: len(content) // 2]
    if kind == "altered":
        return content[:5000] + bytes(byte ^ 255 for byte in content[5000:5100]) + content[5100:]
    if kind == "encrypted":  # bit 0 of the flags, in the file's own header and in the directory at the end
        directory = content.index(b"PK\x01\x02")
        return b"".join((content[:6], b"\x01", content[7 : directory + 8], b"\x01", content[directory + 9 :]))
    return b"<html>no archive at all</html>"


@pytest.mark.parametrize("kind", ["cut off", "altered", "encrypted", "no archive"])
def test_a_damaged_archive_is_one_sentence_and_is_fetched_anew(get: Getting, server: Flaky, kind: str) -> None:
    record = record_of({"name": "set.zip", "unpack": True})
    server.files["set.zip"] = damaged(kind)
    mistake = refused(get, record)
    assert mistake.rule == "download.archive"
    assert "set.zip is no whole zip archive" in mistake.problem
    server.files["set.zip"] = zipped({"a.csv": CONTENT})
    got = get(record)
    assert got.fetched == ("set.zip",)
    assert (got.folder / "a.csv").read_bytes() == CONTENT


@pytest.mark.parametrize("name", ["../outside", "/outside", "a/../../outside", "..", f"{ROOT}/../../outside"])
def test_a_member_that_leads_out_of_the_folder_is_refused_before_anything_is_written(
    get: Getting, server: Flaky, tmp_path: Path, name: str
) -> None:
    server.files["set.zip"] = zipped({"first.csv": b"1", name: b"2"})
    before = files_in(tmp_path)
    mistake = refused(get, record_of({"name": "set.zip", "unpack": True, "root": ROOT}))
    assert mistake.rule == "download.unsafe"
    assert name in mistake.problem
    assert files_in(tmp_path) - before == {"data/.downloads/lock", "data/.downloads/set.zip"}


def test_a_link_in_an_archive_is_refused(get: Getting, server: Flaky, tmp_path: Path) -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        link = zipfile.ZipInfo("audio")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, str(tmp_path))
        archive.writestr("audio/outside", b"2")
    server.files["set.zip"] = held.getvalue()
    assert refused(get, record_of({"name": "set.zip", "unpack": True})).rule == "download.unsafe"
    assert not (tmp_path / "outside").exists()


def test_a_link_that_stands_where_a_file_goes_is_replaced_and_not_written_through(
    get: Getting, server: Flaky, tmp_path: Path
) -> None:
    server.files["set.zip"] = zipped({"meta.csv": b"new"})
    (tmp_path / "precious.csv").write_bytes(b"old")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/meta.csv").symlink_to(tmp_path / "precious.csv")
    get(record_of({"name": "set.zip", "unpack": True}))
    assert (tmp_path / "precious.csv").read_bytes() == b"old"
    assert (tmp_path / "data/meta.csv").read_bytes() == b"new"


TAR = {"name": "set.tar.gz", "unpack": True}


def test_a_tar_archive_is_unpacked_and_not_asked_for_again(get: Getting, server: Flaky, tmp_path: Path) -> None:
    """Names as `tar -C folder .` writes them, with ./ in front."""
    server.files["set.tar.gz"] = content = tarred(("./yes/a_nohash_0.wav", CONTENT), ("./testing_list.txt", OTHER))
    record = record_of({**TAR, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()})
    assert get(record).fetched == ("set.tar.gz",)
    backstage = {".downloads/set.tar.gz.done", ".downloads/lock"}
    assert files_in(tmp_path / "data") == {"yes/a_nohash_0.wav", "testing_list.txt"} | backstage
    assert (tmp_path / "data/yes/a_nohash_0.wav").read_bytes() == CONTENT
    assert get(record).present == ("set.tar.gz",)
    assert len(server.asked) == 1


@pytest.mark.parametrize("name", ["../outside", "/outside", "a/../../outside", ".."])
def test_a_member_that_leads_out_of_the_folder_is_refused_in_a_tar_too(
    get: Getting, server: Flaky, tmp_path: Path, name: str
) -> None:
    server.files["set.tar.gz"] = tarred(("first.csv", b"1"), (name, b"2"))
    before = files_in(tmp_path)
    mistake = refused(get, record_of(TAR))
    assert mistake.rule == "download.unsafe"
    assert name in mistake.problem
    assert files_in(tmp_path) - before == {"data/.downloads/lock", "data/.downloads/set.tar.gz"}


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE],
    ids=["symbolic link", "hard link", "character device", "block device", "pipe"],
)  # fmt: skip
def test_a_member_of_a_tar_that_is_neither_file_nor_folder_is_refused_before_anything_is_written(
    get: Getting, server: Flaky, tmp_path: Path, kind: bytes
) -> None:
    server.files["set.tar.gz"] = tarred(("first.csv", b"1"), ("other", b""), kind=kind, to="first.csv")
    before = files_in(tmp_path)
    assert refused(get, record_of(TAR)).rule == "download.unsafe"
    assert files_in(tmp_path) - before == {"data/.downloads/lock", "data/.downloads/set.tar.gz"}


def damaged_tar(kind: str) -> bytes:
    content = tarred(("a.csv", CONTENT), ("b.csv", OTHER))
    if kind == "cut off":
        return content[: len(content) // 2]
    if kind == "altered":
        return content[:5000] + bytes(byte ^ 255 for byte in content[5000:5100]) + content[5100:]
    if kind == "altered before it was compressed":
        whole = bytearray(gzip.decompress(content))
        second = whole.index(b"b.csv")
        whole[second] ^= 1  # tarfile takes that header for the end
        return gzip.compress(bytes(whole))[:-8] + content[-8:]
    return gzip.compress(b"no tar") if kind == "no tar" else b"<html>no archive at all</html>"


@pytest.mark.parametrize("kind", ["cut off", "altered", "altered before it was compressed", "no tar", "no archive"])
def test_a_damaged_tar_is_one_sentence_and_is_fetched_anew(get: Getting, server: Flaky, kind: str) -> None:
    server.files["set.tar.gz"] = damaged_tar(kind)
    mistake = refused(get, record_of(TAR))
    assert mistake.rule == "download.archive"
    assert "set.tar.gz is no whole tar archive" in mistake.problem
    server.files["set.tar.gz"] = tarred(("a.csv", CONTENT))
    assert get(record_of(TAR)).fetched == ("set.tar.gz",)


def in_volumes(*, digests: bool = True) -> tuple[Download, dict[str, bytes]]:
    """An archive of one clip in three volumes."""
    pieces = cut(zipped({f"{ROOT}/clip.wav": CONTENT}), "set", len(CONTENT) // 2)
    about = [
        {"name": name, "bytes": len(content)} | ({"sha256": hashlib.sha256(content).hexdigest()} if digests else {})
        for name, content in pieces.items()
    ]
    return record_of({**about[-1], "unpack": True, "root": ROOT, "volumes": about[:-1]}), pieces


@pytest.mark.parametrize("keep", [True, False])
def test_an_archive_in_volumes_is_unpacked_once_all_are_there_and_not_asked_for_again(
    get: Getting, server: Flaky, steps: Steps, *, keep: bool
) -> None:
    record, server.files = in_volumes()
    got = get(record, keep_archives=keep)
    assert got.fetched == ("set.z01", "set.z02", "set.zip")
    assert got.bytes == sum(len(content) for content in server.files.values())
    assert (got.folder / "clip.wav").read_bytes() == CONTENT
    assert [(got.folder / ".downloads" / name).exists() for name in server.files] == 3 * [keep]
    assert steps.names[-2:] == ["fetching set.zip (3 of 3)", "unpacking set.zip"]
    assert get(record, keep_archives=keep).present == ("set.z01", "set.z02", "set.zip")
    assert len(server.asked) == 3


def test_a_volume_that_came_is_kept_while_another_cannot_be_had(get: Getting, server: Flaky) -> None:
    record, pieces = in_volumes()
    server.files = {name: content for name, content in pieces.items() if name != "set.z02"}
    assert "set.z02" in refused(get, record).problem
    server.files = pieces
    assert get(record).fetched == ("set.z02", "set.zip")
    assert server.offsets("set.z01") == [None]


def test_damaged_volumes_are_one_sentence_and_all_are_fetched_anew(get: Getting, server: Flaky) -> None:
    record, pieces = in_volumes(digests=False)
    server.files = pieces | {"set.z02": pieces["set.z02"][::-1]}
    assert "set.zip is no whole zip archive" in refused(get, record).problem
    server.files = pieces
    assert get(record).fetched == ("set.z01", "set.z02", "set.zip")


@pytest.mark.parametrize(("name", "volumes"), [("set.zip", ["set.z02"]), ("set.tar.gz", ["set.z01"])])
def test_volumes_are_those_of_a_zip_archive_in_their_order(name: str, volumes: list[str]) -> None:
    with pytest.raises(ValidationError, match="in their order"):
        record_of({"name": name, "unpack": True, "volumes": [{"name": one} for one in volumes]})


def test_room_is_wanted_for_all_volumes_at_once(get: Getting, server: Flaky) -> None:
    file = {"name": "set.zip", "unpack": True, "bytes": 10**15, "volumes": [{"name": "set.z01", "bytes": 10**15}]}
    assert "takes 4000000.0 GB" in refused(get, record_of(file)).problem
    assert server.asked == []


def test_speech_commands_are_downloaded_from_one_archive_with_a_published_digest() -> None:
    record = downloads.load("speech-commands-v2")
    (file,) = record.files
    assert record.url.replace("{name}", file.name).startswith(
        "http://download.tensorflow.org/data/speech_commands_v0.02"
    )
    assert (file.unpack, file.folder, record.bytes) == (True, ".", 2_428_923_189)
    assert file.digest is not None


LIST = b"filename,fold\none.wav,1\ntwo.wav,2\n"
CLIPS = {f"{ROOT}/audio/one.wav": b"1", f"{ROOT}/audio/two.wav": b"2"}


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        (CLIPS, "it has no meta/list.csv"),
        ({**CLIPS, f"{ROOT}/meta/list.csv": b"filename,fold\none.wav,1\n"}, "meta/list.csv has 1 rows instead of 2"),
        ({**CLIPS, f"{ROOT}/meta/list.csv": b"name\none.wav\ntwo.wav\n"}, "is no list with a column filename"),
        ({**CLIPS, f"{ROOT}/meta/list.csv": b"filename\n\xff\n"}, "is no list with a column filename"),
        (
            {**dict(list(CLIPS.items())[:1]), f"{ROOT}/meta/list.csv": LIST},
            "1 files of meta/list.csv are missing, 'two.wav'",
        ),
    ],
)
def test_an_archive_without_digest_must_hold_what_is_expected_of_it(
    get: Getting, server: Flaky, members: dict[str, bytes], fault: str
) -> None:
    expect = {"list": "meta/list.csv", "column": "filename", "folder": "audio", "rows": 2}
    record = record_of({"name": "master.zip", "unpack": True, "root": ROOT, "expect": expect})
    server.files["master.zip"] = zipped(members)
    mistake = refused(get, record)
    assert mistake.rule == "download.content"
    assert fault in mistake.problem
    server.files["master.zip"] = zipped({**CLIPS, f"{ROOT}/meta/list.csv": LIST})
    assert get(record).fetched == ("master.zip",)
    assert get(record).fetched == ()


# The disk


@pytest.mark.parametrize(
    ("size", "keys", "needed"),
    [(1000, {"unpacked_bytes": 10**17}, "100000000.0 GB"), (10**16, {}, "20000000.0 GB")],
)
def test_a_download_that_will_not_fit_is_refused_before_the_first_request(
    get: Getting, server: Flaky, size: int, keys: dict[str, int], needed: str
) -> None:
    mistake = refused(get, record_of({"name": "set.zip", "unpack": True, "bytes": size}, **keys))
    assert mistake.rule == "download.room"
    assert f"What is missing of A set takes {needed}" in mistake.problem
    assert "GB left" in mistake.problem
    assert server.asked == []


def test_what_takes_its_room_already_is_not_counted_twice(get: Getting, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "400k") as disk:
        part = disk / "split_setup" / f"{NAME}.part"
        part.parent.mkdir()
        part.write_bytes(CONTENT[:-1000])
        assert get(plain(size=True), folder=disk).bytes == 1000


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of its own; the test is skipped where none can be mounted."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},huge=never", "tmpfs", folder]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_is_one_sentence_and_a_larger_one_is_gone_on_with(
    get: Getting, server: Flaky, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", "200k") as disk:
        mistake = refused(get, folder=disk)
        assert mistake.rule == "disk.full"
        assert str(disk) in mistake.problem
        subprocess.run(["mount", "-o", "remount,size=2M", disk], check=True)
        assert 0 < get(folder=disk).bytes < len(CONTENT)
        assert (disk / "split_setup" / NAME).read_bytes() == CONTENT
    assert len(server.asked) == 2


def test_an_archive_that_unfolds_beyond_the_disk_is_refused_and_kept(
    get: Getting, server: Flaky, tmp_path: Path
) -> None:
    server.files["set.zip"] = zipped({"zeros": bytes(10**6)})
    record = record_of({"name": "set.zip", "unpack": True})
    with small_disk(tmp_path / "disk", "200k") as disk:
        assert refused(get, record, folder=disk).rule == "download.room"
        subprocess.run(["mount", "-o", "remount,size=2M", disk], check=True)
        get(record, folder=disk)
        assert (disk / "zeros").stat().st_size == 10**6
    assert len(server.asked) == 1


def test_a_folder_that_cannot_be_made_is_one_sentence(get: Getting, server: Flaky, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert refused(get, folder=tmp_path / "file" / "data").rule == "disk.unwritable"
    assert server.asked == []


# Names, addresses, records


def test_a_name_that_is_not_known_is_answered_with_the_nearest(get: Getting, tmp_path: Path) -> None:
    with pytest.raises(Mistake) as caught:
        get("tau2022-developmnt")
    assert caught.value.rule == "download.unknown"
    assert caught.value.problem == 'There is no download "tau2022-developmnt".'
    assert caught.value.remedy == 'Did you mean "tau2022-development"?'
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    "mirror",
    ["ftp://example.org", "file:///tmp", "localhost:8000", "http://", "http://[::1", "http://a b/", "http://a:x/"],
)
def test_a_mirror_that_is_no_address_is_refused(get: Getting, mirror: str) -> None:
    assert refused(get, mirror=mirror).rule == "download.address"


def test_a_mirror_may_be_a_folder_of_a_server(get: Getting, server: Flaky) -> None:
    server.files[f"mirrors/tau/{NAME}"] = CONTENT
    for mirror in (f"{server.url}/mirrors/tau", f"{server.url}/mirrors/tau/"):
        get(mirror=mirror)
    assert [asked.path for asked in server.asked] == [f"/mirrors/tau/{NAME}"]


def test_without_a_mirror_the_address_of_the_record_is_asked(get: Getting, server: Flaky, target: Path) -> None:
    record = plain().model_copy(update={"url": f"{server.url}/{{name}}?download=1"})
    get(record, mirror=None)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('md5 = "12"', "md5"),
        (f'md5 = "{"0" * 32}"\nsha256 = "{"0" * 64}"', "more than one digest"),
        ('folder = "../elsewhere"', "leads out of the folder"),
        ('folder = "/elsewhere"', "leads out of the folder"),
        ('root = "a"', "unpack is not set"),
        ("digest = 3", 'unknown key "files.0.digest"'),
        ('[[files]]\nname = "a.csv"', "a file stands twice"),
        ('[[files]]\nname = "../a.csv"', "name"),
    ],
)
def test_a_record_that_does_not_fit_is_refused_by_its_key(tmp_path: Path, line: str, said: str) -> None:
    about = 'title = "A set"\nlicence = "Free."\nurl = "https://example.org/{name}"\n\n[[files]]\nname = "a.csv"\n'
    (tmp_path / "set.toml").write_text(about + line)
    with pytest.raises(Mistake, match=re.escape(said)):
        read_toml(tmp_path / "set.toml", Download, rule="download")


def test_a_record_without_files_is_refused() -> None:
    with pytest.raises(ValidationError, match="names no file"):
        record_of()


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("git_blob", "ce013625030ba8dba906f756967f9e9ca394464a"),
        ("md5", "b1946ac92492d2347c6235b4d2611184"),
        ("sha256", "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"),
    ],
)
def test_digests_are_those_of_git_and_of_coreutils(tmp_path: Path, kind: Any, value: str) -> None:
    (tmp_path / "hello").write_bytes(b"hello\n")
    assert Digest(kind, value).of(tmp_path / "hello") == value


def test_every_shipped_download_loads_and_its_digests_have_their_length() -> None:
    assert downloads.names() == ["dcase2024-splits", "esc50", "fsd50k", "speech-commands-v2", "tau2022-development"]
    lengths = {"md5": 32, "sha256": 64, "git_blob": 40}
    for name in downloads.names():
        record = downloads.load(name)
        assert record.licence.endswith(".")
        digests = [piece.digest for piece in record.pieces if piece.digest]
        assert all(re.fullmatch(rf"[0-9a-f]{{{lengths[digest.kind]}}}", digest.value) for digest in digests)
        assert len({digest.value for digest in digests}) == len(digests)
        assert len(digests) == (0 if name == "esc50" else len(record.pieces))


def test_the_archives_of_tau_are_as_large_as_the_record_says() -> None:
    record = downloads.load("tau2022-development")
    sizes = {file.name.removesuffix(".zip").split("-")[-1]: file.bytes or 0 for file in record.files}
    audio = [size for name, size in sizes.items() if ".audio." in name]
    assert (len(audio), sum(audio)) == (16, 27_502_036_869)
    assert (sizes["development.meta"], sizes["development.doc"]) == (1_538_781, 16_819)
    assert record.bytes == sum(audio) + 1_538_781 + 16_819
    assert all(file.unpack and file.folder == "." for file in record.files)
    assert {file.root for file in record.files} == {"TAU-urban-acoustic-scenes-2022-mobile-development"}


def test_the_volumes_of_fsd50k_are_as_large_as_the_record_says() -> None:
    record = downloads.load("fsd50k")
    sizes = {file.name: [piece.bytes for piece in file.pieces] for file in record.files}
    assert sizes["FSD50K.dev_audio.zip"] == [*5 * [3 * 2**30], 2_306_663_327]
    assert sizes["FSD50K.eval_audio.zip"] == [3 * 2**30, 3_037_675_767]
    assert record.bytes == 24_671_691_926 + 334_701 + 6_700_838 + 6_984
    assert all(file.unpack and file.folder == "." and file.root is None for file in record.files)


@pytest.mark.parametrize("name", ["split5.csv", "split10.csv", "split25.csv", "split50.csv", "test.csv"])
def test_the_digests_of_the_splits_are_those_of_the_real_lists(
    name: str, shared: Path, get: Getting, server: Flaky, tmp_path: Path
) -> None:
    folder = shared / "data" / "tau22_splits"
    path = folder / name
    content = path.read_bytes() if path.exists() else gzip.decompress((folder / f"{name}.gz").read_bytes())
    server.files[name] = content
    record = downloads.load("dcase2024-splits")
    only = record.model_copy(update={"files": tuple(file for file in record.files if file.name == name)})
    get(only)
    assert (tmp_path / "data" / "split_setup" / name).read_bytes() == content


def test_the_note_of_a_part_is_for_people_too(get: Getting, server: Flaky, target: Path) -> None:
    server.ranges, server.always = False, truncated(HALF)
    refused(get)
    note = json.loads(target.with_name(f"{NAME}.part.json").read_text())
    assert note == {"url": f"{server.url}/{NAME}", "version": server.version(CONTENT), "total": len(CONTENT)}
