"""Simulated devices: what is read, what each device does to sound, what is written, and what is refused."""

from __future__ import annotations

import csv
import errno
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.signal import firwin2

from harness import tracks
from harness.data import lists, tau
from harness.data.simulation import Simulated, devices, making, simulate, sound
from harness.data.simulation.making import Progress
from harness.data.simulation.sound import Compressor, FilterBank
from harness.outcomes import Mistake
from tests import made

RATE = 8000
META = ("filename", "scene_label", "identifier", "source_label")
LOUD = Compressor(threshold_db=-30, ratio=4, attack_ms=10, release_ms=200)


@contextmanager
def silently() -> Iterator[Progress]:
    yield lambda _done, _total: None


@contextmanager
def interrupted() -> Iterator[Progress]:
    """Ends the command after the first job."""

    def stop(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    yield stop


def never() -> AbstractContextManager[Progress]:
    pytest.fail("there is nothing to make")


def noise(samples: int, seed: int = 0, level: float = 0.1) -> np.ndarray:
    return level * np.random.default_rng(seed).standard_normal(samples)


Row = tuple[str, str, str, str, np.ndarray]
"""File name below audio/, scene, identifier, device, sound."""


def source_folder(folder: Path, rows: Sequence[Row], rate: int = RATE, subtype: str = "PCM_16") -> Path:
    (folder / "audio").mkdir(parents=True)
    for name, *_, waveform in rows:
        soundfile.write(folder / "audio" / name, waveform, rate, subtype=subtype)
    made.write_table(folder / "meta.csv", META, [(f"audio/{name}", *rest) for name, *rest, _ in rows])
    return folder


def segment(scene: str, identifier: str, number: int, waveform: np.ndarray, device: str = "a") -> list[Row]:
    """A segment in pieces of a second, named as in TAU."""
    pieces = waveform.reshape(-1, RATE)
    return [
        (f"{scene}-{identifier}-{number}-{k}-{device}.wav", scene, identifier, device, piece)
        for k, piece in enumerate(pieces)
    ]


def coloured(seed: int, rate: int = RATE) -> np.ndarray:
    """An impulse response whose octaves lie up to 12 dB apart, its peak at about 4 ms."""
    generator = np.random.default_rng(seed)
    gains = 10 ** (generator.uniform(-12, 0, 7) / 20)
    hertz = np.minimum([0, 150, 300, 600, 1200, 2400, rate / 2], rate / 2)
    return firwin2(2 * (rate // 250) + 1, hertz, gains, fs=rate) * 0.3


def responses_folder(folder: Path, count: int = 6, rate: int = RATE) -> Path:
    folder.mkdir(parents=True)
    for seed in range(count):
        soundfile.write(folder / f"microphone{seed}.wav", coloured(seed, rate), rate, subtype="PCM_24")
    return folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Three scenes, two locations each, segments of two pieces of noise."""
    rows = [
        row
        for seed, (scene, identifier) in enumerate((s, i) for s in made.LABELS for i in ("lyon-100", "paris-101"))
        for row in segment(scene, identifier, 1000 + seed, noise(2 * RATE, seed))
    ]
    return source_folder(tmp_path / "source", rows)


@pytest.fixture
def responses(tmp_path: Path) -> Path:
    return responses_folder(tmp_path / "responses")


Simulate = Callable[..., Simulated]


@pytest.fixture
def simulated(source: Path, responses: Path, tmp_path: Path) -> Simulate:
    """`simulate` on the made source and responses, two seen devices and one unseen, where nothing else is said."""

    def run(**changed: object) -> Simulated:
        wanted = {"seen": 2, "unseen": 1, "workers": 1, **changed}
        places = [wanted.pop(name, default) for name, default in (("source", source), ("responses", responses))]
        out, telling = wanted.pop("out", tmp_path / "out"), wanted.pop("making", silently)
        return simulate(*places, out, telling, **wanted)  # type: ignore[arg-type]

    return run


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def transparent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compressors whose threshold nothing reaches."""
    monkeypatch.setattr(devices, "THRESHOLD_DB", (30.0, 30.0))


def contents(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()
    }


def clip(out: Path, name: str) -> np.ndarray:
    return soundfile.read(out / "audio" / name, dtype="float64")[0]


def rows_of(out: Path) -> list[dict[str, str]]:
    with (out / "meta.csv").open(newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def test_the_folder_has_the_tau_layout_and_names(simulated: Simulate, out: Path) -> None:
    result = simulated()
    rows = rows_of(out)
    assert result == Simulated(
        clips=6 * 2 * 4, recordings=6, locations=6, devices=("a", "s1", "s2", "s3"), silent=0, ends=0, short=0
    )
    assert len(rows) == result.clips
    assert tuple(rows[0]) == META
    for row in rows:
        scene, city, location, number, k, device = (
            row["filename"].removeprefix("audio/").removesuffix(".wav").split("-")
        )
        assert (row["scene_label"], row["identifier"], row["source_label"]) == (scene, f"{city}-{location}", device)
        assert number.startswith("100")
        assert k in {"0", "1"}
    there = {f"audio/{path.name}" for path in (out / "audio").iterdir()}
    assert there == {row["filename"] for row in rows}
    assert {path.name for path in out.iterdir()} == {"audio", "meta.csv", "devices.json"}


def test_clips_are_one_second_of_24_bits_and_one_channel_at_the_rate_of_the_source(
    simulated: Simulate, out: Path
) -> None:
    simulated()
    for path in (out / "audio").iterdir():
        found = soundfile.info(path)
        assert (found.format, found.subtype, found.channels) == ("WAV", "PCM_24", 1)
        assert (found.samplerate, found.frames) == (RATE, RATE)


def test_the_folder_is_read_as_a_tau_data_set_once_it_has_lists(simulated: Simulate, out: Path, tmp_path: Path) -> None:
    simulated()
    (out / "split_setup").mkdir()
    rows = [(row["filename"], row["scene_label"], row["source_label"]) for row in rows_of(out)]
    train = [row[:2] for row in rows if "lyon" in row[0] and row[2] != "s3"]
    for name, chosen in (
        ("split50", train[:4]),
        ("split100", train),
        ("test", [r[:2] for r in rows if "paris" in r[0]]),
    ):
        made.write_table(out / "split_setup" / f"{name}.csv", ("filename", "scene_label"), chosen)
    path = made.track_file(tmp_path / "tiny.toml", out)
    text = path.read_text().replace('["s1"]', '["s1", "s2"]').replace('["s4"]', '["s3"]')
    path.write_text(text)
    track, _ = tracks.load(str(path))
    data = tau.read(out, track)
    assert len(data.names) == 48
    assert len(data.splits["100"]) == 3 * 2 * 3
    assert set(data.devices[data.test]) == {"a", "s1", "s2", "s3"}
    assert set(data.locations) == {f"{scene}-{place}" for scene in made.LABELS for place in ("lyon-100", "paris-101")}


@pytest.mark.usefixtures("transparent")
def test_a_response_runs_on_over_the_cuts_of_a_segment(tmp_path: Path, out: Path, simulated: Simulate) -> None:
    whole = noise(12 * RATE, level=0.05)  # twelve pieces: their order is that of numbers, not of letters
    folder = source_folder(tmp_path / "joined", segment("park", "lyon-7", 31, whole), subtype="PCM_24")
    answers = tmp_path / "one"
    answers.mkdir()
    response = np.concatenate((np.zeros(40), coloured(1)[32:], 0.01 * noise(RATE // 2, 5)))
    soundfile.write(answers / "long.wav", response, RATE, subtype="DOUBLE")
    simulated(source=folder, responses=answers, seen=1, unseen=0)
    power = np.abs(np.fft.rfft(response, 16 * RATE)) ** 2
    hertz = np.fft.rfftfreq(16 * RATE, 1 / RATE)
    gain = power[(hertz > 100) & (hertz < 0.45 * RATE)].mean() ** -0.5
    expected = gain * np.convolve(whole, response.astype("f4"))[40 : 40 + 12 * RATE]  # its peak is at sample 40
    for k in range(12):
        stored = clip(out, f"park-lyon-7-31-{k}-s1.wav")
        np.testing.assert_allclose(stored, expected[k * RATE : (k + 1) * RATE], atol=2e-5)
    np.testing.assert_allclose(np.std(expected) / np.std(whole), 1, rtol=0.03)  # white noise keeps its level


@pytest.mark.usefixtures("transparent")
def test_pieces_that_do_not_follow_on_each_other_are_not_joined(tmp_path: Path, out: Path, simulated: Simulate) -> None:
    click = np.zeros(3 * RATE)
    click[[100, RATE - 5, 2 * RATE + 100]] = 0.5  # the second one rings into the third second
    first, _, third = segment("park", "lyon-7", 31, click)
    noisy = (*segment("park", "lyon-7", 31, noise(3 * RATE))[1],)
    simulated(source=source_folder(tmp_path / "gap", [first, third]), seen=1, unseen=0)
    assert [row["filename"] for row in rows_of(out) if row["source_label"] == "a"] == [
        "audio/park-lyon-7-31-0-a.wav",
        "audio/park-lyon-7-31-2-a.wav",
    ]
    assert np.abs(clip(out, "park-lyon-7-31-2-s1.wav")[:50]).max() < 1e-6
    simulated(source=source_folder(tmp_path / "whole", [first, noisy, third]), seen=1, unseen=0, out=tmp_path / "other")
    assert np.abs(clip(tmp_path / "other", "park-lyon-7-31-2-s1.wav")[:50]).max() > 1e-3


@pytest.mark.parametrize("threshold_db", [-40, -25])
@pytest.mark.parametrize("ratio", [2, 4])
@pytest.mark.parametrize("hertz", [100, 1000])
def test_a_steady_tone_above_the_threshold_is_reduced_by_its_excess(
    threshold_db: float, ratio: float, hertz: float
) -> None:
    settings = Compressor(threshold_db=threshold_db, ratio=ratio, attack_ms=10, release_ms=100)
    tone = 0.5 * np.sin(2 * np.pi * hertz * np.arange(2 * RATE) / RATE)
    stored = sound.compressed(tone, RATE, settings)
    level_db = 20 * np.log10(0.5 / np.sqrt(2))
    reduced_db = 10 * np.log10(np.mean(tone[RATE:] ** 2) / np.mean(stored[RATE:] ** 2))
    assert reduced_db == pytest.approx((1 - 1 / ratio) * (level_db - threshold_db), abs=0.5)


def test_sound_below_the_threshold_is_not_touched() -> None:
    tone = 0.04 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE)  # -31 dB
    assert np.array_equal(sound.compressed(tone, RATE, LOUD), tone)
    assert not np.array_equal(sound.compressed(1.3 * tone, RATE, LOUD), 1.3 * tone)


@pytest.mark.parametrize("attack_ms", [10.0, 30.0])
@pytest.mark.parametrize("release_ms", [80.0, 300.0])
def test_the_gain_falls_within_the_attack_and_comes_back_within_the_release(
    attack_ms: float, release_ms: float
) -> None:
    settings = Compressor(threshold_db=-30, ratio=4, attack_ms=attack_ms, release_ms=release_ms)
    carrier = np.where(np.arange(6 * RATE) % 2, 1.0, -1.0)  # a steady level in every sample
    level = np.full(6 * RATE, 0.01)
    level[2 * RATE : 4 * RATE] = 0.5
    gain_db = 20 * np.log10(np.abs(sound.compressed(level * carrier, RATE, settings)) / level)
    final = gain_db[4 * RATE - 1]
    assert final == pytest.approx(-0.75 * (20 * np.log10(0.5) + 30), abs=0.1)
    falling = np.argmax(gain_db[2 * RATE :] < final * (1 - np.exp(-1))) / RATE * 1000
    rising = np.argmax(gain_db[4 * RATE :] > final * np.exp(-1)) / RATE * 1000
    assert 0.8 * attack_ms < falling < attack_ms + 10
    assert 0.8 * release_ms < rising < 1.2 * release_ms + 25  # the detector has to fall by 24 dB first


def test_a_recording_starts_with_the_gain_it_goes_on_with() -> None:
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(2 * RATE) / RATE)
    stored = sound.compressed(tone, RATE, LOUD)
    assert np.abs(stored[:200]).max() == pytest.approx(np.abs(stored[-200:]).max(), rel=0.02)


@pytest.mark.parametrize("samples", [0, 1, 7, 159, 161])
def test_sound_of_any_length_is_compressed_and_convolved(samples: int) -> None:
    signal = noise(samples, level=0.5)
    assert sound.compressed(signal, RATE, LOUD).shape == (samples,)
    bank = FilterBank([np.array([0.0, 1.0]), np.ones(100)])
    heard = bank.convolved(bank.transformed(signal), 0)[1 : 1 + samples]
    np.testing.assert_allclose(heard, signal, atol=1e-12)


def test_overlap_and_add_is_the_convolution_of_the_whole() -> None:
    signal, answers = noise(5000), [noise(97, 1), noise(64, 2)]
    bank = FilterBank(answers)
    for number, response in enumerate(answers):
        whole = np.convolve(signal, response)
        np.testing.assert_allclose(bank.convolved(bank.transformed(signal), number)[: whole.size], whole, atol=1e-12)


@pytest.mark.usefixtures("transparent")
def test_no_clip_goes_beyond_full_scale_and_a_recording_keeps_its_proportions(
    tmp_path: Path, out: Path, simulated: Simulate
) -> None:
    loud = np.concatenate((noise(RATE, 1, 0.05), noise(RATE, 2, 0.5).clip(-1, 1)))
    simulated(source=source_folder(tmp_path / "loud", segment("park", "lyon-7", 1, loud)), seen=1, unseen=0)
    quiet, strong = (clip(out, f"park-lyon-7-1-{k}-s1.wav") for k in (0, 1))
    assert max(np.abs(quiet).max(), np.abs(strong).max()) == pytest.approx(0.99, abs=1e-6)
    assert np.std(strong) / np.std(quiet) == pytest.approx(np.std(loud[RATE:]) / np.std(loud[:RATE]), rel=0.05)


def test_device_a_beyond_full_scale_is_made_quieter_and_not_clipped(
    tmp_path: Path, out: Path, simulated: Simulate
) -> None:
    over = noise(RATE, level=0.5)
    over /= np.abs(over).max() / 1.1
    simulated(source=source_folder(tmp_path / "over", segment("park", "lyon-7", 1, over), subtype="FLOAT"))
    np.testing.assert_allclose(clip(out, "park-lyon-7-1-0-a.wav"), over * 0.9, atol=1e-6)


@pytest.mark.parametrize("rate", [16_000, 11_025])
def test_device_a_holds_the_very_samples_of_the_source(
    tmp_path: Path, out: Path, simulated: Simulate, rate: int
) -> None:
    steps = np.random.default_rng(0).integers(-32768, 32768, 2 * rate).astype(np.int16)
    steps[:2] = -32768, 32767
    (tmp_path / "flac" / "audio").mkdir(parents=True)
    soundfile.write(tmp_path / "flac" / "audio" / "1-7-A.flac", steps, rate)
    made.write_table(tmp_path / "flac" / "meta.csv", META, [("audio/1-7-A.flac", "park", "freesound-7", "a")])
    simulated(source=tmp_path / "flac")
    for k in (0, 1):
        stored = soundfile.read(out / "audio" / f"park-freesound-7-0-{k}-a.wav", dtype="int32")[0]
        assert np.array_equal(stored >> 16, steps[k * rate : (k + 1) * rate])
        assert not np.any(stored & 0xFFFF)


def test_a_click_stays_where_it_was(tmp_path: Path, out: Path, simulated: Simulate) -> None:
    click = np.zeros(RATE)
    click[3000] = 0.5
    simulated(source=source_folder(tmp_path / "click", segment("park", "lyon-7", 1, click)))
    for device in ("a", "s1", "s2", "s3"):
        assert np.argmax(np.abs(clip(out, f"park-lyon-7-1-0-{device}.wav"))) == 3000


@pytest.mark.parametrize("samples", [3, 4])
def test_a_file_says_how_long_it_is_and_has_an_even_number_of_bytes(samples: int) -> None:
    content = sound.wav(noise(samples), RATE)
    assert len(content) == sound.wav_bytes(samples) == int.from_bytes(content[4:8], "little") + 8
    assert len(content) % 2 == 0
    assert soundfile.info(BytesIO(content)).frames == samples


def test_several_channels_become_their_mean(tmp_path: Path, out: Path, simulated: Simulate) -> None:
    left, right = noise(RATE, 1), noise(RATE, 2)
    folder = source_folder(
        tmp_path / "stereo", [("x.wav", "park", "lyon-7", "a", np.stack((left, right), axis=1))], subtype="PCM_24"
    )
    simulated(source=folder)
    np.testing.assert_allclose(clip(out, "park-lyon-7-0-0-a.wav"), (left + right) / 2, atol=2**-22)


def test_silent_clips_and_ends_and_short_recordings_are_left_out_and_counted(
    tmp_path: Path, out: Path, simulated: Simulate
) -> None:
    gap = noise(3 * RATE + 10)
    gap[RATE : 2 * RATE] = 0
    rows: list[Row] = [
        ("x.wav", "park", "lyon-7", "a", gap),
        ("y.wav", "park", "lyon-7", "a", noise(RATE - 1)),
        ("z.wav", "park", "lyon-8", "a", np.zeros(RATE)),
    ]
    result = simulated(source=source_folder(tmp_path / "gaps", rows))
    assert (result.clips, result.recordings, result.locations) == (2 * 4, 1, 1)
    assert (result.silent, result.ends, result.short) == (2, 1, 1)
    assert {path.name.rsplit("-", 2)[1] for path in (out / "audio").iterdir()} == {"0", "2"}


def test_clips_of_another_length_and_rate_are_made(tmp_path: Path, out: Path, simulated: Simulate) -> None:
    waveform = 0.3 * np.sin(2 * np.pi * 500 * np.arange(5 * RATE) / RATE)
    folder = source_folder(tmp_path / "tone", segment("park", "lyon-7", 1, waveform))
    assert simulated(source=folder, clip_seconds=2.0, sample_rate=12_000).clips == 2 * 4
    stored = np.concatenate([clip(out, f"park-lyon-7-1-{k}-a.wav") for k in (0, 1)])
    expected = 0.3 * np.sin(2 * np.pi * 500 * np.arange(48_000) / 12_000)
    np.testing.assert_allclose(stored[200:], expected[200:], atol=2e-3)


def test_labels_choose_scenes_and_change_no_name(simulated: Simulate, out: Path, tmp_path: Path) -> None:
    simulated()
    result = simulated(labels=["tram", "bus"], out=tmp_path / "two")
    assert result.clips == 32
    assert contents(tmp_path / "two" / "audio") == {
        name: content for name, content in contents(out / "audio").items() if not name.startswith("park")
    }


def test_different_locations_and_segments_stay_different_and_free_of_hyphens(
    tmp_path: Path, out: Path, simulated: Simulate
) -> None:
    identifiers = ["a-b-c", "a_b-c", "a-b_c", "a b-c", "here", "place-here", "zürich-3", "z_rich-3", "-x", "x-"]
    rows: list[Row] = [
        (f"{number}{take}.wav", "city park-east", identifier, "a", noise(RATE, number))
        for number, identifier in enumerate(identifiers)
        for take in "AB"
    ]
    simulated(source=source_folder(tmp_path / "odd", rows), seen=1, unseen=0)
    found = [row for row in rows_of(out) if row["source_label"] == "a"]
    assert len({row["identifier"] for row in found}) == len(identifiers)
    assert len({row["filename"] for row in found}) == len(rows)
    assert {row["filename"].count("-") for row in found} == {5}
    assert {row["scene_label"] for row in found} == {"city_park_east"}
    assert {row["filename"].rpartition(".")[0].split("-")[3] for row in found} == {"0", "1"}


def test_numbers_of_unnamed_segments_keep_clear_of_named_ones(tmp_path: Path, out: Path, simulated: Simulate) -> None:
    rows = [*segment("park", "lyon-7", 0, noise(RATE, 1)), ("x.wav", "park", "lyon-7", "a", noise(RATE, 2))]
    simulated(source=source_folder(tmp_path / "mixed", rows), seen=1, unseen=0)
    names = {row["filename"] for row in rows_of(out) if row["source_label"] == "a"}
    assert names == {"audio/park-lyon-7-0-0-a.wav", "audio/park-lyon-7-1-0-a.wav"}


def test_recordings_of_ten_seconds_keep_the_segment_in_their_name(
    tmp_path: Path, out: Path, simulated: Simulate
) -> None:
    folder = source_folder(tmp_path / "ten", [("park-lyon-7-312-a.wav", "park", "lyon-7", "a", noise(10 * RATE))])
    simulated(source=folder, seen=1, unseen=0)
    names = {row["filename"] for row in rows_of(out) if row["source_label"] == "s1"}
    assert names == {f"audio/park-lyon-7-312-{k}-s1.wav" for k in range(10)}


def esc_copy(folder: Path, rows: Sequence[Sequence[str]], place: str) -> None:
    (folder / place).parent.mkdir(parents=True, exist_ok=True)
    with (folder / place).open("w", newline="") as stream:
        csv.writer(stream).writerows([("filename", "fold", "target", "category", "esc10", "src_file", "take"), *rows])


@pytest.mark.parametrize("place", ["meta/esc50.csv", "esc50.csv"])
def test_the_esc_layout_gives_the_same_as_the_tau_layout_of_the_same_files(
    tmp_path: Path, out: Path, simulated: Simulate, place: str
) -> None:
    rows: list[Row] = [
        ("1-77-A-3.wav", "rain", "freesound-77", "a", noise(2 * RATE, 1)),
        ("1-77-B-3.wav", "rain", "freesound-77", "a", noise(2 * RATE, 2)),
        ("2-9-A-4.wav", "sea_waves", "freesound-9", "a", noise(2 * RATE, 3)),
    ]
    folder = source_folder(tmp_path / "esc", rows)
    simulated(source=folder)
    (folder / "meta.csv").unlink()
    esc_copy(
        folder, [(name, "1", "3", scene, "False", place.split("-")[1], "A") for name, scene, place, *_ in rows], place
    )
    simulated(source=folder, out=tmp_path / "other")
    assert contents(tmp_path / "other") == contents(out)


def test_the_tau_layout_is_preferred_to_the_esc_layout(source: Path, out: Path, simulated: Simulate) -> None:
    esc_copy(source, [("absent.wav", "1", "3", "rain", "False", "77", "A")], "esc50.csv")
    simulated()
    assert {row["scene_label"] for row in rows_of(out)} == set(made.LABELS)


def test_the_seed_decides_and_the_number_of_processes_does_not(
    simulated: Simulate, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulated()
    monkeypatch.setattr(making, "RECORDINGS_PER_JOB", 2)
    simulated(workers=2, out=tmp_path / "two")
    simulated(seed=1, out=tmp_path / "other")
    assert contents(tmp_path / "two") == contents(out)
    other = contents(tmp_path / "other")
    assert other.keys() == contents(out).keys()
    differ = {name for name, content in contents(out).items() if other[name] != content}
    assert {name.rsplit("-")[-1] for name in differ if name.startswith("audio")} == {"s1.wav", "s2.wav", "s3.wav"}


def test_a_half_finished_folder_is_finished_and_what_is_whole_is_not_made_again(simulated: Simulate, out: Path) -> None:
    simulated()
    before = contents(out)
    kept = {path: path.stat().st_mtime_ns for path in (out / "audio").glob("tram*")}
    (out / "meta.csv").unlink()
    for path in (out / "audio").glob("bus-lyon-100-*"):
        path.unlink()
    cut = next((out / "audio").glob("park-*-s1.wav"))
    cut.write_bytes(cut.read_bytes()[:1000])
    (out / "audio" / ".park-lyon-100-9-9-a.wav.part").write_bytes(b"left over")
    simulated()
    assert contents(out) == before
    assert {path: path.stat().st_mtime_ns for path in (out / "audio").glob("tram*")} == kept


def test_an_interrupted_run_has_no_list_and_goes_on_to_the_same_bytes(
    simulated: Simulate, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "RECORDINGS_PER_JOB", 2)

    with pytest.raises(KeyboardInterrupt):
        simulated(making=interrupted)
    assert not (out / "meta.csv").exists()
    assert len(list((out / "audio").iterdir())) == 2 * 2 * 4
    told: list[tuple[int, int]] = []

    @contextmanager
    def listening() -> Iterator[Progress]:
        yield lambda done, total: told.append((done, total))

    simulated(making=listening)
    assert told == [(2, 6), (4, 6), (6, 6)]
    simulated(out=tmp_path / "other")
    assert contents(out) == contents(tmp_path / "other")


def test_a_finished_folder_is_left_alone_with_what_was_added_to_it(simulated: Simulate, out: Path) -> None:
    first = simulated()
    (out / "split_setup").mkdir()
    before = contents(out)
    assert simulated(making=never) == first
    assert contents(out) == before


def test_a_clip_missing_from_a_finished_folder_is_made_again(simulated: Simulate, out: Path) -> None:
    simulated()
    before = contents(out)
    next((out / "audio").iterdir()).unlink()
    with pytest.raises(KeyboardInterrupt):
        simulated(making=interrupted)
    assert not (out / "meta.csv").exists()  # it would say that nothing is missing
    simulated()
    assert contents(out) == before


def test_another_command_waits_and_then_finds_the_clips_there(simulated: Simulate, out: Path, tmp_path: Path) -> None:
    simulated(out=tmp_path / "done")
    results: list[Simulated] = []
    with making.alone(out):
        waiting = threading.Thread(target=lambda: results.append(simulated(making=never)))
        waiting.start()
        waiting.join(0.5)
        assert waiting.is_alive()
        shutil.copytree(tmp_path / "done", out, dirs_exist_ok=True)
    waiting.join(30)
    assert results == [simulated(out=tmp_path / "done", making=never)]


def test_the_record_says_what_was_done_and_no_path(
    simulated: Simulate, out: Path, source: Path, responses: Path, tmp_path: Path
) -> None:
    result = simulated(seed=3, labels=["tram", "bus"])
    text = (out / "devices.json").read_text()
    record = json.loads(text)
    assert str(tmp_path) not in text
    assert record["source_note"] == source.name
    assert record["groups"] == {"real": ["a"], "seen": ["s1", "s2"], "unseen": ["s3"]}
    assert record["sample_rate"] == RATE
    assert record["settings"]["seed"] == 3
    assert record["settings"]["labels"] == ["bus", "tram"]
    assert record["counts"]["clips"] == result.clips
    by_name = {microphone.name: microphone for microphone in devices.read(responses)}
    assert len({device["response"] for device in record["devices"]}) == 3
    for device in record["devices"]:
        assert device["response_sha256"] == by_name[device["response"]].digest
        assert devices.THRESHOLD_DB[0] <= device["compressor"]["threshold_db"] <= devices.THRESHOLD_DB[1]
        assert devices.RATIO[0] <= device["compressor"]["ratio"] <= devices.RATIO[1]
        assert devices.ATTACK_MS[0] <= device["compressor"]["attack_ms"] <= devices.ATTACK_MS[1]
        assert devices.RELEASE_MS[0] <= device["compressor"]["release_ms"] <= devices.RELEASE_MS[1]


def test_responses_that_are_nearly_the_same_are_not_drawn_twice(tmp_path: Path, responses: Path) -> None:
    twins = tmp_path / "twins"
    twins.mkdir()
    for seed in range(3):
        shutil.copy(responses / f"microphone{seed}.wav", twins / f"{seed}.wav")
        soundfile.write(
            twins / f"{seed}_again.wav", 0.5 * coloured(seed) + noise(65, seed, 1e-3), RATE, subtype="PCM_24"
        )
    for seed in range(10):
        drawn = devices.draw(devices.read(twins), RATE, 3, seed, twins)
        assert {device.file[0] for device in drawn} == {"0", "1", "2"}
    with pytest.raises(Mistake, match=r"4 devices need 4 responses .* of the 6 in .*twins, 3 could be drawn\. Ask for"):
        devices.draw(devices.read(twins), RATE, 4, 0, twins)


def test_the_level_of_a_response_does_not_set_it_apart() -> None:
    one, other = (devices.third_octaves(level * coloured(1), RATE) for level in (1, 0.1))
    assert devices.distance(one, other) < 1e-9
    assert devices.distance(one, devices.third_octaves(coloured(2), RATE)) > devices.DISTANCE_DB


def test_the_seed_decides_which_responses_are_drawn(responses: Path) -> None:
    microphones = devices.read(responses)
    drawn = [[device.file for device in devices.draw(microphones, RATE, 2, seed, responses)] for seed in range(5)]
    assert len({tuple(files) for files in drawn}) > 1


def test_more_devices_leave_the_first_ones_as_they_are(responses: Path) -> None:
    few, many = (devices.draw(devices.read(responses), RATE, count, 5, responses) for count in (2, 4))
    for one, other in zip(few, many, strict=False):
        assert (one.name, one.file, one.compressor) == (other.name, other.file, other.compressor)


def test_responses_at_another_rate_are_resampled(tmp_path: Path, simulated: Simulate) -> None:
    answers = responses_folder(tmp_path / "fast", 3, rate=12_000)
    simulated(responses=answers)
    for device in devices.draw(devices.read(answers), RATE, 3, 0, answers):
        original = soundfile.read(answers / device.file)[0]
        assert_same_curve(original, 12_000, device.response, RATE, (150, 400, 1000, 2000, 3000))


def assert_same_curve(
    one: np.ndarray, one_rate: int, other: np.ndarray, other_rate: int, hertz: Sequence[float]
) -> None:
    """The magnitudes at some frequencies, but for the level, within 0.03 dB."""

    def levels(response: np.ndarray, rate: int) -> np.ndarray:
        time = np.arange(response.size) / rate
        values = [abs(np.sum(response * np.exp(-2j * np.pi * frequency * time))) for frequency in hertz]
        return 20 * np.log10(values)

    difference = levels(one, one_rate) - levels(other, other_rate)
    np.testing.assert_allclose(difference, difference.mean(), atol=0.03)


def test_several_devices_are_refused_unless_one_is_chosen(tmp_path: Path, out: Path, simulated: Simulate) -> None:
    rows = [*segment("park", "lyon-7", 1, noise(RATE)), *segment("park", "lyon-7", 1, noise(RATE, 1), "b")]
    folder = source_folder(tmp_path / "phones", rows)
    with pytest.raises(Mistake, match=r"recordings of 2 devices: a, b\."):
        simulated(source=folder)
    with pytest.raises(Mistake, match=r'no recording of device "c"'):
        simulated(source=folder, source_device="c")
    simulated(source=folder, source_device="b")
    np.testing.assert_allclose(clip(out, "park-lyon-7-1-0-a.wav"), noise(RATE, 1), atol=2**-15)


def test_an_unknown_label_is_refused_with_the_nearest_one(simulated: Simulate) -> None:
    with pytest.raises(Mistake, match=r'no scene "trams"\. Did you mean "tram"\?'):
        simulated(labels=["trams"])
    with pytest.raises(Mistake, match="No scene"):
        simulated(labels=[])


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"seen": 0, "unseen": 0}, "0 seen and 0 unseen"),
        ({"seen": -1}, "-1 seen"),
        ({"seed": -1}, "seed -1"),
        ({"clip_seconds": 0.0}, "clip of 0.0 s"),
        ({"clip_seconds": float("nan")}, "clip of nan s"),
        ({"sample_rate": 100}, "sample rate of 100 Hz"),
        ({"clip_seconds": 3.0}, "None of 6 recordings holds a clip of 3 s"),
        ({"seen": 40}, "41 devices need 41 responses"),
    ],
)
def test_settings_that_cannot_be_met_are_refused(simulated: Simulate, changed: dict[str, object], words: str) -> None:
    with pytest.raises(Mistake, match=words):
        simulated(**changed)


def test_folders_that_are_no_source_are_refused(tmp_path: Path, source: Path, simulated: Simulate) -> None:
    with pytest.raises(Mistake, match="is not a folder"):
        simulated(source=tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(Mistake, match=r"holds neither meta.csv nor esc50.csv"):
        simulated(source=tmp_path / "empty")
    shutil.copy(source / "meta.csv", tmp_path / "empty" / "meta.csv")
    with pytest.raises(Mistake, match="holds no audio folder"):
        simulated(source=tmp_path / "empty")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("filename\tscene_label\tidentifier\tsource_label\n", "names no file"),
        ("filename\tscene_label\n", 'no column "identifier"'),
        ("filename\tscene_label\tidentifier\tsource_label\nx.wav\tbus\n", "line 2 has too few"),
        ("filename\tscene_label\tidentifier\tsource_label\nx.wav\tbus\tl-1\ta\naudio/x.wav\tbus\tl-1\ta\n", "twice"),
        (
            "filename\tscene_label\tidentifier\tsource_label\nbus-l-1-2-0-a.wav\tbus\tl-1\ta\n"
            "bus-l-1-2-0-a.flac\tbus\tl-1\ta\n",
            "are the same clip",
        ),
        (
            "filename\tscene_label\tidentifier\tsource_label\nx.wav\tcity park\tl-1\ta\ny.wav\tcity-park\tl-1\ta\n",
            'would both be written "city_park"',
        ),
    ],
)
def test_lists_that_cannot_be_used_are_refused(source: Path, simulated: Simulate, text: str, words: str) -> None:
    (source / "meta.csv").write_text(text)
    with pytest.raises(Mistake, match=words):
        simulated()


@pytest.mark.parametrize(
    ("text", "words"),
    [("filename,category\n", 'no column "src_file"'), ("filename,category,src_file\nx.wav,rain\n", "line 2")],
)
def test_esc_lists_that_cannot_be_used_are_refused(source: Path, simulated: Simulate, text: str, words: str) -> None:
    (source / "meta.csv").unlink()
    (source / "esc50.csv").write_text(text)
    with pytest.raises(Mistake, match=words):
        simulated()


def test_recordings_that_cannot_be_used_are_counted_and_named(source: Path, simulated: Simulate, out: Path) -> None:
    first, second, third = sorted((source / "audio").glob("*-0-a.wav"))[:3]
    first.unlink()
    second.write_bytes(b"no audio")
    third.write_bytes(third.read_bytes()[:-1000])
    with pytest.raises(Mistake, match=r"2 of 6 recordings cannot be used: bus-lyon\S+ does not exist; bus-paris"):
        simulated()
    assert not out.exists()
    for path in (first, second):
        soundfile.write(path, noise(RATE), RATE)
    with pytest.raises(Mistake, match=r"1 of 6 recordings cannot be used: park-lyon\S+ is truncated"):
        simulated()
    assert not (out / "meta.csv").exists()
    soundfile.write(third, noise(RATE), RATE)
    simulated()
    assert len(rows_of(out)) == 48


def test_five_faults_are_named_and_the_others_counted(source: Path, simulated: Simulate) -> None:
    for path in (source / "audio").iterdir():
        path.unlink()
    with pytest.raises(Mistake, match=r"6 of 6 .*; and 1 more\."):
        simulated()


def test_values_that_are_not_numbers_are_refused(tmp_path: Path, simulated: Simulate) -> None:
    broken = noise(RATE)
    broken[5] = np.nan
    folder = source_folder(tmp_path / "nan", segment("park", "lyon-7", 1, broken), subtype="FLOAT")
    with pytest.raises(Mistake, match=r"1 of 1 recordings .* not numbers"):
        simulated(source=folder)


def test_several_rates_are_refused_unless_one_is_given(tmp_path: Path, simulated: Simulate, out: Path) -> None:
    rows: list[Row] = [(f"{name}.wav", "park", f"lyon-{name}", "a", noise(2 * RATE)) for name in "xy"]
    folder = source_folder(tmp_path / "rates", rows)
    soundfile.write(folder / "audio" / "y.wav", noise(24_000), 12_000)
    with pytest.raises(Mistake, match=r"2 sample rates: 8000, 12000 Hz\. Give the one that all should have"):
        simulated(source=folder)
    assert simulated(source=folder, sample_rate=RATE).clips == 4 * 4
    assert {soundfile.info(path).samplerate for path in (out / "audio").iterdir()} == {RATE}


def test_pieces_of_one_segment_with_several_rates_are_refused(tmp_path: Path, simulated: Simulate) -> None:
    folder = source_folder(tmp_path / "rates", segment("park", "lyon-7", 1, noise(2 * RATE)))
    soundfile.write(folder / "audio" / "park-lyon-7-1-1-a.wav", noise(12_000), 12_000)
    with pytest.raises(Mistake, match=r"1 of 1 recordings .* different rates"):
        simulated(source=folder, sample_rate=RATE)


def test_responses_that_cannot_be_used_are_refused_and_named(
    tmp_path: Path, responses: Path, simulated: Simulate
) -> None:
    with pytest.raises(Mistake, match=r"nowhere is not a folder .* micirp\.blogspot\.com"):
        simulated(responses=tmp_path / "nowhere")
    (tmp_path / "none").mkdir()
    with pytest.raises(Mistake, match=r"holds no impulse response .* micirp\.blogspot\.com"):
        simulated(responses=tmp_path / "none")
    soundfile.write(responses / "silent.wav", np.zeros(100), RATE)
    soundfile.write(responses / "two.wav", noise(200).reshape(100, 2), RATE)
    soundfile.write(responses / "nan.wav", np.full(100, np.nan), RATE, subtype="FLOAT")
    (responses / "text.wav").write_text("no audio")
    with pytest.raises(Mistake, match="4 of 10 responses") as caught:
        simulated()
    for words in ("silent.wav is silent", "two.wav has 2 channels", "nan.wav holds values", "text.wav is not audio"):
        assert words in str(caught.value)


def test_a_folder_with_something_else_in_it_is_refused(source: Path, simulated: Simulate, out: Path) -> None:
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    with pytest.raises(Mistake, match=r"not empty and holds no devices\.json\. Choose another folder"):
        simulated()
    assert contents(out) == {"notes.txt": b"mine"}
    with pytest.raises(Mistake, match="Choose another folder"):
        simulated(out=source)
    with pytest.raises(Mistake, match="is not a folder"):
        simulated(out=out / "notes.txt")
    (out / "devices.json").write_text("{}")
    with pytest.raises(Mistake, match="is not the record of a simulated set"):
        simulated()


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"seed": 1}, "seed"),
        ({"seen": 3}, "seen"),
        ({"clip_seconds": 0.5}, "clip_seconds"),
        ({"sample_rate": RATE}, "sample_rate"),
        ({"labels": ["bus"]}, "labels, source"),
    ],
)
def test_a_folder_made_with_other_settings_is_refused(
    simulated: Simulate, out: Path, changed: dict[str, object], word: str
) -> None:
    simulated()
    before = contents(out)
    with pytest.raises(Mistake, match=rf"made with another {word}\. Choose another folder"):
        simulated(**changed)
    assert contents(out) == before


def test_a_folder_made_from_other_responses_is_refused(simulated: Simulate, responses: Path) -> None:
    simulated()
    soundfile.write(responses / "microphone0.wav", coloured(77), RATE)
    with pytest.raises(Mistake, match=r"made with another responses"):
        simulated()


def test_a_full_disk_is_a_mistake_and_leaves_no_part(
    simulated: Simulate, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_bytes = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if "tram" in path.name:
            write_bytes(path, content[:100])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write_bytes(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(Mistake, match="the disk is full"):
            simulated()
    assert not list((out / "audio").glob(".*"))
    assert not (out / "meta.csv").exists()
    assert simulated().clips == 48


def test_torch_is_not_imported() -> None:
    text = "import sys; import harness.data.simulation; print('torch' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"


def micirp(shared: Path) -> Path:
    return shared / "data" / "micirp"


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_real_seen_and_unseen_responses_are_apart(shared: Path, rate: int) -> None:
    folder = micirp(shared)
    microphones = devices.read(folder)
    assert len(microphones) == 66
    for seed in range(3):
        drawn = devices.draw(microphones, rate, 9, seed, folder)
        curves = [octave_curve(device.response, rate) for device in drawn]
        pairs = [(one, other) for place, one in enumerate(curves) for other in curves[:place]]
        assert len({device.file for device in drawn}) == 9
        assert min(np.sqrt(np.mean((one - other) ** 2)) for one, other in pairs) > 0.99 * devices.DISTANCE_DB


def octave_curve(response: np.ndarray, rate: int) -> np.ndarray:
    """Third octaves in dB from 100 Hz to 0.45 of the rate, less their mean; written a second time, as an oracle."""
    size = 10 * rate
    power = np.abs(np.fft.fft(response, size)[: size // 2]) ** 2
    found, k = [], -10
    while 1000 * 2 ** ((k + 0.5) / 3) <= 0.45 * rate:
        low, high = (1000 * 2 ** ((k + side) / 3) * size / rate for side in (-0.5, 0.5))
        found.append(10 * np.log10(power[int(np.ceil(low)) : int(np.ceil(high))].mean()))
        k += 1
    return np.array(found) - np.mean(found)


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_real_responses_keep_recordings_aligned(shared: Path, rate: int) -> None:
    for microphone in devices.read(micirp(shared)):
        response = devices.prepared(microphone, rate)
        delay = int(np.argmax(np.abs(response)))
        energy = np.cumsum(response**2)
        middle = int(np.searchsorted(energy, energy[-1] / 2))
        assert abs(middle - delay) / rate < 0.002, microphone.name


def test_real_responses_at_48_khz_are_resampled(shared: Path) -> None:
    fast = [microphone for microphone in devices.read(micirp(shared)) if microphone.rate == 48_000]
    assert len(fast) == 5
    for microphone in fast:
        for rate in (16_000, 44_100):
            hertz = (120, 500, 1000, 2000, 4000, 6500)
            assert_same_curve(microphone.samples, 48_000, devices.prepared(microphone, rate), rate, hertz)


def test_a_real_tau_folder_keeps_its_names_and_samples_as_device_a(
    shared: Path, out: Path, simulated: Simulate
) -> None:
    folder = shared / "data" / "tau_mini"
    result = simulated(source=folder, responses=micirp(shared), labels=["tram", "airport"])
    listed = lists.read(folder / "meta.csv", META)
    wanted = {
        name
        for name, scene in zip(listed.columns["filename"], listed.columns["scene_label"], strict=True)
        if scene in {"tram", "airport"}
    }
    assert {row["filename"] for row in rows_of(out) if row["source_label"] == "a"} == wanted
    assert (result.clips, result.silent, result.ends) == (51 * 4, 0, 0)
    for name in wanted:
        one, other = (soundfile.read(place / name, dtype="int32")[0] for place in (folder, out))
        assert np.array_equal(one, other)


def test_a_real_esc_folder_gives_the_same_in_both_layouts(
    shared: Path, tmp_path: Path, out: Path, simulated: Simulate
) -> None:
    folder = shared / "data" / "esc50_scene10_16k"
    wanted = {"responses": micirp(shared), "labels": ["wind"]}
    result = simulated(source=folder, **wanted)
    (tmp_path / "esc50_scene10_16k" / "meta").mkdir(parents=True)
    (tmp_path / "esc50_scene10_16k" / "audio").symlink_to(folder / "audio")
    shutil.copy(folder / "esc50.csv", tmp_path / "esc50_scene10_16k" / "meta" / "esc50.csv")
    simulated(source=tmp_path / "esc50_scene10_16k", out=tmp_path / "other", **wanted)
    assert result.recordings == 32
    assert contents(out) == contents(tmp_path / "other")
    for row in [row for row in rows_of(out) if row["source_label"] == "a"][:20]:
        assert np.any(clip(out, Path(row["filename"]).name))


def test_real_ogg_files_of_odd_lengths_are_cut_into_whole_clips_with_sound(shared: Path, simulated: Simulate) -> None:
    folder = shared / "data" / "esc10"
    result = simulated(source=folder, responses=micirp(shared), labels=["rooster"], seen=1, unseen=0)
    listed = lists.read(folder / "meta.csv", META).columns
    names = [n for n, scene in zip(listed["filename"], listed["scene_label"], strict=True) if scene == "rooster"]
    waveforms = [soundfile.read(folder / name)[0] for name in names]
    parts = [part for waveform in waveforms for part in np.split(waveform, range(44_100, len(waveform), 44_100))]
    whole = [part for part in parts if len(part) == 44_100]
    with_sound = [part for part in whole if np.abs(part).max() >= 0.5 / 32768]
    assert result.clips == 2 * len(with_sound)
    assert result.silent == len(whole) - len(with_sound) > 0
    assert result.ends == len(parts) - len(whole) > 0
