"""Results come back as they were written, failures stand aside, and what is damaged is said and not raised."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax

from harness import results
from harness.outcomes import Mistake, Outcome
from harness.results import Complexity, Damaged, Digests, Identity, Provenance, Reason, Result, StageRecord
from harness.scoring import score

LOGITS = np.array([[2.0, 0.5, -1.0], [0.0, 3.0, 1.0]])
REASON = Reason(rule="test.rule", problem="It broke.", remedy="Mend it.")


def identity(**changes: Any) -> Identity:
    words: dict[str, Any] = {"track": "tiny", "entry": "mine", "system": "S1", "split": "100", "seed": 0}
    return Identity(**(words | changes))


def result(**changes: Any) -> Result:
    """A scored result of two clips, with the fields that a test gives."""
    fields: dict[str, Any] = {
        "key": "k" * 64,
        "identity": identity(),
        "outcome": Outcome.OK,
        "title": "Mine: S1",
        "authors": ("Å. Uthor",),
        "external_data": "none",
        "role": "system",
        "track_version": 1,
        "edition": "dcase2024",
        "official": True,
        "config": {"width": 8, "path": None, "rates": [0.1, 1e-12]},
        "device": "cpu",
        "created": "2026-01-01T00:00:00+00:00",
        "command": "nox -s evaluate",
        "digests": Digests(entry="e" * 64, files={"checkpoint": "f" * 64}),
        "provenance": Provenance(
            harness="0.1",
            git_commit=None,
            git_dirty=None,
            python="3.11",
            packages={"torch": "2"},
            hardware={"cores": 2},
        ),
        "stages": {"train": StageRecord(seconds=1.25, work_seconds=1.0, peak_memory_bytes=2**40)},
        "complexity": Complexity(
            parameters=1, parameter_bytes=2, macs=3, official_macs=4, bytes_by_dtype={"float16": 2}, values=7
        ),
        "scores": score(LOGITS, [0, 2], ["a", "s1"], ("bus", "park", "tram"), {"real": ("a",), "seen": ("s1",)}),
    }
    return Result(**(fields | changes))


def failure(**changes: Any) -> Result:
    return result(outcome=Outcome.CRASHED, reason=REASON, scores=None, complexity=None, **changes)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_result_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = results.write(result(), tmp_path, LOGITS)
    assert path == tmp_path / "tiny" / "mine" / "S1" / "split100-seed0.json"
    assert names(tmp_path) == ["split100-seed0.json", "split100-seed0.npz"]
    assert results.read(path) == result()
    assert list(results.read_all([tmp_path])) == [(path, result())]


@settings(deadline=None, max_examples=50)
@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.dictionaries(st.text(), st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(), max_size=4),
    st.text(),
    st.integers(0, 2**62),
)
def test_whatever_a_result_holds_comes_back(
    tmp_path_factory: pytest.TempPathFactory, seconds: float, config: dict[str, Any], title: str, seed: int
) -> None:
    stage = StageRecord(seconds=seconds, work_seconds=0, peak_memory_bytes=0)
    one = result(title=title, config=config, stages={"train": stage}, identity=identity(seed=seed))
    assert results.read(results.write(one, tmp_path_factory.mktemp("results"))) == one


def test_changed_settings_and_a_preset_have_a_place_of_their_own(tmp_path: Path) -> None:
    changes: list[dict[str, Any]] = [{}, {"settings": {"a": 1}}, {"settings": {"a": 2}}, {"preset": "long"}]
    changes.append({"settings": {"a": 1}, "preset": "long"})
    paths = [identity(**change).path(tmp_path) for change in changes]
    assert len(set(paths)) == 5
    assert paths[0].name == "split100-seed0.json"
    assert paths[1].name.startswith("split100-seed0-set-")
    assert paths[3].name == "split100-seed0-preset-long.json"
    assert identity(settings={"a": 1, "b": 2}).path(tmp_path) == identity(settings={"b": 2, "a": 1}).path(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [{"track": "other"}, {"entry": "other"}, {"system": "S2"}, {"split": "50"}, {"seed": 1}, {"system": "S1.5"}],
)
def test_every_word_of_an_identity_is_in_its_place(tmp_path: Path, changes: dict[str, Any]) -> None:
    other = identity(**changes).path(tmp_path)
    assert other != identity().path(tmp_path)
    assert other.is_relative_to(tmp_path)


def test_a_failure_stands_beside_the_name_of_its_result(tmp_path: Path) -> None:
    path = results.write(failure(), tmp_path)
    assert path.name == "split100-seed0.failure.json"
    assert results.read(path) == failure()
    assert names(tmp_path) == ["split100-seed0.failure.json"]


def test_a_failure_never_takes_the_place_of_a_scored_result(tmp_path: Path) -> None:
    path = results.write(result(), tmp_path, LOGITS)
    results.write(failure(key="other"), tmp_path, LOGITS * 2)
    assert results.read(path) == result()
    with np.load(path.with_suffix(".npz")) as kept:
        assert np.allclose(kept["log_probabilities"], log_softmax(LOGITS, axis=1), rtol=2**-11, atol=1e-7)
    assert {found.outcome for _, found in results.read_all([tmp_path]) if isinstance(found, Result)} == {
        "ok",
        "crashed",
    }


def test_a_failure_vanishes_when_the_cell_succeeds(tmp_path: Path) -> None:
    results.write(failure(), tmp_path)
    results.write(result(), tmp_path, LOGITS)
    assert names(tmp_path) == ["split100-seed0.json", "split100-seed0.npz"]


def test_curves_of_an_earlier_run_do_not_stay_beside_a_later_one(tmp_path: Path) -> None:
    path = results.write(result(), tmp_path, training=b"epoch,loss\n1,2\n")
    assert names(tmp_path) == ["split100-seed0.json", "split100-seed0.training.csv"]
    results.write(failure(), tmp_path)
    assert path.with_suffix(".training.csv").is_file()
    results.write(result(), tmp_path)
    assert not path.with_suffix(".training.csv").exists()


def test_a_success_leaves_the_failures_of_other_cells(tmp_path: Path) -> None:
    results.write(failure(identity=identity(seed=1)), tmp_path)
    results.write(result(), tmp_path, LOGITS)
    assert "split100-seed1.failure.json" in names(tmp_path)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is no result of schema 2"),
        (b"\xff\xfe\0", "is no result of schema 2"),
        (b"[]", "the whole file"),
        (b"null", "the whole file"),
        (b"{}", "key"),
        (b"[" * 100_000, "is no result of schema 2"),
    ],
    ids=["empty", "binary", "list", "null", "object", "deep"],
)
def test_a_file_that_is_no_result_is_damaged(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "x.json").write_bytes(content)
    found = results.read(tmp_path / "x.json")
    assert isinstance(found, Damaged)
    assert found.path == tmp_path / "x.json"
    assert why in found.why


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_a_result_cut_short_anywhere_is_damaged(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    content = result().model_dump_json().encode()
    path = tmp_path_factory.mktemp("cut") / "x.json"
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    assert isinstance(results.read(path), Damaged)


@pytest.mark.parametrize(
    "changes",
    [{"schema_version": 0}, {"outcome": "fine"}, {"colour": "red"}, {"key": None}, {"scores": {"clips": 1}}],
)
def test_a_record_that_does_not_fit_is_damaged_and_names_the_field(tmp_path: Path, changes: dict[str, Any]) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(json.loads(result().model_dump_json()) | changes))
    found = results.read(path)
    assert isinstance(found, Damaged)
    assert next(iter(changes)) in found.why


def test_a_folder_named_like_a_result_is_damaged_and_hides_no_other(tmp_path: Path) -> None:
    written = results.write(result(), tmp_path, LOGITS)
    (tmp_path / "a.json").mkdir()
    (tmp_path / "b.json").symlink_to(tmp_path / "nowhere")
    found = dict(results.read_all([tmp_path]))
    assert list(found) == sorted(found)
    assert {path for path, one in found.items() if isinstance(one, Damaged)} == {
        tmp_path / "a.json",
        tmp_path / "b.json",
    }
    assert found[written] == result()


def test_folders_without_results_have_none(tmp_path: Path) -> None:
    assert list(results.read_all([tmp_path, tmp_path / "nowhere"])) == []


def test_a_cell_is_finished_by_its_key_with_its_predictions(tmp_path: Path) -> None:
    one = result()
    assert results.finished(one.identity, one.key, tmp_path, official=True) is None
    path = results.write(one, tmp_path, LOGITS)
    assert results.finished(one.identity, one.key, tmp_path, official=True) == one
    assert results.finished(one.identity, "another key", tmp_path, official=True) is None
    assert results.finished(identity(seed=1), one.key, tmp_path, official=True) is None
    path.with_suffix(".npz").unlink()
    assert results.finished(one.identity, one.key, tmp_path, official=True) is None


def test_an_official_run_does_not_take_over_an_unofficial_result(tmp_path: Path) -> None:
    one = result(official=False, unofficial_because=("it is a quick run",))
    results.write(one, tmp_path, LOGITS)
    assert results.finished(one.identity, one.key, tmp_path, official=True) is None
    assert results.finished(one.identity, one.key, tmp_path, official=False) == one
    results.write(result(), tmp_path, LOGITS)
    assert results.finished(one.identity, one.key, tmp_path, official=False) == result()


def test_a_damaged_or_failed_cell_is_not_finished(tmp_path: Path) -> None:
    results.write(failure(), tmp_path)
    assert results.finished(identity(), failure().key, tmp_path, official=True) is None
    path = results.write(result(), tmp_path, LOGITS)
    path.write_bytes(path.read_bytes()[:100])
    assert results.finished(identity(), result().key, tmp_path, official=True) is None


def test_a_write_that_breaks_off_leaves_no_result_with_predictions_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old key must not be taken as finished when the predictions beside it are already the new ones."""
    results.write(result(key="old"), tmp_path, LOGITS)
    whole = results.write_bytes

    def breaks(path: Path, content: bytes) -> None:
        if path.suffix == ".json":
            raise KeyboardInterrupt
        whole(path, content)

    monkeypatch.setattr(results, "write_bytes", breaks)
    with pytest.raises(KeyboardInterrupt):
        results.write(result(key="new"), tmp_path, -LOGITS)
    found = results.finished(identity(), "old", tmp_path, official=True)
    if found is not None:
        beside = identity().path(tmp_path).with_suffix(".npz").read_bytes()
        assert beside == results.packed_predictions(LOGITS)


def test_predictions_are_log_probabilities_at_half_precision_and_the_winner_at_full() -> None:
    logits = np.array([[1.0, 1.00001, 0.0], [-1e6, 0.0, 1e6]])
    with np.load(io.BytesIO(results.packed_predictions(logits))) as kept:
        assert set(kept.files) == {"log_probabilities", "predicted", "key"}
        assert kept["predicted"].tolist() == [1, 2]  # float16 alone could not tell the first row's winner
        log_p = kept["log_probabilities"]
    assert log_p.dtype == np.float16
    assert np.isfinite(log_p).all()
    expected = np.maximum(log_softmax(logits, axis=1), -65504)
    assert np.abs(log_p - expected).max() <= 65504 * 2**-11


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(st.floats(-50, 50), min_size=3, max_size=3), min_size=1, max_size=8))
def test_half_precision_costs_a_two_thousandth_at_most(rows: list[list[float]]) -> None:
    with np.load(io.BytesIO(results.packed_predictions(rows))) as kept:
        expected = log_softmax(np.array(rows), axis=1)
        assert np.allclose(kept["log_probabilities"].astype(float), expected, rtol=2**-11, atol=1e-7)
        assert kept["predicted"].tolist() == expected.argmax(axis=1).tolist()


@pytest.mark.parametrize("one", [result(), failure()], ids=["scored", "failed"])
def test_a_results_folder_that_cannot_be_written_is_a_mistake(tmp_path: Path, one: Result) -> None:
    (tmp_path / "tiny").write_text("in the way")
    with pytest.raises(Mistake, match=r"The result .*split100-seed0\.json could not be written") as caught:
        results.write(one, tmp_path, LOGITS)
    assert caught.value.rule == "disk.unwritable"
    assert (tmp_path / "tiny").read_text() == "in the way"


@pytest.mark.parametrize(
    ("version", "words"),
    [
        (3, "is of schema 3, and this program reads 2: update"),
        (0, "no result of schema 2"),
        ("2", "no result"),
        ([1], "no result"),
    ],
)
def test_a_record_of_another_schema_is_refused_by_its_number(tmp_path: Path, version: object, words: str) -> None:
    path = results.write(result(), tmp_path, LOGITS)
    path.write_text(path.read_text().replace('"schema_version": 2', f'"schema_version": {json.dumps(version)}'))
    found = results.read(path)
    assert isinstance(found, results.Damaged)
    assert words in found.why


def of_schema_1(one: Result, uncounted: dict[str, int]) -> str:
    """The record as schema 1 had it."""
    found = json.loads(one.model_dump_json())
    return json.dumps({**found, "schema_version": 1, "complexity": {**found["complexity"], "uncounted": uncounted}})


def test_a_record_of_schema_1_is_read_as_it_would_be_written_now(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(of_schema_1(result(), {}))
    assert results.read(path) == result()


def test_a_record_of_schema_1_with_operators_that_nobody_counted_is_official_no_more(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(of_schema_1(result(), {"aten::svd": 2, "aten::fft": 1}))
    found = results.read(path)
    assert isinstance(found, Result)
    assert found.official is False
    assert found.unofficial_because == ("operators were not counted: aten::fft, aten::svd",)


def test_a_failure_of_schema_1_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps({**json.loads(failure().model_dump_json()), "schema_version": 1}))
    assert results.read(path) == failure()


def test_a_record_of_schema_1_that_is_no_result_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"schema_version": 1, "complexity": "none", "unofficial_because": 3}))
    found = results.read(path)
    assert isinstance(found, Damaged)
    assert "no result of schema 2" in found.why
