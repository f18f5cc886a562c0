"""What a person types and what comes back: words, exit status, no traceback."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.__main__ import main
from tests import made

PROJECT = Path(__file__).resolve().parents[2]


def status(*words: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_evaluate_prints_a_table_and_writes_a_page_and_then_has_nothing_to_do(
    tmp_path: Path, track: str, capsys: pytest.CaptureFixture[str]
) -> None:
    made.entry_folder(tmp_path / "mine")
    assert status("evaluate", "mine", "--track", track, "--no-timing") == 0
    shown = capsys.readouterr()
    assert "mine/S1" in shown.out
    page = re.search(r"page: (\S+)", shown.out + shown.err)
    assert page
    assert "Made for a test" in (tmp_path / page[1]).read_text()
    assert not list((tmp_path / "reports/results").rglob("speed-*.json"))
    assert status("evaluate", "mine", "--track", track, "--no-timing") == 0
    assert "nothing to do" in capsys.readouterr().err


def test_check_says_what_a_system_costs(
    tmp_path: Path, track: str, capsys: pytest.CaptureFixture[str], cache: Path
) -> None:
    made.entry_folder(tmp_path / "mine")
    assert status("check", "mine", "--track", track, "--cache", cache) == 0
    assert "355" in capsys.readouterr().out
    assert status("check", "mine", "--track", track, "--set", "width=1000", "--cache", cache) == 1
    said = capsys.readouterr()
    assert "176,012" in said.out
    assert "128,000 allowed" in said.err


BAD = {
    "no such entry": (("check", "nowhere"), "nowhere is not a folder"),
    "no such track": (("check", "mine", "--track", "dcase2024-task"), 'Did you mean "dcase2024-task1"?'),
    "no such system": (("check", "mine", "--system", "S2"), 'has no system "S2"'),
    "nothing to compare with": (("bench", "mine", "--compare", "nowhere"), "nowhere does not exist"),
    "no such preset": (("check", "mine", "--preset", "fast"), 'has no preset "fast"'),
    "a setting without a value": (("check", "mine", "--set", "epochs"), "is not of the form key=value"),
    "data that are not there": (
        ("evaluate", "mine", "--track", "dcase2024-task1", "--data", "nowhere"),
        "Download Zenodo record 6337421",
    ),
    "a data folder without meta": (
        ("evaluate", "mine", "--track", "dcase2024-task1", "--data", "empty"),
        "empty holds no meta.csv",
    ),
    "no such folder of results": (("leaderboard", "--also", "nowhere"), "nowhere is not a folder"),
    "a name that is none": (("new", "9lives"), '"9lives" is no name for an entry'),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_one_sentence_and_a_status(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, sentence = BAD[case]
    made.entry_folder(tmp_path / "mine")
    (tmp_path / "empty").mkdir()
    assert status(*words) == 1
    said = capsys.readouterr().err
    assert sentence in said
    assert "Traceback" not in said


def test_an_unknown_split_is_refused_with_those_there_are(
    tmp_path: Path, track: str, capsys: pytest.CaptureFixture[str]
) -> None:
    made.entry_folder(tmp_path / "mine")
    assert status("evaluate", "mine", "--track", track, "--split", "10") == 1
    assert 'has no split "10"' in capsys.readouterr().err


def test_wrong_usage_ends_with_two(capsys: pytest.CaptureFixture[str]) -> None:
    assert status("evaluate") == 2
    assert "usage" in capsys.readouterr().err


def test_new_makes_an_entry_that_passes_its_check(tmp_path: Path, cache: Path) -> None:
    assert status("new", "mine", "--into", tmp_path) == 0
    assert status("check", tmp_path / "mine", "--cache", cache) == 0
    assert status("new", "mine", "--into", tmp_path) == 1


def test_a_damaged_result_is_named_and_the_page_is_written_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = PROJECT / "reports" / "results" / "demo"
    if not kept.is_dir():
        pytest.skip("no results are kept in this tree")
    shutil.copytree(kept, tmp_path / "results" / "demo")
    (tmp_path / "results" / "demo" / "broken.json").write_text('{"schema_version": 1, ')
    assert status("leaderboard", "--results", "results", "--out", "site") == 1
    assert "broken.json is no result" in capsys.readouterr().err
    assert "DCASE 2024 baseline" in (tmp_path / "site" / "demo" / "index.html").read_text()
    assert "broken.json" in (tmp_path / "site" / "excluded.html").read_text()


def test_a_full_disk_ends_every_stage_with_one_sentence_and_what_was_finished_stays(
    tmp_path: Path, track: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The cache lies on a disk that is too small for packing, then for a checkpoint, then large enough."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k,huge=never", "tmpfs", disk]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        large = made.BUILD.replace(
            "classifier = Classifier(", "spare = torch.zeros(200_000)\n    classifier = Classifier("
        )
        keeps = made.TRAIN.replace('run.save({"step"', 'run.save({"spare": torch.ones(200_000), "step"')
        made.entry_folder(tmp_path / "mine", build=large, train=keeps)
        words = ("evaluate", "mine", "--track", track, "--cache", disk, "--no-timing")
        for size, sentence in (("300k", "waveform store"), ("2500k", "A file of the stage train")):
            subprocess.run(["mount", "-o", f"remount,size={size}", disk], check=True)
            assert status(*words) == 1
            said = capsys.readouterr().err
            assert "the disk is full" in said
            assert sentence in said
            assert "Traceback" not in said
        subprocess.run(["mount", "-o", "remount,size=64M", disk], check=True)
        assert status(*words) == 0
    finally:
        subprocess.run(["umount", "-l", disk], check=True)
