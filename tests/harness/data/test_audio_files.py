"""Audio files are decoded exactly as libsndfile decodes them, and what is no whole audio file is told apart."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from harness.data import audio_files
from harness.data.audio_files import Unusable

RATE = 8000


def noise(channels: int, samples: int = 501) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (samples, channels))


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "ULAW"])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("container", ["WAV", "WAVEX"])
def test_a_wav_is_decoded_as_libsndfile_does(tmp_path: Path, subtype: str, channels: int, container: str) -> None:
    path = tmp_path / "clip.wav"
    soundfile.write(path, noise(channels), RATE, subtype=subtype, format=container)
    expected, _ = soundfile.read(path, dtype="float32", always_2d=True)
    found = audio_files.read(path)
    assert found.waveform.dtype == np.float32
    assert np.array_equal(found.waveform, expected)
    assert found.sample_rate == RATE
    bits = {"PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32, "FLOAT": 32, "ULAW": None}
    assert found.bits == bits[subtype]


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
def test_the_largest_and_the_smallest_steps_are_exact(tmp_path: Path, subtype: str) -> None:
    path = tmp_path / "clip.wav"
    largest = 2 ** (15 if subtype == "PCM_16" else 23)
    steps = np.array([-largest, -largest + 1, -256, -255, -1, 0, 1, 255, 256, largest - 1], dtype=np.int64)
    soundfile.write(path, (steps * (2**31 // largest)).astype(np.int32), RATE, subtype=subtype)
    assert np.array_equal(audio_files.read(path).waveform[:, 0], (steps / largest).astype(np.float32))


def test_plain_wav_goes_the_quick_way_and_all_else_does_not(tmp_path: Path) -> None:
    for name, subtype, quick in (("a.wav", "PCM_24", True), ("b.wav", "FLOAT", False), ("c.flac", "PCM_24", False)):
        soundfile.write(tmp_path / name, noise(1), RATE, subtype=subtype)
        assert (audio_files._decoded_wav((tmp_path / name).read_bytes()) is not None) is quick


@pytest.mark.parametrize(("name", "bits"), [("clip.flac", 16), ("clip.ogg", None)])
def test_other_formats_are_read_too(tmp_path: Path, name: str, bits: int | None) -> None:
    soundfile.write(tmp_path / name, noise(1), RATE)
    found = audio_files.read(tmp_path / name)
    assert np.array_equal(found.waveform[:, 0], soundfile.read(tmp_path / name, dtype="float32")[0])
    assert found.bits == bits


def test_the_digest_is_what_b2sum_prints(tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    soundfile.write(path, noise(1), RATE)
    printed = subprocess.run(["b2sum", "-l", "128", path], capture_output=True, text=True, check=True).stdout
    assert printed.startswith(audio_files.read(path).digest.hex())


def test_real_recordings_are_decoded_as_libsndfile_does(shared: Path) -> None:
    for path in sorted((shared / "data" / "tau_mini" / "audio").glob("*.wav"))[::10]:
        assert np.array_equal(audio_files.read(path).waveform[:, 0], soundfile.read(path, dtype="float32")[0])


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:700])


def cut_in_the_header(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:30])


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (lambda path: path.unlink(), "does not exist"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_text("<html>404</html>"), "is not audio that can be read"),
        (lambda path: (path.unlink(), path.mkdir()), "cannot be read (is a directory)"),
        (cut, "is truncated: 700 of 1,046 bytes"),
        (cut_in_the_header, "is truncated: 30 of 1,046 bytes"),
    ],
)
def test_a_file_without_usable_audio_is_told_by_its_fault(
    tmp_path: Path, broken: Callable[[Path], object], words: str
) -> None:
    path = tmp_path / "clip.wav"
    soundfile.write(path, noise(1), RATE)
    broken(path)
    with pytest.raises(Unusable) as caught:
        audio_files.read(path)
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize("length", [b"\xff\xff\xff\xff", b"\x24\xf0\xff\x7f"])
def test_a_wav_of_a_stream_is_no_truncated_one(tmp_path: Path, length: bytes) -> None:
    """What programs write that cannot go back to correct it."""
    path = tmp_path / "clip.wav"
    soundfile.write(path, noise(1), RATE)
    content = bytearray(path.read_bytes())
    content[4:8] = length
    path.write_bytes(content)
    assert len(audio_files.read(path).waveform) == 501


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (noise(2, RATE), "has 2 channels instead of one"),
        (noise(1, RATE - 1), "has 7,999 samples at 8,000 Hz instead of 8,000"),
        (np.full((RATE, 1), np.nan), "holds values that are not numbers"),
    ],
)
def test_a_clip_has_one_channel_its_length_and_numbers(tmp_path: Path, content: np.ndarray, words: str) -> None:
    path = tmp_path / "clip.wav"
    soundfile.write(path, content, RATE, subtype="FLOAT")
    with pytest.raises(Unusable, match=words):
        audio_files.mono(audio_files.read(path), 1.0)
