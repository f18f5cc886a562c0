"""Blocks and what is summed in them, against plain loops over clips; files that come back, and files that cannot."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import scoring
from harness.blocks import Blocks, Sums
from harness.results import packed_predictions, packed_sums

CLASSES = 4
Clips = tuple[list[str], list[int], list[str]]


def shuffled_clips(count: int = 120, seed: int = 0) -> Clips:
    """Clips of 9 locations, 4 classes and 3 devices in no order; some locations have clips of several classes."""
    generator = np.random.default_rng(seed)
    locations = [f"prague-{number}" for number in generator.integers(0, 9, count)]
    labels = generator.integers(0, CLASSES, count).tolist()
    devices = [("s1", "a", "b")[number] for number in generator.integers(0, 3, count)]
    return locations, labels, devices


def some_logits(count: int = 120, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 2, (count, CLASSES))


def log_softmax(logits: np.ndarray) -> np.ndarray:
    return np.array([[value - math.log(sum(math.exp(other) for other in row)) for value in row] for row in logits])


def names_of(blocks: Blocks) -> list[tuple[str, int, str]]:
    return [
        (blocks.locations[place], int(label), blocks.devices[device])
        for place, label, device in zip(blocks.location, blocks.label, blocks.device, strict=True)
    ]


def require_same(one: Blocks | None, other: Blocks) -> None:
    assert one is not None
    assert (one.locations, one.devices) == (other.locations, other.devices)
    for field in ("location", "label", "device", "clips", "of_clip", "labels_of_clip"):
        assert getattr(one, field).tolist() == getattr(other, field).tolist()


# Blocks


def read_sums(file: Path, blocks: Blocks, key: str = "key") -> Sums | None:
    """The sums of the cell that a file of sums or of predictions lies beside."""
    name = file.name.removesuffix(".npz").removesuffix(".sums.npy")
    return Sums.read(file.with_name(f"{name}.json"), key, blocks)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("zyxw"), st.integers(0, 3), st.sampled_from("cab")), min_size=1, max_size=30))
def test_blocks_count_the_clips_of_each_location_class_and_device(clips: list[tuple[str, int, str]]) -> None:
    blocks = Blocks.of(*(list(column) for column in zip(*clips, strict=True)))
    names = names_of(blocks)
    assert len(names) == len(set(names)) == len(blocks)
    assert dict(zip(names, blocks.clips.tolist(), strict=True)) == dict(Counter(clips))
    assert [names[block] for block in blocks.of_clip] == clips
    assert blocks.labels_of_clip.tolist() == [label for _, label, _ in clips]


def test_the_order_of_the_clips_makes_no_other_blocks() -> None:
    locations, labels, devices = shuffled_clips()
    order = np.random.default_rng(5).permutation(len(labels))
    first = Blocks.of(locations, labels, devices)
    second = Blocks.of([locations[k] for k in order], [labels[k] for k in order], [devices[k] for k in order])
    assert names_of(first) == names_of(second)
    assert first.clips.tolist() == second.clips.tolist()
    assert first.of_clip[order].tolist() == second.of_clip.tolist()


@pytest.mark.parametrize(
    "clips",
    [
        ([], [], []),
        (["x"], [0, 1], ["a", "a"]),
        (["x", "y"], [0], ["a", "a"]),
        (["x", "y"], [0, 1], ["a"]),
        (["x"], [], ["a"]),
        ([], [0], []),
    ],
)
def test_clips_that_do_not_fit_together_and_no_clips_are_refused(clips: Clips) -> None:
    with pytest.raises(ValueError, match=f"{len(clips[0])} locations"):
        Blocks.of(*clips)


# Files of blocks


def test_blocks_come_back_from_their_file_clip_by_clip(tmp_path: Path) -> None:
    blocks = Blocks.of(*shuffled_clips())
    blocks.write(tmp_path / "clips.npz")
    require_same(Blocks.read(tmp_path / "clips.npz"), blocks)


def test_names_that_are_not_ascii_come_back(tmp_path: Path) -> None:
    names = ["Łódź", "Malmö", "北京", "a\u0301", "á", "", "🚋 12", "x" * 300]
    blocks = Blocks.of(names, range(len(names)), list(reversed(names)))
    blocks.write(tmp_path / "clips.npz")
    again = Blocks.read(tmp_path / "clips.npz")
    require_same(again, blocks)
    assert again is not None
    assert [again.locations[again.location[block]] for block in again.of_clip] == names
    assert [again.devices[again.device[block]] for block in again.of_clip] == names[::-1]


def test_many_labels_and_locations_keep_their_numbers(tmp_path: Path) -> None:
    count = 40_000
    blocks = Blocks.of([f"{k:05}" for k in range(count)], [k % 500 for k in range(count)], ["a"] * count)
    blocks.write(tmp_path / "clips.npz")
    require_same(Blocks.read(tmp_path / "clips.npz"), blocks)


def test_the_same_clips_are_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one.npz", "other.npz"):
        Blocks.of(*shuffled_clips()).write(tmp_path / name)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "other.npz").read_bytes()
    with ZipFile(tmp_path / "one.npz") as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}, "no time of writing"


def test_what_was_read_is_written_as_the_same_bytes(tmp_path: Path) -> None:
    Blocks.of(*shuffled_clips()).write(tmp_path / "one.npz")
    again = Blocks.read(tmp_path / "one.npz")
    assert again is not None
    again.write(tmp_path / "other.npz")
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "other.npz").read_bytes()


def test_a_file_of_blocks_that_is_absent_or_of_another_kind_is_none(tmp_path: Path) -> None:
    assert Blocks.read(tmp_path / "absent.npz") is None
    assert Blocks.read(tmp_path) is None
    (tmp_path / "empty.npz").write_bytes(b"")
    assert Blocks.read(tmp_path / "empty.npz") is None
    (tmp_path / "text.npz").write_text("clips\n")
    assert Blocks.read(tmp_path / "text.npz") is None
    np.savez_compressed(tmp_path / "other.npz", location=np.zeros(3))
    assert Blocks.read(tmp_path / "other.npz") is None


def test_a_file_that_is_one_array_and_no_archive_is_none(tmp_path: Path) -> None:
    with (tmp_path / "array.npz").open("wb") as stream:
        np.save(stream, np.arange(3))
    blocks = Blocks.of(*shuffled_clips())
    assert Blocks.read(tmp_path / "array.npz") is None
    assert read_sums(tmp_path / "array.npz", blocks) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"location": np.array([0, 9])},
        {"device": np.array([0, 9])},
        {"label": np.array([0, 1, 1])},
        {"label": np.array([["a", "b"]])},
        {"location": np.array([], dtype=int), "device": np.array([], dtype=int), "label": np.array([], dtype=int)},
        {"location": np.array([0.5, 1.5])},
        {"locations": np.array(["x", None], dtype=object)},
    ],
)
def test_a_file_of_blocks_whose_arrays_do_not_fit_is_none(tmp_path: Path, wrong: dict[str, np.ndarray]) -> None:
    good = {
        "locations": np.array(["x", "y"]),
        "devices": np.array(["a", "b"]),
        "location": np.array([0, 1]),
        "label": np.array([0, 1]),
        "device": np.array([0, 1]),
    }
    np.savez_compressed(tmp_path / "clips.npz", **good)
    assert Blocks.read(tmp_path / "clips.npz") is not None
    np.savez_compressed(tmp_path / "clips.npz", **good | wrong)
    assert Blocks.read(tmp_path / "clips.npz") is None


def outcomes_of_damage(path: Path, read: Callable[[], object]) -> Counter[str]:
    """What `read` did with the file cut off at many lengths and with single bytes turned over; leaves it damaged."""
    whole = path.read_bytes()
    damaged = [whole[:length] for length in range(0, len(whole), 23)]
    damaged += [
        whole[:at] + bytes([whole[at] ^ mask]) + whole[at + 1 :]
        for at in range(0, len(whole), 9)
        for mask in (0x10, 0xFF)
    ]
    # the byte that says that a member is encrypted, and the one that says how it is packed
    entry = whole.find(b"PK\x01\x02")
    damaged += [whole[: entry + k] + b"\x01" + whole[entry + k + 1 :] for k in (8, 10) if entry >= 0]
    outcomes: Counter[str] = Counter()
    for content in damaged:
        path.write_bytes(content)
        try:
            outcomes["none" if read() is None else "read"] += 1
        except Exception as error:  # noqa: BLE001 - whatever gets out is what is counted
            outcomes[type(error).__name__] += 1
    return outcomes


def test_a_damaged_or_truncated_file_of_blocks_is_none_or_still_right(tmp_path: Path) -> None:
    path = tmp_path / "clips.npz"
    blocks = Blocks.of(*shuffled_clips(40))
    blocks.write(path)

    def read() -> Blocks | None:
        found = Blocks.read(path)
        if found is not None:  # the byte was one that nobody reads, as the time of writing
            require_same(found, blocks)
        return found

    outcomes = outcomes_of_damage(path, read)
    assert set(outcomes) <= {"none", "read"}, outcomes
    assert outcomes["none"] > 100


@pytest.mark.parametrize("with_sums", [True, False])
def test_a_damaged_or_truncated_file_of_predictions_has_no_sums_or_still_the_right_ones(
    tmp_path: Path, *, with_sums: bool
) -> None:
    path = tmp_path / ("cell.sums.npy" if with_sums else "predictions.npz")
    blocks, logits = Blocks.of(*shuffled_clips(40)), some_logits(40)
    path.write_bytes(packed_sums(logits, "key", blocks) if with_sums else packed_predictions(logits, "key"))
    exact = Sums.of(log_softmax(logits), logits.argmax(axis=1), blocks)

    def read() -> Sums | None:
        found = read_sums(path, blocks)
        if found is not None:
            assert found.correct.tolist() == exact.correct.tolist()
            assert found.loss == pytest.approx(exact.loss, rel=2e-3)
        return found

    outcomes = outcomes_of_damage(path, read)
    assert set(outcomes) <= {"none", "read"}, outcomes
    assert outcomes["none"] > 50


# Sums


def summed_by_a_loop(log_p: np.ndarray, predicted: np.ndarray, clips: Clips) -> dict[tuple[str, int, str], list[float]]:
    """[correct, loss] of every block, one clip after the other."""
    found: dict[tuple[str, int, str], list[float]] = {}
    for number, block in enumerate(zip(*clips, strict=True)):
        sums = found.setdefault(block, [0, 0.0])
        sums[0] += int(predicted[number] == block[1])
        sums[1] -= float(log_p[number, block[1]])
    return found


def test_sums_are_those_of_a_loop_over_clips() -> None:
    clips, log_p = shuffled_clips(), log_softmax(some_logits())
    blocks = Blocks.of(*clips)
    sums = Sums.of(log_p, log_p.argmax(axis=1), blocks)
    expected = summed_by_a_loop(log_p, log_p.argmax(axis=1), clips)
    assert sums.correct.shape == sums.loss.shape == (len(blocks),)
    assert np.issubdtype(sums.correct.dtype, np.integer)
    for name, correct, loss in zip(names_of(blocks), sums.correct, sums.loss, strict=True):
        assert correct == expected[name][0]
        assert loss == pytest.approx(expected[name][1], rel=1e-12)


def test_what_is_correct_is_told_by_the_predictions_not_by_the_rounded_probabilities() -> None:
    """Half precision can make ties: the class was chosen before that."""
    clips, log_p = shuffled_clips(), log_softmax(some_logits())
    predicted = np.random.default_rng(8).integers(0, CLASSES, len(log_p))
    blocks = Blocks.of(*clips)
    expected = summed_by_a_loop(log_p, predicted, clips)
    assert Sums.of(log_p, predicted, blocks).correct.tolist() == [expected[name][0] for name in names_of(blocks)]


def test_reliability_holds_what_the_calibration_error_is_made_of() -> None:
    for seed in range(20):
        labels, log_p = shuffled_clips(seed=seed), log_softmax(some_logits(seed=seed))
        sums = Sums.of(log_p, log_p.argmax(axis=1), Blocks.of(*labels))
        clips, confidence, correct = sums.reliability
        expected = scoring.expected_calibration_error(log_p, np.array(labels[1]))
        assert np.abs(confidence - correct).sum() / clips.sum() == pytest.approx(expected, abs=1e-12)


def test_reliability_is_that_of_a_loop_over_bins_of_confidence() -> None:
    labels, log_p = shuffled_clips(), log_softmax(some_logits())
    log_p[0] = [0.0, -800.0, -800.0, -800.0]  # as sure as can be: the last bin holds its upper edge
    found = Sums.of(log_p, log_p.argmax(axis=1), Blocks.of(*labels)).reliability
    expected = np.zeros((3, 15))
    for row, label in zip(log_p, labels[1], strict=True):
        confidence = math.exp(max(row))
        number = next(k for k in range(15) if confidence <= (k + 1) / 15)
        expected[:, number] += [1, confidence, int(np.argmax(row)) == label]
    assert found.shape == (3, 15)
    assert found == pytest.approx(expected, abs=1e-12)
    assert found[0].sum() == len(log_p)


@pytest.mark.parametrize(
    ("shape", "predicted"),
    [((119, 4), 119), ((121, 4), 121), ((120, 4), 119), ((119, 4), 120), ((120, 3), 120), ((0, 4), 0), ((120,), 120)],
)
def test_predictions_of_other_clips_or_of_too_few_classes_are_refused(shape: tuple[int, ...], predicted: int) -> None:
    blocks = Blocks.of(*shuffled_clips())
    with pytest.raises(ValueError, match="do not fit 120 clips of 4 classes"):
        Sums.of(np.full(shape, -1.0), np.zeros(predicted, dtype=int), blocks)


# Files of sums


def test_stored_sums_come_back_at_single_precision(tmp_path: Path) -> None:
    path, blocks, log_p = tmp_path / "cell.sums.npy", Blocks.of(*shuffled_clips()), log_softmax(some_logits())
    exact = Sums.of(log_p, log_p.argmax(axis=1), blocks)
    path.write_bytes(exact.packed("key"))
    found = read_sums(path, blocks)
    assert found is not None
    assert found.correct.tolist() == exact.correct.tolist()
    assert found.loss == pytest.approx(exact.loss, rel=1e-6)
    assert found.reliability == pytest.approx(exact.reliability, rel=1e-6)
    assert (found.correct.dtype, found.loss.dtype) == (np.int64, np.float64)


def test_predictions_are_packed_with_sums_of_full_precision(tmp_path: Path) -> None:
    path, blocks, logits = tmp_path / "cell.sums.npy", Blocks.of(*shuffled_clips()), some_logits()
    path.write_bytes(packed_sums(logits, "key", blocks))
    found = read_sums(path, blocks)
    exact = Sums.of(log_softmax(logits), logits.argmax(axis=1), blocks)
    assert found is not None
    assert found.loss == pytest.approx(exact.loss, rel=1e-6)


def test_predictions_without_sums_give_those_of_their_rounded_probabilities(tmp_path: Path) -> None:
    path, clips, logits = tmp_path / "predictions.npz", shuffled_clips(), some_logits()
    path.write_bytes(packed_predictions(logits, "key"))
    blocks = Blocks.of(*clips)
    found = read_sums(path, blocks)
    assert found is not None
    rounded = log_softmax(logits).astype(np.float16).astype(float)
    expected = summed_by_a_loop(rounded, logits.argmax(axis=1), clips)
    assert found.correct.tolist() == [expected[name][0] for name in names_of(blocks)]
    assert found.loss == pytest.approx([expected[name][1] for name in names_of(blocks)], abs=1e-9)
    exact = Sums.of(log_softmax(logits), logits.argmax(axis=1), blocks)
    assert found.loss == pytest.approx(exact.loss, rel=2e-3)


def test_blocks_of_more_clips_than_sixteen_bits_count_keep_their_number(tmp_path: Path) -> None:
    blocks = Blocks.of(["x"] * 65_538 + ["y"], [0] * 65_538 + [1], ["a"] * 65_539)
    for right in (65_535, 65_536, 65_538):
        sums = Sums(np.array([right, 1]), np.array([2.5, 0.5]), np.zeros((3, 15)))
        (tmp_path / "cell.sums.npy").write_bytes(sums.packed("key"))
        found = read_sums(tmp_path / "cell.sums.npy", blocks)
        assert found is not None
        assert found.correct.tolist() == [right, 1]


def good_arrays(blocks: Blocks) -> dict[str, np.ndarray]:
    log_p = log_softmax(some_logits())
    found = Sums.of(log_p, log_p.argmax(axis=1), blocks)
    return {"correct": found.correct, "loss": found.loss, "reliability": found.reliability}


def write_sums(path: Path, arrays: dict[str, np.ndarray]) -> None:
    path.write_bytes(Sums(arrays["correct"], arrays["loss"], arrays["reliability"]).packed("key"))


@pytest.mark.parametrize("field", ["correct", "loss", "reliability"])
def test_stored_sums_of_a_wrong_shape_are_none(tmp_path: Path, field: str) -> None:
    blocks = Blocks.of(*shuffled_clips())
    arrays = good_arrays(blocks)
    for wrong in (arrays[field][:-1], arrays[field][None], np.append(arrays[field], 1), np.array(1)):
        write_sums(tmp_path / "cell.sums.npy", arrays | {field: wrong})
        assert read_sums(tmp_path / "cell.sums.npy", blocks) is None


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("field", ["loss", "reliability"])
def test_stored_sums_that_are_not_finite_are_none(tmp_path: Path, field: str, value: float) -> None:
    blocks = Blocks.of(*shuffled_clips())
    arrays = good_arrays(blocks)
    arrays[field].flat[3] = value
    write_sums(tmp_path / "cell.sums.npy", arrays)
    assert read_sums(tmp_path / "cell.sums.npy", blocks) is None


@pytest.mark.parametrize("more", [1, -1])
def test_stored_sums_of_more_correct_clips_than_clips_or_of_fewer_than_none_are_none(tmp_path: Path, more: int) -> None:
    blocks = Blocks.of(*shuffled_clips())
    arrays = good_arrays(blocks)
    correct = arrays["correct"].astype(np.int64)
    correct[2] = blocks.clips[2] + 1 if more > 0 else -1
    write_sums(tmp_path / "cell.sums.npy", arrays | {"correct": correct})
    assert read_sums(tmp_path / "cell.sums.npy", blocks) is None
    correct[2] = blocks.clips[2] if more > 0 else 0
    write_sums(tmp_path / "cell.sums.npy", arrays | {"correct": correct})
    assert read_sums(tmp_path / "cell.sums.npy", blocks) is not None


def test_sums_of_other_blocks_are_none(tmp_path: Path) -> None:
    blocks = Blocks.of(*shuffled_clips())
    other = Blocks.of(*shuffled_clips(60))
    (tmp_path / "with.sums.npy").write_bytes(packed_sums(some_logits(), "key", blocks))
    (tmp_path / "without.npz").write_bytes(packed_predictions(some_logits(), "key"))
    for name in ("with.sums.npy", "without.npz"):
        assert read_sums(tmp_path / name, blocks) is not None
        assert read_sums(tmp_path / name, other) is None


def test_no_sums_are_read_from_files_that_are_absent_or_hold_neither_sums_nor_predictions(tmp_path: Path) -> None:
    blocks = Blocks.of(*shuffled_clips())
    assert read_sums(tmp_path / "absent.npz", blocks) is None
    (tmp_path / "empty.npz").write_bytes(b"")
    assert read_sums(tmp_path / "empty.npz", blocks) is None
    np.savez_compressed(tmp_path / "other.npz", correct=np.zeros(len(blocks)), key="key")
    assert read_sums(tmp_path / "other.npz", blocks) is None


@pytest.mark.parametrize("predicted", [CLASSES, -1, -CLASSES - 1])
def test_predictions_of_a_class_that_has_no_probability_are_none(tmp_path: Path, predicted: int) -> None:
    blocks, log_p = Blocks.of(*shuffled_clips()), log_softmax(some_logits())
    chosen = log_p.argmax(axis=1)
    chosen[7] = predicted
    np.savez_compressed(tmp_path / "predictions.npz", log_probabilities=log_p, predicted=chosen, key="key")
    assert read_sums(tmp_path / "predictions.npz", blocks) is None


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_predictions_whose_sums_are_not_finite_are_none(tmp_path: Path, value: float) -> None:
    clips, log_p = shuffled_clips(), log_softmax(some_logits())
    predicted = log_p.argmax(axis=1)
    log_p[7, clips[1][7]] = value
    np.savez_compressed(tmp_path / "predictions.npz", log_probabilities=log_p, predicted=predicted, key="key")
    assert read_sums(tmp_path / "predictions.npz", Blocks.of(*clips)) is None


def test_sums_and_predictions_of_another_key_are_none(tmp_path: Path) -> None:
    """A run that was killed between two files leaves the sums of one cell beside the record of another."""
    blocks = Blocks.of(*shuffled_clips())
    (tmp_path / "cell.sums.npy").write_bytes(packed_sums(some_logits(), "old", blocks))
    assert read_sums(tmp_path / "cell.sums.npy", blocks) is None
    (tmp_path / "cell.npz").write_bytes(packed_predictions(some_logits(), "old"))
    assert read_sums(tmp_path / "cell.npz", blocks) is None
    assert read_sums(tmp_path / "cell.npz", blocks, "old") is not None
    (tmp_path / "cell.npz").write_bytes(packed_predictions(some_logits(), "key"))
    assert read_sums(tmp_path / "cell.npz", blocks) is not None
