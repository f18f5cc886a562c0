"""One audio file as it lies on the disk: decoded, with its format, its digest, or the reason why it cannot be used."""

from __future__ import annotations

import hashlib
import wave
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.tracks import Length

DIGEST_BYTES = 16
UNKNOWN_LENGTH = 0x7FFFF000
"""Programs that write WAV into a pipe announce this length or more."""

HIGHEST_RATE, MOST_CHANNELS, MOST_SAMPLES = 1_000_000, 256, 1 << 30
BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32, "FLOAT": 32, "DOUBLE": 64}


Decoded = tuple[NDArray[np.float32], int, int | None]
"""Waveform (samples, channels), rate in Hz, bits a sample."""


class Unusable(ValueError):
    """Why a file cannot be used; the words go on from the file's name."""


@dataclass(frozen=True)
class AudioFile:
    """`waveform` (samples, channels) float32 in -1…1; `bits` a sample, None where the format has no such thing.

    `digest` is BLAKE2b (16 bytes) of the file as it lies: what `b2sum -l 128` prints.
    """

    waveform: NDArray[np.float32]
    sample_rate: int
    bits: int | None
    digest: bytes


def read(path: Path) -> AudioFile:
    """The audio in `path`; raises `Unusable` where there is none that can be read whole."""
    content = _content(path)
    waveform, rate, bits = _decoded_wav(content) or _decoded(content)
    _require_possible(rate, waveform.shape[1], len(waveform))
    return AudioFile(waveform, rate, bits, digest(content))


def _require_possible(rate: int, channels: int, samples: int) -> None:
    """A damaged header announces anything: what no recording has is refused before room is made for it."""
    if not 0 < rate <= HIGHEST_RATE:
        raise Unusable(f"is damaged: its header says {rate:,} Hz")
    if not 0 < channels <= MOST_CHANNELS:
        raise Unusable(f"is damaged: its header says {channels:,} channels")
    if samples * channels > MOST_SAMPLES:
        raise Unusable(f"is damaged or too long: its header says {samples:,} samples")


def _decoded(content: bytes) -> Decoded:
    import soundfile  # noqa: PLC0415 - only the processes that read audio need it

    try:
        with soundfile.SoundFile(BytesIO(content)) as stream:
            _require_possible(stream.samplerate, stream.channels, stream.frames)
            waveform = stream.read(dtype="float32", always_2d=True)
            return waveform, stream.samplerate, BITS.get(stream.subtype)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].rpartition(": ")[2].strip().rstrip(".")
        raise Unusable(f"is not audio that can be read ({reason})") from None


def _decoded_wav(content: bytes) -> Decoded | None:
    """The same as `_decoded` for plain WAV of 16 or 24 bits, in a fifth of the time; None for anything else."""
    try:
        with wave.open(BytesIO(content)) as stream:
            channels, width, rate, count = stream.getparams()[:4]
            frames = stream.readframes(count)
    except (wave.Error, EOFError, RuntimeError):
        return None
    if not rate or width not in {2, 3} or len(frames) != count * channels * width:
        return None
    if width == 2:
        samples = np.frombuffer(frames, "<i2") * np.float32(2**-15)
    else:  # four bytes from the one before each sample, of which that one is put out
        steps = np.ndarray((count * channels,), "<i4", b"\0" + frames, strides=(3,))
        samples = (steps & -256).astype(np.float32) * np.float32(2**-31)
    return samples.reshape(count, channels), rate, 8 * width


def digest(content: bytes) -> bytes:
    """BLAKE2b of a file's bytes."""
    return hashlib.blake2b(content, digest_size=DIGEST_BYTES).digest()


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise Unusable("does not exist") from None
    except ValueError:
        raise Unusable("has a name that no file can have") from None
    except OSError as error:
        raise Unusable(f"cannot be read ({(error.strerror or type(error).__name__).lower()})") from None
    if not content:
        raise Unusable("is empty")
    if content[:4] == b"RIFF" and content[8:12] == b"WAVE":
        _require_whole(content)
    return content


def _require_whole(content: bytes) -> None:
    """A WAV file says how long it is; what was cut off is otherwise read as a shorter recording."""
    announced = int.from_bytes(content[4:8], "little") + 8
    if len(content) < announced - 1 and announced < UNKNOWN_LENGTH:
        raise Unusable(f"is truncated: {len(content):,} of {announced:,} bytes")


def mono(file: AudioFile, seconds: float, length: Length = "exact") -> NDArray[np.float32]:
    """(samples,) of a file that lasts `seconds`, or is cut or padded to, with one channel or made one; see `Length`.

    Raises `Unusable` for any other, and for one without samples.
    """
    samples, channels = file.waveform.shape
    expected = round(seconds * file.sample_rate)
    if channels != 1 and length != "any":
        raise Unusable(f"has {channels} channels instead of one")
    if not samples:
        raise Unusable("has no samples")
    if samples != expected and length == "exact":
        raise Unusable(f"has {samples:,} samples at {file.sample_rate:,} Hz instead of {expected:,}")
    if not np.isfinite(file.waveform).all():
        raise Unusable("holds values that are not numbers")
    kept = file.waveform[:expected].mean(axis=1) if channels > 1 else file.waveform[:expected, 0]
    return kept if len(kept) == expected else np.pad(kept, (0, expected - len(kept)))
