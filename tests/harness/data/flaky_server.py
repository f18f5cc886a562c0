"""A real server on 127.0.0.1 that hands out files, and fails in the ways it is told to."""

from __future__ import annotations

import hashlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DATE = "Thu, 23 Feb 2023 14:47:38 GMT"

Fault = Callable[["Handler", bytes], None]
"""Answers one request in its own way; the bytes are those of the file."""


@dataclass
class Asked:
    """What a client asked for."""

    path: str
    offset: int | None
    if_range: str | None
    agent: str | None


@dataclass
class Flaky:
    """Files by name, what was asked; `faults` answer the next requests, one each, and `always` the rest."""

    files: dict[str, bytes] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    always: Fault | None = None
    ranges: bool = True
    heeds_if_range: bool = True
    etags: bool = True
    weak: bool = False
    dates: bool = False
    chunked: bool = False
    asked: list[Asked] = field(default_factory=list)
    url: str = ""
    released: threading.Event = field(default_factory=threading.Event)
    server: ThreadingHTTPServer | None = None

    def offsets(self, name: str) -> list[int | None]:
        return [asked.offset for asked in self.asked if asked.path == f"/{name}"]

    def version(self, content: bytes) -> str:
        return ("W/" if self.weak else "") + f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'

    def stop(self) -> None:
        """No more connections."""
        self.released.set()
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None


class Quiet(ThreadingHTTPServer):
    """Says nothing about clients that went away."""

    flaky: Flaky

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is part of a test."""


class Handler(BaseHTTPRequestHandler):
    server: Quiet

    @property
    def flaky(self) -> Flaky:
        return self.server.flaky

    def log_message(self, *_words: Any) -> None:
        """Nothing: a test reads `asked`."""

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        path = self.path.partition("?")[0]
        offset = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else None
        self.flaky.asked.append(Asked(path, offset, self.headers.get("If-Range"), self.headers.get("User-Agent")))
        content = self.flaky.files.get(path.removeprefix("/"))
        if content is None:
            status(404)(self, b"")
        elif self.flaky.faults:
            self.flaky.faults.pop(0)(self, content)
        else:
            (self.flaky.always or whole)(self, content)

    def range_of(self, content: bytes) -> int:
        """Where the answer begins."""
        asked = self.flaky.asked[-1]
        versions = (None, self.flaky.version(content) if self.flaky.etags else DATE)
        same = asked.if_range in versions or not self.flaky.heeds_if_range
        return asked.offset or 0 if self.flaky.ranges and same else 0

    def head(self, content: bytes, start: int, length: int | None, kind: str = "application/octet-stream") -> None:
        self.send_response(206 if start else 200)
        self.send_header("Content-Type", kind)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if self.flaky.etags:
            self.send_header("ETag", self.flaky.version(content))
        if self.flaky.dates:
            self.send_header("Last-Modified", DATE)
        if length is None:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(length))
        self.end_headers()


def whole(handler: Handler, content: bytes) -> None:
    """All of the file, or what was asked of it."""
    _some(handler, content, None)


def dropped(after: int) -> Fault:
    """The connection is reset after so many bytes."""

    def answer(handler: Handler, content: bytes) -> None:
        _some(handler, content, after)
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.close()

    return answer


def truncated(after: int) -> Fault:
    """The connection ends in good order after so many bytes, and more were promised."""
    return lambda handler, content: _some(handler, content, after)


def stalled(after: int) -> Fault:
    """Nothing more comes after so many bytes, until the server is released."""

    def answer(handler: Handler, content: bytes) -> None:
        _some(handler, content, after)
        handler.flaky.released.wait(20)

    return answer


def gated(handler: Handler, content: bytes) -> None:
    """Nothing comes until the server is released, and then all of it."""
    handler.flaky.released.wait(20)
    whole(handler, content)


def wrong(handler: Handler, content: bytes) -> None:
    """As many bytes, and not the right ones."""
    _some(handler, bytes(byte ^ 255 for byte in content), None)


def sends(other: bytes, kind: str = "application/octet-stream") -> Fault:
    """Something else, as a whole."""

    def answer(handler: Handler, _content: bytes) -> None:
        handler.head(other, 0, len(other), kind)
        handler.wfile.write(other)

    return answer


def status(code: int, **headers: str) -> Fault:
    """No file; the names of headers have `_` for `-`."""

    def answer(handler: Handler, _content: bytes) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def _some(handler: Handler, content: bytes, most: int | None) -> None:
    start = handler.range_of(content)
    if start and start >= len(content):
        status(416, Content_Range=f"bytes */{len(content)}")(handler, b"")
        return
    rest = content[start:]
    handler.head(content, start, None if handler.flaky.chunked else len(rest))
    _write(handler, rest[:most], ends=most is None)


def _write(handler: Handler, rest: bytes, *, ends: bool) -> None:
    if handler.flaky.chunked:
        rest = b"%x\r\n" % len(rest) + rest + (b"\r\n0\r\n\r\n" if ends else b"\r\n")
    handler.wfile.write(rest)
    handler.wfile.flush()


@contextmanager
def running(**options: Any) -> Iterator[Flaky]:
    """A server with its thread; nothing of it is left at the end."""
    flaky = Flaky(**options)
    server = Quiet(("127.0.0.1", 0), Handler)
    server.flaky, flaky.server = flaky, server
    flaky.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield flaky
    finally:
        flaky.stop()
        thread.join()
