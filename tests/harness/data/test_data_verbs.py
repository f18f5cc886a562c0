"""`data verify` and `data pack` as they are typed: exit status, table and sentences, and nothing left running."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness import console
from harness.__main__ import main
from harness.data import audio_files, packing
from harness.data.verification import Report, sound
from tests import made, made_sounds
from tests.harness.data.stand_ins import in_threads
from tests.harness.data.verifying import edit

PROJECT = Path(__file__).resolve().parents[3]
PATIENCE = 30.0
RATE = str(made.RATE)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sound, "pool", in_threads)
    monkeypatch.setattr(packing, "pool", in_threads)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made.tau_folder(tmp_path_factory.mktemp("template") / "data")


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    """A data folder that the test may change, with its track beside it."""
    shutil.copytree(template, tmp_path / "data")
    made.track_file(tmp_path / "tiny.toml", Path("data"))
    return tmp_path / "data"


def status(*words: str | Path) -> int:
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
    finally:
        signal.signal(signal.SIGTERM, handler)
    assert isinstance(ended.value.code, int)
    return ended.value.code


def verify(*words: str | Path) -> int:
    return status("data", "verify", "--track", "tiny.toml", *words)


def pack(*words: str | Path) -> int:
    return status("data", "pack", "--track", "tiny.toml", "--rate", RATE, *words)


def sentence(capsys: pytest.CaptureFixture[str]) -> str:
    """What was said: one line that is an error, and nothing on standard output."""
    out, said = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in said
    (line,) = said.strip().splitlines()
    assert line.startswith("error: ")
    return line


def report_of(path: Path) -> Report:
    return Report.model_validate_json(path.read_text())


@pytest.mark.usefixtures("folder")
def test_verify_prints_a_table_and_a_verdict_and_writes_a_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify() == 0
    out, said = capsys.readouterr()
    rows = out.splitlines()
    assert rows[0].split() == ["check", "looked", "at", "result"]
    assert "leak: copy" in out
    assert said.splitlines() == [
        "… checking audio files",
        "… comparing sounds",
        f"verdict: sound; report: {Path('.cache/reports/verify-tiny.json')}",
    ]
    report = report_of(tmp_path / ".cache" / "reports" / "verify-tiny.json")
    assert (report.track, report.folder, report.clips, report.sound) == ("tiny", "data", 72, True)
    assert str(tmp_path) not in report.model_dump_json()


def test_faults_go_to_standard_error_five_a_check_and_all_of_them_to_the_report(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in sorted((folder / "audio").iterdir())[:8]:
        name.unlink()
    assert verify("--report", "new/folder/report.json") == 1
    out, said = capsys.readouterr()
    assert "8 faults" in out
    assert "does not exist" not in out
    assert said.count("does not exist.") == 5
    assert "files: … and 3 more, all of them in the report" in said
    assert "verdict: 8 faults; report: new/folder/report.json" in said
    assert "Traceback" not in said
    assert len(report_of(tmp_path / "new" / "folder" / "report.json").faults) == 8


def test_lists_only_opens_no_audio(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(audio_files, "read", lambda path: pytest.fail(f"{path} was opened"))
    assert verify("--lists-only") == 0
    shutil.rmtree(folder / "audio")
    assert verify("--lists-only") == 0
    out, said = capsys.readouterr()
    assert "leak: location" in out
    assert "leak: copy" not in out
    assert "checking audio" not in said


@pytest.mark.usefixtures("folder")
def test_progress_is_told_in_lines_where_there_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "QUIET_SECONDS", 0.0)
    monkeypatch.setattr(sound, "FILES_PER_JOB", 30)
    assert verify() == 0
    lines = [line.strip() for line in capsys.readouterr().err.splitlines() if "/72" in line]
    assert len(lines) == 3
    assert lines[-1] == "checking audio files: 72/72"


@pytest.mark.parametrize(
    "words",
    [
        ("data",), ("data", "verifi"), ("data", "verify", "--rate", "8000"), ("data", "pack", "--rate", "0"),
        ("data", "pack", "--rate", "fast"), ("data", "pack", "--lists-only"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_wrong_usage_ends_with_two(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert status(*words) == 2
    assert "usage" in capsys.readouterr().err


COMMANDS = {
    "verify": ("data", "verify", "--track", "tiny.toml"),
    "pack": ("data", "pack", "--track", "tiny.toml", "--rate", RATE),
    "evaluate": ("evaluate", "mine", "--track", "tiny.toml", "--dry-run"),
}


def no_folder(folder: Path) -> None:
    shutil.rmtree(folder)


def no_meta(folder: Path) -> None:
    (folder / "meta.csv").unlink()


def no_audio(folder: Path) -> None:
    shutil.rmtree(folder / "audio")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [(no_folder, "data is not a folder"), (no_meta, "holds no meta.csv"), (no_audio, "holds no audio folder")],
)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_that_is_none_gets_one_sentence_of_every_command(
    folder: Path, tmp_path: Path, command: str, spoil: Callable[[Path], None], words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    made.entry_folder(tmp_path / "mine")
    spoil(folder)
    assert status(*COMMANDS[command]) == 1
    assert words in sentence(capsys)


PLACES = {  # what may not be read, and how its sentence begins
    "data": "data may not be read",
    "closed": "data may not be read",  # the folder around it
    "data/meta.csv": "meta.csv cannot be read: permission denied",
    "data/split_setup": "split_setup",
}
AS_NOBODY = """
import encodings.utf_8_sig, json, os, sys
import leaderboard.site
from harness.__main__ import main
if os.geteuid() == 0:  # may read everything; only now, because nobody may not read what Python itself needs
    os.setgroups([]), os.setgid(65534), os.setuid(65534)
for words in json.loads(sys.argv[1]):
    print("==", flush=True), print("==", file=sys.stderr, flush=True)
    try:
        main(words)
    except SystemExit as ended:
        print("status", ended.code, flush=True)
    except BaseException as error:
        print("raised", repr(error), flush=True)
"""


@pytest.fixture(scope="module")
def unreadable(template: Path) -> Iterator[dict[str, dict[str, tuple[str, str]]]]:
    """What each command prints, out and err, by what may not be read."""
    base = Path(tempfile.mkdtemp(prefix="unreadable-"))
    base.chmod(0o777)
    commands, keys = [], []
    for number, place in enumerate(PLACES):
        inside = base / str(number) / "closed"
        shutil.copytree(template, inside / "data")
        made.entry_folder(base / str(number) / "mine")
        track = made.track_file(base / str(number) / "tiny.toml", Path("closed/data"))
        (inside if place == "closed" else inside / place).chmod(0)
        for name, (first, second, *rest) in COMMANDS.items():
            words = [first, str(base / str(number) / "mine") if second == "mine" else second, *rest]
            words[words.index("tiny.toml")] = str(track)
            words += ["--lists-only"] if name == "verify" else []  # processes for the audio would need Python anew
            commands.append([*words, "--cache", str(base / f"cache-{number}")])
            keys.append((place, name))
    ended = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, json.dumps(commands)], cwd=base, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(PROJECT), "PYTHONDONTWRITEBYTECODE": "1"}, timeout=PATIENCE,
    )  # fmt: skip
    out, said = (text.split("==\n")[1:] for text in (ended.stdout, ended.stderr))
    assert len(out) == len(said) == len(keys), ended.stderr
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for (place, name), *both in zip(keys, out, said, strict=True):
        found.setdefault(place, {})[name] = (both[0], both[1])
    yield found
    for path in base.rglob("*"):
        path.chmod(0o755)
    shutil.rmtree(base)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("command", COMMANDS)
def test_what_may_not_be_read_is_said_in_one_sentence_with_status_one(
    unreadable: dict[str, dict[str, tuple[str, str]]], place: str, command: str
) -> None:
    out, said = unreadable[place][command]
    assert out.strip().endswith("status 1"), out
    assert PLACES[place] in said
    assert "Traceback" not in said
    if place in {"data", "closed"}:
        assert len(said.strip().splitlines()) == 1


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("command", [verify, pack])
def test_a_cache_that_cannot_be_written_is_said_before_any_work(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    assert command("--cache", "file") == 1
    assert "could not be written" in sentence(capsys)


@pytest.mark.usefixtures("folder")
def test_a_report_that_is_a_folder_is_said_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "reports").mkdir()
    assert verify("--lists-only", "--report", "reports") == 1
    assert "reports" in sentence(capsys)


@pytest.mark.usefixtures("folder")
def test_an_unknown_track_and_an_unknown_split_are_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert status("data", "verify", "--track", "dcase2024-task") == 1
    assert 'Did you mean "dcase2024-task1"?' in sentence(capsys)
    assert pack("--split", "5") == 1
    assert 'Track tiny has no split "5".' in sentence(capsys)


def test_a_track_whose_data_are_anywhere_asks_for_their_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert status("data", "verify", "--track", "dcase2024-task1") == 1
    assert "needs --data DIR" in sentence(capsys)


def files_below(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.mark.usefixtures("folder")
def test_pack_packs_every_split_and_a_second_time_does_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pack() == 0
    assert capsys.readouterr().err.count("… packing waveforms at 8,000 Hz") == 3  # split 50, the rest of 100, test
    before = files_below(tmp_path / ".cache" / "stores")
    assert len({path.parent for path in before}) == 2
    assert pack() == 0
    assert "… packing" not in capsys.readouterr().err
    assert files_below(tmp_path / ".cache" / "stores") == before


def test_pack_of_one_split_leaves_the_others(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "audio" / "bus-paris-101-1001-0-a.wav").unlink()  # of split 100 alone
    assert pack("--split", "50") == 0
    capsys.readouterr()
    assert pack() == 1
    said = capsys.readouterr().err
    assert "error: 1 of 12 clips cannot be used: bus-paris-101-1001-0-a.wav does not exist." in said
    assert "Traceback" not in said


@pytest.mark.usefixtures("folder")
def test_pack_leaves_a_store_of_another_version_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pack() == 0
    capsys.readouterr()
    header = next((tmp_path / ".cache" / "stores").rglob("header.json"))
    header.write_text(json.dumps(json.loads(header.read_text()) | {"version": 1}))
    assert pack() == 1
    assert "packed by another version of this project" in sentence(capsys)


@contextmanager
def disk(place: Path, size: str) -> Iterator[Path]:
    """A small file system."""
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={size},huge=never", "tmpfs", place]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.usefixtures("folder")
def test_a_full_disk_is_one_sentence_and_packing_goes_on_when_there_is_room(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with disk(tmp_path / "disk", "160k") as place:
        assert pack("--cache", place) == 1
        said = capsys.readouterr().err
        assert "could not be written: the disk is full" in said
        assert "Traceback" not in said
        subprocess.run(["mount", "-o", "remount,size=16M", place], check=True)
        assert pack("--cache", place) == 0


def test_a_report_for_which_there_is_no_room_is_one_sentence(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(folder / "meta.csv", lambda text: text.replace("\tbus\t", "\tbuz\t"))
    with disk(tmp_path / "disk", "4k") as place:
        assert verify("--lists-only", "--report", place / "report.json") == 1
        said = sentence(capsys)
        assert "the disk is full" in said
        assert list(place.iterdir()) == []


# Other layouts


def esc(tmp_path: Path, **words: object) -> Path:
    """A folder in the ESC-50 layout, with its track beside it."""
    folder = made_sounds.esc_folder(tmp_path / "data", rate=400, **words)  # type: ignore[arg-type]
    made_sounds.esc_track(tmp_path / "tiny.toml", Path("data"))
    return folder


def commands(tmp_path: Path) -> Path:
    folder = made_sounds.commands_folder(tmp_path / "data", rate=1000)
    made_sounds.commands_track(tmp_path / "tiny.toml", Path("data"))
    return folder


def test_pack_gives_each_fold_stores_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    esc(tmp_path)
    assert pack() == 0
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.count(".cache/stores/") == 4
    assert len(list(Path(".cache/stores").iterdir())) == 4
    assert pack("--split", "2") == 0
    assert capsys.readouterr().err.count(".cache/stores/") == 2


def test_verify_of_an_esc_folder_ends_with_a_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    esc(tmp_path)
    assert verify() == 0
    out, said = capsys.readouterr()
    assert "fold 2" in out
    assert "verdict: sound" in said


def test_verify_of_a_speech_commands_folder_ends_with_a_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (commands(tmp_path) / "no" / "00000005_nohash_0.wav").unlink()
    assert verify("--lists-only") == 1
    out, said = capsys.readouterr()
    assert "split train" in out
    assert "test list: testing_list.txt, line 1: no/00000005_nohash_0.wav is not in the folder." in said
    assert "verdict: 1 fault;" in said


@pytest.mark.parametrize("verb", [verify, pack])
def test_an_esc_folder_without_its_list_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: Callable[[], int]
) -> None:
    shutil.rmtree(esc(tmp_path) / "meta")
    assert verb() == 1
    assert "data holds no meta/esc50.csv or esc50.csv or esc10.csv" in sentence(capsys)


def test_a_speech_commands_list_that_names_a_missing_file_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (commands(tmp_path) / "no" / "00000005_nohash_0.wav").unlink()
    assert pack() == 1
    assert "testing_list.txt, line 1: no/00000005_nohash_0.wav is not in the folder." in sentence(capsys)


def test_clips_without_samples_are_named_when_they_are_packed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    esc(tmp_path, seconds=(1, 1, 1, 1, 1, 1, 1, 0))
    assert pack() == 1
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert "2 of 12 clips cannot be used: 2-201-B-0.wav has no samples;" in said
