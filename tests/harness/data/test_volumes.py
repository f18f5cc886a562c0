"""Zip archives in volumes: their members come out whole, wherever the cuts are."""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from harness.data import volumes
from tests.harness.data.split_zip import cut

SOUND = b"".join(hashlib.sha256(str(number).encode()).digest() for number in range(3000))
MEMBERS = {
    "set/": b"",
    "set/plain.txt": b"a" * 5000,
    "set/empty.wav": b"",
    "set/é.wav": SOUND,
    "set/last.wav": SOUND[:777],
}


def zipped(compression: int) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", compression) as archive:
        for name, content in MEMBERS.items():
            archive.writestr(name, content)
    return held.getvalue()


def written(folder: Path, pieces: dict[str, bytes]) -> list[Path]:
    for name, content in pieces.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in pieces]


def members_of(paths: list[Path]) -> dict[str, bytes]:
    with volumes.opened(paths) as (archive, members):
        return {member.filename: archive.open(member).read() for member in reversed(members)}


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("size", [101, 1000, 4099, 50_000, 10**6])
def test_members_come_out_as_they_went_in_wherever_the_cuts_are(tmp_path: Path, compression: int, size: int) -> None:
    assert members_of(written(tmp_path, cut(zipped(compression), "set", size))) == MEMBERS


@pytest.mark.skipif(shutil.which("zip") is None, reason="the program zip is not installed")
@pytest.mark.parametrize("options", [["-0"], ["-6"], ["-0", "-fz"]], ids=["stored", "deflated", "as a large one"])
def test_what_the_program_zip_cut_is_read(tmp_path: Path, options: list[str]) -> None:
    for number in range(3):
        (tmp_path / f"{number}.wav").write_bytes(SOUND[number:])
    files = [f"{number}.wav" for number in range(3)]
    subprocess.run(["zip", "-q", *options, "-s", "64k", "set.zip", *files], cwd=tmp_path, check=True)
    paths = [*sorted(tmp_path.glob("set.z0*")), tmp_path / "set.zip"]
    assert len(paths) > 3
    assert members_of(paths) == {f"{number}.wav": SOUND[number:] for number in range(3)}


def test_a_volume_too_few_is_told_by_the_last(tmp_path: Path) -> None:
    first, _, *others = written(tmp_path, cut(zipped(zipfile.ZIP_STORED), "set", 30_000))
    with (
        pytest.raises(zipfile.BadZipFile, match=r"it has 4 volumes, and 3 are listed"),
        volumes.opened([first, *others]),
    ):
        pass


@pytest.mark.parametrize("last", [b"", b"<html>no archive</html>", b"PK\x05\x06"])
def test_a_last_volume_without_a_directory_is_refused(tmp_path: Path, last: bytes) -> None:
    paths = written(tmp_path, {"set.z01": b"PK\x07\x08", "set.zip": last})
    with pytest.raises(zipfile.BadZipFile, match="where its directory is"), volumes.opened(paths):
        pass


def test_volumes_in_another_order_are_not_read(tmp_path: Path) -> None:
    first, second, *others = written(tmp_path, cut(zipped(zipfile.ZIP_STORED), "set", 30_000))
    with pytest.raises(zipfile.BadZipFile):
        members_of([second, first, *others])


def test_an_altered_byte_of_any_volume_is_found(tmp_path: Path) -> None:
    paths = written(tmp_path, cut(zipped(zipfile.ZIP_STORED), "set", 30_000))
    content = bytearray(paths[1].read_bytes())
    content[15_000] ^= 255
    paths[1].write_bytes(content)
    with pytest.raises(zipfile.BadZipFile, match="CRC"):
        members_of(paths)
