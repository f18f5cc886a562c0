"""Training clips as an entry gets them: each once, in an order that a seed decides, and a hold-out without leaks."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.contract import Batch
from harness.data.gathering import Gatherer, dequantised
from harness.data.store import Waveforms
from harness.data.training_data import ClipList, StoredData
from harness.outcomes import Mistake

SAMPLES = 5
STORED = 40
CPU = torch.device("cpu")


def clips(count: int, labels: list[int] | None = None, locations: list[str] | None = None) -> ClipList:
    """Clips in every second row of a store, from its end."""
    numbers = list(range(count))
    label = labels or [number % 3 for number in numbers]
    place = locations or [f"{label[number]}-{number // 3 % 4}" for number in numbers]
    return ClipList(
        names=np.array([f"audio/{number}.wav" for number in numbers]),
        labels=np.array(label, dtype=np.int64),
        devices=np.array([("a", "s1")[number % 2] for number in numbers]),
        segments=np.array([f"segment {number // 2}" for number in numbers]),
        locations=np.array(place),
        rows=np.array([2 * (count - number) - 1 for number in numbers], dtype=np.int64),
    )


def stored(chosen: ClipList) -> StoredData:
    """Clip of row r: all its steps are r, and a step is worth (r + 1) / 1000."""
    rows = max(STORED, int(chosen.rows.max()) + 1 if len(chosen.rows) else 0)
    waveforms = np.repeat(np.arange(rows, dtype=np.int16)[:, None], SAMPLES, axis=1)
    scales = (np.arange(rows, dtype=np.float32) + 1) / 1000
    return StoredData(chosen, Gatherer(Waveforms([waveforms]), scales), 8000, CPU)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def rows_of(batches: list[Batch]) -> list[int]:
    return [int(row) for batch in batches for row in batch.rows]


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 20), st.integers(1, 25), st.booleans())
def test_an_epoch_holds_every_clip_once(count: int, batch_size: int, shuffled: bool) -> None:
    batches = list(stored(clips(count)).batches(batch_size, seeded() if shuffled else None))
    assert sorted(rows_of(batches)) == list(range(count))
    assert [len(batch.rows) for batch in batches[:-1]] == [batch_size] * (len(batches) - 1)
    assert 1 <= len(batches[-1].rows) <= batch_size


def test_without_a_generator_clips_come_in_the_order_of_the_list() -> None:
    assert rows_of(list(stored(clips(20)).batches(7))) == list(range(20))


def test_the_generator_decides_the_order() -> None:
    data = stored(clips(20))
    one, same, other = (rows_of(list(data.batches(6, seeded(seed)))) for seed in (1, 1, 2))
    assert one == same
    assert one != other
    assert one != list(range(20))


def test_the_next_epoch_of_a_generator_has_another_order() -> None:
    data, generator = stored(clips(20)), seeded()
    assert rows_of(list(data.batches(6, generator))) != rows_of(list(data.batches(6, generator)))


def test_the_order_is_drawn_when_the_epoch_is_asked_for() -> None:
    """So draws that augmentations take from the same generator between batches cannot move it."""
    data = stored(clips(20))
    undisturbed = rows_of(list(data.batches(6, seeded())))
    generator = seeded()
    epoch = data.batches(6, generator)
    torch.rand(3, generator=generator)
    assert rows_of(list(epoch)) == undisturbed


@pytest.mark.parametrize(
    ("count", "batch_size", "sizes"),
    [(20, 6, [6, 6, 6]), (18, 6, [6, 6, 6]), (7, 6, [6]), (5, 6, [5])],
)
def test_the_last_short_batch_can_be_left_out_unless_it_is_the_only_one(
    count: int, batch_size: int, sizes: list[int]
) -> None:
    batches = list(stored(clips(count)).batches(batch_size, seeded(), drop_last=True))
    assert [len(batch.rows) for batch in batches] == sizes
    assert len(set(rows_of(batches))) == sum(sizes)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 30), st.integers(1, 12), st.integers(1, 5), st.booleans(), st.booleans())
def test_the_shares_of_all_processes_make_up_the_batches_of_one(
    count: int, batch_size: int, processes: int, drop_last: bool, weighted: bool
) -> None:
    words = {"drop_last": drop_last, "weights": torch.arange(count) + 1.0 if weighted else None}
    whole = list(stored(clips(count)).batches(batch_size, seeded(), **words))
    shares = [
        list(stored(clips(count)).batches(batch_size, seeded(), **words, rank=rank, processes=processes))
        for rank in range(processes)
    ]
    assert {len(batches) for batches in shares} == {len(whole)}
    for batch, *own in zip(whole, *shares, strict=True):
        counted = [one for one in own if one.weight]
        assert torch.equal(torch.cat([one.rows for one in counted]), batch.rows)
        assert torch.equal(torch.cat([one.waveforms for one in counted]), batch.waveforms)
        assert [one.weight * len(batch.rows) for one in counted] == pytest.approx([len(one.rows) for one in counted])
        assert all(len(one.rows) == 1 for one in own if not one.weight)
        assert max(len(one.rows) for one in counted) - min(len(one.rows) for one in counted) <= 1
        assert batch.weight == 1


def test_weighted_epochs_draw_with_replacement_in_proportion_to_the_weights() -> None:
    data = stored(clips(40))
    weights = torch.cat([torch.full((30,), 1.0), torch.full((9,), 0.0), torch.full((1,), 30.0)])
    epochs = [data.batches(8, torch.Generator().manual_seed(seed), weights=weights) for seed in range(50)]
    rows = torch.cat([batch.rows for epoch in epochs for batch in epoch])
    assert len(rows) == 50 * 40
    assert not ((rows >= 30) & (rows < 39)).any()
    assert abs(int((rows == 39).sum()) - 1000) < 90  # half of 2,000; the deviation is 22
    again = torch.cat([batch.rows for batch in data.batches(8, torch.Generator().manual_seed(0), weights=weights)])
    assert torch.equal(again, rows[:40])


def test_some_clips_can_be_taken_in_an_order_of_their_own() -> None:
    data = stored(clips(12))
    some = data.take([7, 2, 5])
    assert some.names == ("audio/7.wav", "audio/2.wav", "audio/5.wav")
    assert some.labels.tolist() == data.labels[[7, 2, 5]].tolist()
    (batch,) = some.batches(8)
    (every,) = data.batches(12)
    assert torch.equal(batch.waveforms, every.waveforms[[7, 2, 5]])
    assert len(data.take([])) == 0


def test_a_batch_holds_the_waveforms_and_labels_of_its_rows() -> None:
    chosen = clips(20)
    data = stored(chosen)
    for batch in data.batches(6, seeded()):
        assert batch.waveforms.dtype == torch.float32
        assert batch.labels.dtype == batch.rows.dtype == torch.int64
        assert batch.waveforms.shape == (len(batch.rows), SAMPLES)
        for waveform, label, row in zip(batch.waveforms, batch.labels, batch.rows.tolist(), strict=True):
            in_store = int(chosen.rows[row])
            assert waveform.tolist() == pytest.approx([in_store * (in_store + 1) / 1000] * SAMPLES)
            assert int(label) == int(data.labels[row]) == int(chosen.labels[row])


def test_a_batch_may_be_changed_and_the_next_epoch_is_as_before() -> None:
    data = stored(clips(6))
    for batch in data.batches(6):
        batch.waveforms.zero_()
        batch.labels.zero_()
    (again,) = data.batches(6)
    assert float(again.waveforms.sum()) > 0
    assert again.labels.tolist() == [0, 1, 2, 0, 1, 2]


def test_facts_of_a_clip_stand_in_the_order_of_the_list() -> None:
    data = stored(clips(4))
    assert data.names == ("audio/0.wav", "audio/1.wav", "audio/2.wav", "audio/3.wav")
    assert data.devices == ("a", "s1", "a", "s1")
    assert data.segments == ("segment 0", "segment 0", "segment 1", "segment 1")
    assert data.locations == ("0-0", "1-0", "2-0", "0-1")
    assert (len(data), data.sample_rate) == (4, 8000)


def test_a_step_is_worth_its_scale() -> None:
    steps = torch.tensor([[1, -32767], [2, 0]], dtype=torch.int16)
    found = dequantised(steps, torch.tensor([0.5, 1e-6]))
    assert torch.equal(found, torch.tensor([[0.5, -16383.5], [2e-6, 0.0]]))
    assert steps.tolist() == [[1, -32767], [2, 0]]


def test_no_training_list_is_a_mistake_when_a_system_wants_to_train() -> None:
    data = stored(ClipList.empty())
    assert (len(data), data.names) == (0, ())
    with pytest.raises(Mistake, match="names no training list") as caught:
        data.batches(4, seeded())
    assert caught.value.rule == "data.no_training"


def test_a_list_comes_back_from_its_file(tmp_path: Path) -> None:
    chosen = clips(9)
    np.savez_compressed(tmp_path / "list.npz", **{name: getattr(chosen, name) for name in chosen.__dataclass_fields__})
    found = ClipList.load(tmp_path / "list.npz")
    for name in chosen.__dataclass_fields__:
        assert np.array_equal(getattr(found, name), getattr(chosen, name))


@st.composite
def placed(draw: st.DrawFn) -> ClipList:
    """1 to 3 classes at 1 to 5 locations each, 1 to 3 clips a location, in any order."""
    pairs = [
        (label, f"{label}-{place}")
        for label in range(draw(st.integers(1, 3)))
        for place in range(draw(st.integers(1, 5)))
        for _ in range(draw(st.integers(1, 3)))
    ]
    pairs = draw(st.permutations(pairs))
    return clips(len(pairs), [label for label, _ in pairs], [place for _, place in pairs])


@settings(deadline=None, max_examples=50)
@given(placed(), st.floats(0.01, 0.99), st.integers(0, 100))
def test_a_holdout_loses_nothing_and_shares_no_location(chosen: ClipList, fraction: float, seed: int) -> None:
    rest, held = stored(chosen).holdout(fraction, seed)
    assert set(rest.locations).isdisjoint(held.locations)
    assert Counter(rest.names) + Counter(held.names) == Counter(chosen.names.tolist())
    everything = dict(zip(chosen.names.tolist(), chosen.rows.tolist(), strict=True))
    for part in (rest, held):
        for batch in part.batches(4) if len(part) else ():
            for row, waveform in zip(batch.rows.tolist(), batch.waveforms, strict=True):
                in_store = everything[part.names[row]]
                assert float(waveform[0]) == pytest.approx(in_store * (in_store + 1) / 1000)


@settings(deadline=None, max_examples=50)
@given(placed(), st.floats(0.01, 0.99), st.integers(0, 100))
def test_every_class_is_held_out(chosen: ClipList, fraction: float, seed: int) -> None:
    _, held = stored(chosen).holdout(fraction, seed)
    assert set(held.labels.tolist()) == set(chosen.labels.tolist())


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("places", [2, 3, 5])
def test_a_class_with_two_locations_or_more_is_also_kept(places: int, fraction: float) -> None:
    locations = [f"{label}-{place}" for label in range(3) for place in range(places)]
    chosen = clips(3 * places, [label for label in range(3) for _ in range(places)], locations)
    rest, _ = stored(chosen).holdout(fraction)
    assert set(rest.labels.tolist()) == {0, 1, 2}


@pytest.mark.parametrize(("fraction", "places"), [(0.1, 1), (0.25, 2), (0.5, 5), (0.3, 3)])
def test_about_the_fraction_of_the_locations_of_a_class_is_held_out(fraction: float, places: int) -> None:
    labels = [number % 2 for number in range(20)]
    chosen = clips(20, labels, [f"{number % 2}-{number // 2}" for number in range(20)])
    _, held = stored(chosen).holdout(fraction)
    for label in ("0", "1"):
        assert len({place for place in held.locations if place.startswith(label)}) == pytest.approx(places, abs=0.5)


def test_a_seed_decides_what_is_held_out() -> None:
    data = stored(clips(20, [0] * 20, [str(number) for number in range(20)]))
    one, same, other = (data.holdout(0.3, seed)[1].names for seed in (1, 1, 2))
    assert one == same != other


def test_parts_of_a_holdout_keep_the_order_of_the_list() -> None:
    rest, held = stored(clips(20)).holdout(0.3)
    for part in (rest, held):
        numbers = [int(Path(name).stem) for name in part.names]
        assert numbers == sorted(numbers)


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5])
def test_a_fraction_lies_between_0_and_1(fraction: float) -> None:
    with pytest.raises(ValueError, match="it lies between 0 and 1"):
        stored(clips(6)).holdout(fraction)


def test_a_thread_that_reads_ahead_gives_the_same_batches() -> None:
    """Used on accelerators whose memory the clips do not fit; nothing in it needs one."""
    data = stored(clips(20))
    parts = list(torch.arange(20).split(3))
    ahead = list(data._prefetched(parts))
    plain = list(data.batches(3))
    assert rows_of(ahead) == rows_of(plain)
    for one, other in zip(ahead, plain, strict=True):
        assert torch.equal(one.waveforms, other.waveforms)


def test_clips_that_lie_on_the_device_give_the_same_batches() -> None:
    """Used on accelerators whose memory the clips fit; nothing in it needs one."""
    data = stored(clips(20))
    parts = list(torch.randperm(20, generator=seeded()).split(3))
    there = list(data._from(data._moved(), parts))
    plain = list(data.batches(3, seeded()))
    assert rows_of(there) == rows_of(plain)
    for one, other in zip(there, plain, strict=True):
        assert torch.equal(one.waveforms, other.waveforms)
        assert torch.equal(one.labels, other.labels)


def test_an_error_in_the_thread_that_reads_ahead_is_raised_where_it_trains() -> None:
    data = stored(clips(6))
    with pytest.raises(IndexError):
        list(data._prefetched([torch.tensor([0]), torch.tensor([99])]))


def multi_label(count: int) -> ClipList:
    labels = np.random.default_rng(0).random((count, 4)) < 0.4
    return ClipList(**{**vars(clips(count)), "labels": labels})


def test_clips_with_several_labels_come_with_a_number_for_each() -> None:
    chosen = multi_label(15)
    for batch in stored(chosen).batches(4, seeded()):
        assert batch.labels.dtype == torch.float32
        assert torch.equal(batch.labels, torch.from_numpy(chosen.labels)[batch.rows].float())


def test_of_clips_with_several_labels_a_fraction_of_all_locations_is_held_out() -> None:
    chosen = multi_label(40)
    rest, held = stored(chosen).holdout(0.25, 3)
    assert not set(rest.locations) & set(held.locations)
    assert len(set(held.locations)) == round(0.25 * len(set(chosen.locations.tolist())))


def test_the_list_for_choosing_goes_with_every_part_of_the_training_clips() -> None:
    whole = stored(clips(12))
    data = StoredData(clips(12), whole._store, 8000, CPU, validation=stored(clips(3)))
    assert data.validation is not None
    assert data.take([0, 1]).validation is data.validation
    assert data.holdout(0.3)[0].validation is data.validation


@pytest.mark.parametrize("shards", [1, 3, 4])
def test_clips_read_from_several_files_are_those_of_one(tmp_path: Path, shards: int) -> None:
    steps = np.random.default_rng(0).integers(-99, 99, (STORED, SAMPLES), dtype=np.int16)
    parts = [steps[start : start + -(-STORED // shards)] for start in range(0, STORED, -(-STORED // shards))]
    files = [tmp_path / f"{number}.bin" for number in range(len(parts))]
    for file, part in zip(files, parts, strict=True):
        file.write_bytes(part.tobytes())
    maps = [np.memmap(file, "<i2", "r", shape=part.shape) for file, part in zip(files, parts, strict=True)]
    scales = np.full(STORED, 0.5, dtype=np.float32)
    read, whole = Waveforms(list(maps), files), Waveforms([steps])
    assert read.mapped == (shards == 1)
    one, other = (StoredData(clips(20), Gatherer(each, scales), 8000, CPU) for each in (read, whole))
    for batch, expected in zip(one.batches(6, seeded()), other.batches(6, seeded()), strict=True):
        assert torch.equal(batch.waveforms, expected.waveforms)
        assert torch.equal(batch.rows, expected.rows)


def test_a_shard_that_became_shorter_is_an_error_and_no_silence(tmp_path: Path) -> None:
    files = [tmp_path / "0.bin", tmp_path / "1.bin"]
    for file in files:
        file.write_bytes(bytes(20 * SAMPLES * 2))
    waveforms = Waveforms([np.memmap(file, "<i2", "r", shape=(20, SAMPLES)) for file in files], files)
    files[1].write_bytes(bytes(30))
    data = StoredData(clips(20), Gatherer(waveforms, np.ones(STORED, np.float32)), 8000, CPU)
    with pytest.raises(OSError, match="shorter than it was"):
        list(data.batches(4))
