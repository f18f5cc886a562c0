"""A board of a multi-label track: ranked by mean average precision, with intervals from draws beside the results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness import multilabel, replicates, results
from harness.blocks import Blocks
from harness.results import Digests, Result
from harness.tracks import Track
from leaderboard import evidence, measures, site
from leaderboard.boards import Board, boards
from leaderboard.label_material import LabelMaterial
from leaderboard.material import material
from leaderboard.site import read
from tests.leaderboard import made

LABELS = ("bark", "meow", "rain", "wind", "thunder")
NAME = "sounds"
CLIPS, PLACES = 120, 60
TRACK = Track.model_validate({
    "name": NAME, "title": "Sounds", "dataset": "fsd50k", "multi_label": True, "labels": LABELS, "device_groups": {},
    "splits": {"train": "dev"}, "test": "eval", "clip_seconds": 10.0, "length": "crop_or_pad", "seeds": [0, 1, 2],
    "ranking": {"rule": "mean_average_precision", "status": "derived", "source": "papers print it"},
})  # fmt: skip
CLIPS_OF = Blocks.of([f"uploader-{clip % PLACES}" for clip in range(CLIPS)], [0] * CLIPS, ["unknown"] * CLIPS)
TARGETS = np.random.default_rng(5).random((CLIPS, len(LABELS))) < [0.3, 0.3, 0.3, 0.3, 0.0]


def heard(system: str, skill: float, *, seed: int = 0) -> tuple[Result, np.ndarray]:
    """A result whose scores are those of made logits, the better the larger `skill` is."""
    own = np.random.default_rng([seed, *system.encode()])
    logits = own.normal(0, 1, TARGETS.shape) + skill * TARGETS
    scores = multilabel.score(logits, TARGETS, LABELS)
    key = f"{system} {seed}"
    digests = Digests(entry="entry", test_list="the list of the eval clips")
    return made.result(system, track=NAME, split="train", seed=seed, scores=scores, key=key, digests=digests), logits


def on_disk(folder: Path, *pairs: tuple[Result, np.ndarray]) -> Board:
    for result, logits in pairs:
        results.write(result, folder, logits, CLIPS_OF, targets=TARGETS)
    cells, damaged = read([folder])
    assert not damaged
    [board] = boards(cells, {NAME: TRACK})
    return board


def test_a_record_with_scores_of_several_labels_is_read_back(tmp_path: Path) -> None:
    result, logits = heard("a", 1.0)
    path = results.write(result, tmp_path, logits, CLIPS_OF, targets=TARGETS)
    assert results.read(path) == result
    with np.load(path.with_suffix(".npz")) as kept:
        assert np.allclose(kept["logits"], logits, atol=0.01)
    assert not path.with_suffix(".sums.npy").exists()
    assert replicates.read(path, result.key) is not None


def test_the_better_one_is_first_and_its_interval_holds_its_score(tmp_path: Path) -> None:
    every = [heard(name, skill, seed=seed) for name, skill in (("poor", 0.2), ("good", 2.5)) for seed in (0, 1, 2)]
    board = on_disk(tmp_path, *every)
    assert [row.name for row in board.ranked] == ["cpjku/good", "cpjku/poor"]
    clips = material(board, [tmp_path])
    assert isinstance(clips, LabelMaterial)
    found = evidence.weighed(board, clips)
    for row in board.ranked:
        known = found[row.slug]
        assert row.main is not None
        assert known.mean is not None
        assert known.score is not None
        assert known.score.low < row.main.value < known.score.high
        assert known.mean.value == pytest.approx(row.main.value)
        assert known.standing is not None
        assert set(row.others) == {one.name for one in measures.others(board)}
    first, last = (found[row.slug].standing for row in board.ranked)
    assert first is not None
    assert last is not None
    assert (first.last, last.first) == (1, 2)
    compared = evidence.compared(*board.ranked, clips)
    assert compared is not None
    assert compared.mean.low > 0
    assert compared.mean.value == pytest.approx(
        found[board.ranked[0].slug].mean.value - found[board.ranked[1].slug].mean.value
    )  # type: ignore[union-attr]
    assert compared.log_loss is None


def test_equal_systems_are_not_told_apart(tmp_path: Path) -> None:
    board = on_disk(tmp_path, *(heard(name, 1.0, seed=seed) for name in ("one", "other") for seed in (0, 1, 2)))
    clips = material(board, [tmp_path])
    assert clips is not None
    compared = evidence.compared(*board.ranked, clips)
    assert compared is not None
    assert compared.mean.low < 0 < compared.mean.high


def test_a_cell_without_its_draws_has_no_interval(tmp_path: Path) -> None:
    board = on_disk(tmp_path, heard("whole", 2.0), heard("bare", 1.0))
    bare = next(row for row in board.ranked if row.name == "cpjku/bare")
    bare.cells[0].path.with_suffix(replicates.REPLICATES).unlink()
    found = evidence.weighed(board, material(board, [tmp_path]))
    assert bare.slug not in found
    assert len(found) == 1


def test_its_pages_speak_of_precision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "_known", lambda: {NAME: TRACK})
    on_disk(tmp_path / "results", heard("good", 2.5), heard("poor", 0.2))
    report = site.build([tmp_path / "results"], tmp_path / "site")
    assert not report.damaged
    pages = {path.name: path.read_text() for path in (tmp_path / "site" / NAME).rglob("*.html")}
    board, own = pages["index.html"], pages["cpjku-good.html"]
    assert "Ranked by mean average precision on split train, mean over seeds" in board
    assert "5 classes, of which a clip may have several" in board
    assert "Log loss" not in board
    for heading in ("mAP, %", "mAUC, %", "LRAP, %"):
        assert heading in board
    assert "Average precision by class" in own
    assert "left out: thunder" in own
    assert "accuracy" not in own.split("</style>")[1].lower()
