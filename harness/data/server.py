"""A file at a server: one request, and an answer that is either its bytes or the reason why there are none.

Interruption     another attempt may go further
 └ Beyond        there is nothing after the bytes that are there
Mistake          no attempt would
"""

from __future__ import annotations

import email.utils
import errno
import hashlib
import re
import socket
import ssl
import textwrap
import time
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse, IncompleteRead, InvalidURL
from pathlib import Path
from typing import Literal
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from harness.files import CHUNK
from harness.outcomes import Mistake

DigestKind = Literal["md5", "sha256", "git_blob"]

BLOCK = 1 << 18
USER_AGENT = "dcase-bench"
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers that another attempt may turn into the file."""
NO_WAY = frozenset({errno.ECONNREFUSED, errno.ENETUNREACH, errno.EHOSTUNREACH})


@dataclass(frozen=True)
class Digest:
    """What the bytes of a file must add up to; `git_blob` is what `git hash-object` says."""

    kind: DigestKind
    value: str

    def of(self, path: Path) -> str:
        """The digest of this kind of the file at `path`, in hexadecimal."""
        digest = hashlib.new("sha1" if self.kind == "git_blob" else self.kind, usedforsecurity=False)
        if self.kind == "git_blob":
            digest.update(b"blob %d\0" % path.stat().st_size)
        with path.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
        return digest.hexdigest()

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"


@dataclass(frozen=True)
class Remote:
    """A file at a server: where it is, and what is known of its bytes."""

    name: str
    url: str
    size: int | None = None
    digest: Digest | None = None

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    def fault(self, path: Path) -> str | None:
        """What is wrong with the bytes at `path`, to go on from the file's name; None where nothing is known to be."""
        size = path.stat().st_size
        if self.size not in (None, size):
            return f"has {size:,} bytes instead of {self.size:,}"
        found = self.digest.of(path) if self.digest else None
        if self.digest and found != self.digest.value:
            return f"has the {self.digest.kind} {found} instead of {self.digest.value}"
        return None


class Interruption(Exception):
    """An attempt that ended early; another may go further. `asked`: seconds the server wants to be left alone."""

    def __init__(self, reason: str, *, unreachable: bool = False, asked: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.unreachable = unreachable
        self.asked = asked


class Beyond(Interruption):
    """The server has no bytes after those that are there; `total` is how many it has, where it says so."""

    def __init__(self, total: int | None) -> None:
        super().__init__("the server has nothing after what is there")
        self.total = total


def ask(remote: Remote, offset: int, version: str | None, timeout: float) -> HTTPResponse:
    """The answer to a request for the bytes from `offset` on, or for the whole should its version be another one.

    Raises `Interruption` when another attempt may help, and `Mistake` when none would. `timeout` in seconds without
    a byte.
    """
    headers = {"User-Agent": USER_AGENT}
    if offset:
        headers["Range"] = f"bytes={offset}-"
        if version:
            headers["If-Range"] = version
    try:
        request = urllib.request.Request(remote.url, headers=headers)  # noqa: S310 - downloading lets in http(s) only
        response: HTTPResponse = urllib.request.urlopen(request, timeout=timeout)  # noqa: S310
    except HTTPError as error:
        with error:
            raise _refusal(remote, error) from None
    except URLError as error:
        raise _out_of_reach(error.reason) from None
    except InvalidURL as error:
        raise Mistake("download.address", f"{remote.url} is no address: {error}.", "Correct it.") from None
    except (OSError, HTTPException) as error:
        raise Interruption(_words(error)) from None
    return response


def answered(remote: Remote, response: HTTPResponse, offset: int) -> tuple[int, int | None]:
    """(where the bytes of the answer begin, bytes of the whole file where the server says so).

    Raises `Mistake` for a web page and for a file of another length, before what has come is given up for it.
    """
    if response.headers.get_content_type() == "text/html":
        problem = f"{remote.host} answers with a web page instead of {remote.name}."
        raise Mistake("download.web_page", problem, f"Open {remote.url} in a browser to see what it wants.")
    start, total = (offset, _total_of_range(response, offset)) if response.status == 206 else (0, response.length)
    if total is not None and remote.size not in (None, total):
        problem = f"{remote.name} at {remote.host} has {total:,} bytes instead of {remote.size:,}."
        raise Mistake("download.size", problem, "Run again later, or name another place with --mirror URL.")
    return start, total


def _total_of_range(response: HTTPResponse, offset: int) -> int | None:
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    if not found or int(found[1]) != offset:
        raise Interruption("the server sends another part of the file than it was asked for")
    return None if found[2] == "*" else int(found[2])


def version_of(response: HTTPResponse) -> str | None:
    """What If-Range takes: an ETag that is not weak, or else a date (RFC 9110, section 13.1.5)."""
    tag = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else response.headers.get("Last-Modified")


def block_of(response: HTTPResponse) -> bytes:
    """What has come by now, at most a block: little is lost when the connection breaks. Empty at the end."""
    try:
        return response.read1(BLOCK)
    except (OSError, HTTPException) as error:
        raise Interruption(_words(error)) from None


def _refusal(remote: Remote, error: HTTPError) -> Exception:
    """What follows from an answer that is an error: another attempt, or the end."""
    said = _line(f"{error.code} {error.reason}")
    if error.code in PASSING:
        return Interruption(f"the server answers {said}", asked=_seconds(error.headers.get("Retry-After", "")))
    if error.code == 416:
        found = re.fullmatch(r"bytes \*/(\d+)", error.headers.get("Content-Range", ""))
        return Beyond(int(found[1]) if found else None)
    problem = f"{remote.host} does not hand out {remote.name}: it answers {said}."
    remedy = f"Open {remote.url} in a browser to see why, or name another place with --mirror URL."
    return Mistake("download.refused", problem, remedy)


def _seconds(retry_after: str) -> float:
    """Seconds from now that `Retry-After` asks for, as a number or as a date; 0 where it asks for nothing."""
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        return max(email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time(), 0.0)
    except ValueError:
        return 0.0


def _out_of_reach(reason: str | BaseException) -> Interruption:
    if not isinstance(reason, OSError):
        return Interruption(_line(str(reason)))
    shut = isinstance(reason, socket.gaierror | ssl.SSLCertVerificationError) or reason.errno in NO_WAY
    return Interruption(_words(reason), unreachable=shut)


def _words(error: Exception) -> str:
    """The reason in an exception of the network, to stand in the middle of a sentence."""
    if isinstance(error, IncompleteRead):
        return "the connection ended early"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    text = _line((error.strerror if isinstance(error, OSError) else None) or str(error)) or type(error).__name__
    return text[0].lower() + text[1:].rstrip(".")


def _line(text: str) -> str:
    """Words of a server as a short line that a terminal only shows."""
    return textwrap.shorten("".join(sign if sign.isprintable() else " " for sign in text), 100, placeholder="…")
