"""The packed store holds what the files hold, goes on where it stopped, and says which files it cannot use."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import soundfile

from harness.data import packing, store, workers
from harness.data.dataset import Dataset, Rows
from harness.data.packing import Progress
from harness.data.store import Kind, Layout
from harness.outcomes import Mistake
from tests.harness.data.stand_ins import in_threads, silently

RATE = 8000
CLIPS = 12


def never() -> AbstractContextManager[Progress]:
    pytest.fail("there is nothing to pack")


def everything(data: Dataset) -> Rows:
    return np.arange(len(data.names))


@pytest.fixture
def processes() -> None:
    """Asks for the store's own processes."""


@pytest.fixture(autouse=True)
def threads(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "processes" not in request.fixturenames:
        monkeypatch.setattr(packing, "pool", in_threads)


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    """Twelve clips of noise at 24 bit, each half as loud as the one before."""
    generator = np.random.default_rng(0)
    (tmp_path / "data" / "audio").mkdir(parents=True)
    names = tuple(f"audio/clip-{number}-0-a.wav" for number in range(CLIPS))
    for number, name in enumerate(names):
        noise = generator.uniform(-0.9, 0.9, RATE) * 0.5**number
        soundfile.write(tmp_path / "data" / name, noise, RATE, subtype="PCM_24")
    words = np.array(names)
    zeros = np.zeros(CLIPS, dtype=np.int64)
    return Dataset(tmp_path / "data", names, zeros, words, words, words, {}, np.arange(0))


def source(data: Dataset, row: int) -> np.ndarray:
    return soundfile.read(data.audio / data.names[row], dtype="float32")[0]


def place_of(data: Dataset, cache: Path, kind: Kind = "int16", rate: int = RATE) -> Layout:
    return store.layout(data, data.test, rate, 1.0, kind, cache)


def packed(data: Dataset, cache: Path, kind: Kind = "int16", rows: Rows | None = None, rate: int = RATE) -> Layout:
    place = place_of(data, cache, kind, rate)
    packing.pack(place, data, everything(data) if rows is None else rows, silently, workers=1)
    return place


def waveform(place: Layout, row: int) -> np.ndarray:
    return place.waveforms()[row].astype(np.float64) * float(place.scales()[row])


def fault(data: Dataset, cache: Path) -> Mistake:
    with pytest.raises(Mistake) as caught:
        packed(data, cache)
    assert caught.value.rule == "data.clips"
    return caught.value


def replace_file(path: Path, content: np.ndarray, **how: Any) -> None:
    """Another file at the same place, of a later time."""
    soundfile.write(path, content, how.pop("rate", RATE), **how)
    later = time.time_ns() + 10**9
    os.utime(path, ns=(later, later))


def jobs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Rows that are packed from now on."""
    rows: list[int] = []
    whole = packing._pack_job

    def noted(place: Layout, folder: Path, some: list[int], names: list[str]) -> tuple[int, list[str]]:
        rows.extend(some)
        return whole(place, folder, some, names)

    monkeypatch.setattr(packing, "_pack_job", noted)
    return rows


def test_a_16_bit_clip_is_within_half_a_step_of_its_file(data: Dataset, tmp_path: Path) -> None:
    place = packed(data, tmp_path)
    assert place.waveforms()[0].dtype == np.int16
    for row in everything(data):
        expected = source(data, row).astype(np.float64)
        step = np.abs(expected).max() / 32767
        assert place.scales()[row] == pytest.approx(step, rel=1e-6)
        assert np.abs(waveform(place, row) - expected).max() <= step / 2 * (1 + 1e-2)


def test_a_quiet_clip_keeps_as_much_resolution_as_a_loud_one(data: Dataset, tmp_path: Path) -> None:
    """The last clip peaks at 4e-4: 16 bits over -1…1 would leave it 29 steps."""
    place = packed(data, tmp_path)
    expected = source(data, CLIPS - 1).astype(np.float64)
    assert np.abs(expected).max() < 5e-4
    assert np.abs(waveform(place, CLIPS - 1) - expected).max() / np.abs(expected).max() < 1.6e-5
    assert np.abs(place.waveforms()[CLIPS - 1]).max() == 32767


def test_a_float32_clip_is_exactly_its_file(data: Dataset, tmp_path: Path) -> None:
    place = packed(data, tmp_path, "float32")
    assert (place.scales() == 1).all()
    for row in everything(data):
        assert np.array_equal(place.waveforms()[row], source(data, row))


def test_a_silent_clip_is_packed_as_silence(data: Dataset, tmp_path: Path) -> None:
    soundfile.write(data.audio / data.names[3], np.zeros(RATE), RATE)
    place = packed(data, tmp_path)
    assert (waveform(place, 3) == 0).all()
    assert store.holds(place, data, everything(data))


def test_a_float_file_beyond_full_scale_is_not_clipped(data: Dataset, tmp_path: Path) -> None:
    loud = np.linspace(-3, 3, RATE)
    soundfile.write(data.audio / data.names[3], loud, RATE, subtype="FLOAT")
    assert np.abs(waveform(packed(data, tmp_path), 3) - loud).max() < 3 / 32767


@pytest.mark.parametrize("rate", [4000, 16000, 11025])
def test_resampling_is_that_of_torchaudio(data: Dataset, tmp_path: Path, rate: int) -> None:
    import torch  # noqa: PLC0415 - the other tests do without
    from torchaudio.functional import resample  # noqa: PLC0415

    place = packed(data, tmp_path, "float32", rate=rate)
    assert place.samples == rate
    for row in (0, CLIPS - 1):
        expected = resample(torch.from_numpy(source(data, row)), RATE, rate).numpy()[:rate]
        assert np.allclose(place.waveforms()[row], expected, rtol=0, atol=1e-6 * np.abs(expected).max())


def test_files_of_several_rates_are_each_resampled_from_their_own(data: Dataset, tmp_path: Path) -> None:
    tone = {rate: 0.5 * np.sin(2 * np.pi * 200 * np.arange(rate) / rate) for rate in (RATE, 16000, 44100)}
    for row, (rate, wave) in enumerate(tone.items()):
        soundfile.write(data.audio / data.names[row], wave, rate, subtype="FLOAT")
    place = packed(data, tmp_path)
    middle = slice(500, 7500)  # the ends of a resampled clip know no neighbours
    for row in range(3):
        assert np.abs(waveform(place, row) - tone[RATE])[middle].max() < 2e-3


def test_digests_and_fingerprint_are_of_the_files(data: Dataset, tmp_path: Path) -> None:
    place = packed(data, tmp_path)
    kept = place.digests()
    contents = [(data.audio / name).read_bytes() for name in data.names]
    expected = [hashlib.blake2b(content, digest_size=16).digest() for content in contents]
    assert [row.tobytes() for row in kept] == expected
    rows = np.array([4, 1])
    assert place.fingerprint(rows) == hashlib.sha256(expected[4] + expected[1]).hexdigest()
    assert place.fingerprint(rows) != place.fingerprint(rows[::-1])


def test_a_store_has_a_place_by_what_it_holds(data: Dataset, tmp_path: Path) -> None:
    other = replace(data, names=(*data.names[:-1], "audio/x.wav"))
    moved = replace(data, audio=tmp_path / "elsewhere")
    places = [
        place_of(data, tmp_path),
        place_of(data, tmp_path, "float32"),
        place_of(data, tmp_path, rate=2 * RATE),
        store.layout(data, data.test, RATE, 2.0, "int16", tmp_path),
        place_of(other, tmp_path),
        place_of(moved, tmp_path),
        place_of(data, tmp_path / "another cache"),
    ]
    assert len({place.folder for place in places}) == len(places)
    assert place_of(replace(data, labels=data.labels + 1), tmp_path) == places[0]


def test_only_clips_that_were_asked_for_are_packed_and_take_space(data: Dataset, tmp_path: Path) -> None:
    place = packed(data, tmp_path, rows=np.array([2, 5]))
    assert np.flatnonzero(place.scales()).tolist() == [2, 5]
    assert store.holds(place, data, np.array([5, 2]))
    assert not store.holds(place, data, np.array([2, 5, 6]))
    status = (place.folder / "waveforms-000.bin").stat()
    assert status.st_size == CLIPS * RATE * 2
    assert status.st_blocks * 512 < CLIPS * RATE * 2 / 2


def test_a_store_goes_on_where_it_stopped(data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = packed(data, tmp_path, rows=np.array([0, 3, 7]))
    before = (place.folder / "waveforms-000.bin").read_bytes()
    rows = jobs(monkeypatch)
    packed(data, tmp_path)
    assert sorted(rows) == [1, 2, 4, 5, 6, 8, 9, 10, 11]
    clip = RATE * 2
    after = (place.folder / "waveforms-000.bin").read_bytes()
    for row in (0, 3, 7):
        assert after[row * clip : (row + 1) * clip] == before[row * clip : (row + 1) * clip]


def test_a_store_that_was_killed_between_two_jobs_goes_on(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "CLIPS_PER_JOB", 5)
    whole, written = packing._write, []

    def killed(place: Layout, files: Any, clips: Any) -> None:
        if len(written) == 5:
            raise KeyboardInterrupt
        written.extend(clip.row for clip in clips)
        whole(place, files, clips)

    monkeypatch.setattr(packing, "_write", killed)
    with pytest.raises(KeyboardInterrupt):
        packed(data, tmp_path)
    monkeypatch.setattr(packing, "_write", whole)
    rows = jobs(monkeypatch)
    place = packed(data, tmp_path)
    assert len(written) == 5
    assert sorted([*rows, *written]) == list(range(CLIPS))
    assert np.abs(waveform(place, 7) - source(data, 7)).max() < 1e-6


@pytest.mark.parametrize("name", ["waveforms-000.bin", "digests.u8", "stamps.i64", "scales.f32"])
@pytest.mark.parametrize("earlier", [False, True], ids=["first time", "changed file"])
def test_a_clip_that_was_killed_half_way_is_packed_again(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, earlier: bool
) -> None:
    rows = np.array([4])
    if earlier:
        packed(data, tmp_path, rows=rows)
        replace_file(data.audio / data.names[4], np.linspace(-0.8, 0.8, RATE), subtype="PCM_24")
    whole = packing._put

    def killed(file: Any, offset: int, content: bytes) -> None:
        if file.name == name:
            raise KeyboardInterrupt
        whole(file, offset, content)

    monkeypatch.setattr(packing, "_put", killed)
    with pytest.raises(KeyboardInterrupt):
        packed(data, tmp_path, rows=rows)
    monkeypatch.setattr(packing, "_put", whole)
    place = packed(data, tmp_path, rows=rows)
    expected = source(data, 4)
    assert np.abs(waveform(place, 4) - expected).max() <= np.abs(expected).max() / 32767


@pytest.mark.parametrize("clips_per_shard", [1, 5, 12])
def test_shards_hold_what_one_file_holds(data: Dataset, tmp_path: Path, clips_per_shard: int) -> None:
    size = clips_per_shard * RATE * 2 + 1
    place = store.layout(data, data.test, RATE, 1.0, "int16", tmp_path / "shards", shard_bytes=size)
    packing.pack(place, data, everything(data), silently, workers=1)
    whole = packed(data, tmp_path / "whole")
    assert [shard.stop - shard.start for shard in place.shards][:-1] == [clips_per_shard] * (len(place.shards) - 1)
    assert len(place.waveforms()) == CLIPS
    for row in everything(data):
        assert np.array_equal(place.waveforms()[row], whole.waveforms()[row])
    assert place.fingerprint(everything(data)) == whole.fingerprint(everything(data))
    content = b"".join((place.folder / shard.name).read_bytes() for shard in place.shards)
    assert content == (whole.folder / "waveforms-000.bin").read_bytes()


def test_nothing_is_packed_again_when_nothing_changed(data: Dataset, tmp_path: Path) -> None:
    place = packed(data, tmp_path)
    before = {name: (place.folder / name).stat().st_mtime_ns for name in place.files}
    packing.pack(place, data, everything(data), never)
    assert {name: (place.folder / name).stat().st_mtime_ns for name in place.files} == before


def test_asking_whether_a_store_holds_its_clips_writes_nothing(data: Dataset, tmp_path: Path) -> None:
    place = place_of(data, tmp_path / "cache")
    assert not store.holds(place, data, everything(data))
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("how", ["content", "time"])
def test_a_changed_file_is_packed_again_and_no_other(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    place = packed(data, tmp_path)
    before = place.fingerprint(everything(data))
    content = np.linspace(-0.7, 0.7, RATE) if how == "content" else source(data, 6)
    replace_file(data.audio / data.names[6], content, subtype="PCM_24")
    assert not store.holds(place, data, everything(data))
    rows = jobs(monkeypatch)
    packed(data, tmp_path)
    assert rows == [6]
    assert np.abs(waveform(place, 6) - content).max() < 1e-4
    assert (place.fingerprint(everything(data)) == before) is (how == "time")


def break_missing(path: Path) -> None:
    path.unlink()


def break_stereo(path: Path) -> None:
    soundfile.write(path, np.zeros((RATE, 2)), RATE)


def break_length(path: Path) -> None:
    soundfile.write(path, np.zeros(RATE - 1), RATE)


def break_text(path: Path) -> None:
    path.write_text("<html>404</html>")


def break_empty(path: Path) -> None:
    path.write_bytes(b"")


def break_cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: RATE * 2])


def break_nan(path: Path) -> None:
    content = np.zeros(RATE, dtype=np.float32)
    content[77] = np.nan
    soundfile.write(path, content, RATE, subtype="FLOAT")


def break_infinite(path: Path) -> None:
    soundfile.write(path, np.full(RATE, np.inf, dtype=np.float32), RATE, subtype="FLOAT")


def break_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (break_missing, "does not exist"),
        (break_stereo, "has 2 channels instead of one"),
        (break_length, "has 7,999 samples at 8,000 Hz instead of 8,000"),
        (break_text, "is not audio that can be read"),
        (break_empty, "is empty"),
        (break_cut, "is truncated: 16,000 of 24,044 bytes"),
        (break_nan, "holds values that are not numbers"),
        (break_infinite, "holds values that are not numbers"),
        (break_folder, "cannot be read (is a directory)"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_and_the_others_are_kept(
    data: Dataset, tmp_path: Path, broken: Callable[[Path], None], words: str
) -> None:
    broken(data.audio / data.names[4])
    mistake = fault(data, tmp_path)
    assert f"1 of 12 clips cannot be used: clip-4-0-a.wav {words}" in mistake.problem
    assert "\n" not in str(mistake)
    place, good = place_of(data, tmp_path), np.delete(everything(data), 4)
    packing.pack(place, data, good, never)
    assert not store.holds(place, data, everything(data))


def test_many_faults_are_counted_and_five_are_shown(data: Dataset, tmp_path: Path) -> None:
    for name in data.names[:7]:
        (data.audio / name).unlink()
    problem = fault(data, tmp_path).problem
    assert problem.startswith("7 of 12 clips cannot be used: clip-0-0-a.wav does not exist; clip-1")
    assert problem.endswith("clip-4-0-a.wav does not exist; and 2 more.")


def test_a_file_that_is_mended_is_packed_alone(data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = data.audio / data.names[4]
    content = path.read_bytes()
    path.unlink()
    fault(data, tmp_path)
    path.write_bytes(content)
    rows = jobs(monkeypatch)
    place = packed(data, tmp_path)
    assert rows == [4]
    assert np.abs(waveform(place, 4) - source(data, 4)).max() < 1e-5


def test_a_packed_clip_whose_file_broke_is_a_fault_and_not_the_old_sound(data: Dataset, tmp_path: Path) -> None:
    packed(data, tmp_path)
    break_stereo(data.audio / data.names[4])
    assert "clip-4-0-a.wav has 2 channels" in fault(data, tmp_path).problem


def damage_header(folder: Path) -> None:
    (folder / "header.json").write_text("{")


def damage_size(folder: Path) -> None:
    with (folder / "waveforms-000.bin").open("r+b") as stream:
        stream.truncate(RATE)


def damage_file(folder: Path) -> None:
    (folder / "stamps.i64").unlink()


@pytest.mark.parametrize("damage", [damage_header, damage_size, damage_file])
def test_a_damaged_store_is_built_anew(data: Dataset, tmp_path: Path, damage: Callable[[Path], None]) -> None:
    place = packed(data, tmp_path, "float32")
    damage(place.folder)
    assert not store.holds(place, data, everything(data))
    packed(data, tmp_path, "float32")
    assert np.array_equal(place.waveforms()[4], source(data, 4))
    packing.pack(place, data, everything(data), never)


def test_a_store_that_was_killed_while_it_was_made_anew_is_no_whole_one(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its waveforms may be empty already while scales and header of before still stand there."""
    place = packed(data, tmp_path, "float32")
    (place.folder / "digests.u8").unlink()
    monkeypatch.setattr(packing, "write_json", full)
    with pytest.raises(Mistake):
        packed(data, tmp_path, "float32")
    monkeypatch.undo()
    assert not store.is_whole(place)


def test_a_resampled_clip_fills_its_row(data: Dataset, tmp_path: Path) -> None:
    """5,333 samples at 16 kHz become 10,666 at 32 kHz, one less than a clip of 0.33333 s has there."""
    seconds = 0.33333
    for name in data.names:
        soundfile.write(data.audio / name, np.full(round(seconds * 16000), 0.5), 16000)
    place = store.layout(data, data.test, 32000, seconds, "float32", tmp_path)
    packing.pack(place, data, everything(data), silently, workers=1)
    assert place.samples == 10667
    assert place.waveforms()[3][-1] == 0


def test_a_store_of_another_version_is_left_alone_and_named(data: Dataset, tmp_path: Path) -> None:
    place = packed(data, tmp_path, "float32")
    header = json.loads((place.folder / "header.json").read_text())
    (place.folder / "header.json").write_text(json.dumps(header | {"version": 1}))
    for ask in (lambda: store.holds(place, data, everything(data)), lambda: packed(data, tmp_path, "float32")):
        with pytest.raises(Mistake, match=r"packed by another version of this project \(1, not 2\)") as caught:
            ask()
        assert caught.value.rule == "data.version"
    assert np.array_equal(place.waveforms()[4], source(data, 4))


def test_a_cache_that_cannot_be_written_is_a_mistake(data: Dataset, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Mistake, match=r"The waveform store .* could not be written") as caught:
        packed(data, tmp_path / "file")
    assert caught.value.rule == "disk.unwritable"


def test_progress_ends_at_the_number_of_clips(data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "CLIPS_PER_JOB", 5)
    seen: list[tuple[int, int]] = []

    @contextmanager
    def noting() -> Iterator[Progress]:
        yield lambda done, total: seen.append((done, total))

    packing.pack(place_of(data, tmp_path), data, everything(data), noting, workers=2)
    assert len(seen) == 3
    assert seen == sorted(seen)
    assert seen[-1] == (CLIPS, CLIPS)


@pytest.mark.usefixtures("processes")
def test_processes_pack_the_same_bytes_as_a_thread(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two workers, three jobs, one fault: what is good is packed, and its bytes are those of one thread."""
    monkeypatch.setattr(packing, "CLIPS_PER_JOB", 5)
    (data.audio / data.names[11]).unlink()
    good = everything(data)[:-1]
    place = place_of(data, tmp_path / "processes")
    with pytest.raises(Mistake, match=r"1 of 12 clips cannot be used: clip-11-0-a\.wav does not exist"):
        packing.pack(place, data, everything(data), silently, workers=2)
    assert store.holds(place, data, good)
    monkeypatch.setattr(packing, "pool", in_threads)
    other = packed(data, tmp_path / "threads", rows=good)
    for name in place.files:
        assert (place.folder / name).read_bytes() == (other.folder / name).read_bytes()


@pytest.mark.usefixtures("processes")
def test_a_process_that_was_killed_is_a_mistake() -> None:
    with pytest.raises(Mistake, match="was killed") as caught, workers.pool(1, "packs waveforms") as pool:
        pool.submit(os._exit, 9).result()
    assert caught.value.rule == "data.worker"


def full(*_: Any) -> NoReturn:
    raise OSError(28, os.strerror(28))


def test_a_full_disk_is_a_mistake_that_says_so(data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(Mistake, match="the disk is full") as caught:
        packed(data, tmp_path)
    assert caught.value.rule == "disk.full"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 40 pages, on which four and a half of the clips below find room."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=160k,huge=never", "tmpfs", place], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip(f"no file system can be mounted here: {made.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_disk_that_fills_up_is_a_mistake_and_no_clip_is_kept_half(
    data: Dataset, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that finds some room, but not enough, is short and no error: the clip must not pass for packed."""
    monkeypatch.setattr(packing, "CLIPS_PER_JOB", 1)
    with pytest.raises(Mistake) as caught:
        packed(data, small_disk, "float32")
    assert caught.value.rule == "disk.full"
    place = place_of(data, small_disk, "float32")
    some = np.flatnonzero(place.scales())
    assert 0 < len(some) < CLIPS
    subprocess.run(["mount", "-o", "remount,size=2M", small_disk], check=True)
    packed(data, small_disk, "float32")
    halves = [row for row in everything(data) if not np.array_equal(place.waveforms()[row], source(data, row))]
    assert halves == []


# Clips of other lengths, and folds


def written(data: Dataset, row: int, waveform: np.ndarray) -> None:
    soundfile.write(data.audio / data.names[row], waveform, RATE, subtype="FLOAT")


@pytest.mark.parametrize("kind", ["int16", "float32"])
@pytest.mark.parametrize("rate", [RATE, 2 * RATE])
def test_of_a_longer_clip_the_beginning_is_kept_and_a_shorter_one_has_zeros_behind_it(
    data: Dataset, tmp_path: Path, kind: Kind, rate: int
) -> None:
    sound = source(data, 0)
    written(data, 1, np.concatenate([sound, sound[::-1]]))
    written(data, 2, sound[: RATE // 2])
    written(data, 3, np.concatenate([sound[: RATE // 2], np.zeros(RATE // 2)]))
    padding = replace(data, length="crop_or_pad")
    place = packed(padding, tmp_path, kind, np.arange(4), rate)
    assert np.array_equal(waveform(place, 1), waveform(place, 0))
    assert np.array_equal(waveform(place, 2), waveform(place, 3))
    assert not waveform(place, 2)[rate // 2 + rate // 10 :].any()


@pytest.mark.parametrize("length", ["exact", "crop_or_pad"])
def test_a_clip_without_samples_is_refused_by_name(data: Dataset, tmp_path: Path, length: Any) -> None:
    written(data, 5, np.zeros(0))
    with pytest.raises(Mistake, match=r"1 of 12 clips cannot be used: clip-5-0-a\.wav has no samples\."):
        packed(replace(data, length=length), tmp_path)


def test_another_rule_for_lengths_is_another_store_and_the_exact_one_is_where_it_was() -> None:
    """The folder and the header of an exact store are those of before there was another rule."""
    words = np.array(["a", "b", "c"])
    exact = Dataset(Path("/data"), ("a", "b", "c"), np.zeros(3, np.int64), words, words, words, {}, np.array([1]))
    place = place_of(exact, Path("cache"))
    assert place.folder == Path("cache/stores/1dbc0264a5df255b")
    assert place.header == {
        "version": 2, "sample_rate": 8000, "clip_seconds": 1.0, "samples": 8000, "clips": 3, "clips_per_shard": 134217,
        "kind": "int16",
    }  # fmt: skip
    other = place_of(replace(exact, length="crop_or_pad"), Path("cache"))
    assert other.folder != place.folder
    assert other.header == {**place.header, "length": "crop_or_pad"}


def test_the_training_clips_of_each_fold_have_a_store_without_its_test_clips(data: Dataset, tmp_path: Path) -> None:
    folds = {"1": np.arange(6), "2": np.arange(6, 12)}
    cross = replace(data, tests=folds, test=np.arange(12))
    places = {fold: store.layout(cross, cross.test_of(fold), RATE, 1.0, "int16", tmp_path) for fold in folds}
    assert places["1"].folder != places["2"].folder
    for fold, other in (("1", "2"), ("2", "1")):
        packing.pack(places[fold], cross, folds[other], silently, workers=1)
        assert not (places[fold].scales()[folds[fold]] > 0).any()
