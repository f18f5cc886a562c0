"""Anybody's package is read with all its faults, each with file and line, and nothing makes the reader fall over."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.outcomes import Mistake
from harness.packages import outputs, validating
from harness.packages.faults import Fault, Faults
from harness.packages.labels import Label
from tests.harness.packages import made
from tests.harness.packages.made import BROKEN, META, OUTPUT, Broken
from tests.leaderboard.made import result


def faults(place: Path, year: str = "dcase2024", clips: list[str] | None = None) -> list[Fault]:
    return validating.validate(place, made.edition(year), made.track(year), clips)


@pytest.mark.parametrize("year", ["dcase2022", "dcase2023", "dcase2024", "dcase2025"])
def test_a_package_in_order_has_no_fault_as_a_folder_and_as_a_zip(tmp_path: Path, year: str) -> None:
    folder = made.package(tmp_path / "package", year=year)
    assert faults(folder, year, made.names()) == []
    assert faults(made.zipped(folder), year) == []


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
def test_what_is_wrong_is_named_with_its_file_and_line(tmp_path: Path, broken: Broken) -> None:
    breaking, rule, file, line = broken
    folder = made.package(tmp_path / "package")
    breaking(folder)
    for place in (folder, made.zipped(folder)):
        found = [one for one in faults(place, clips=made.names()) if one.severity == "error"]
        named = [one for one in found if one.rule == rule and one.file == file]
        assert named, [str(one) for one in found]
        if line is not None:
            assert line in {one.line for one in named}
        assert all(one.problem.endswith(".") and one.remedy.endswith((".", "?")) for one in found)


def test_one_fault_of_a_table_hides_none_of_the_next(tmp_path: Path) -> None:
    folder = made.package(tmp_path / "package")
    for name in ("a row too short", "no sum", "a wrong label"):
        BROKEN[name][0](folder)
    assert {(one.rule, one.line) for one in faults(folder)} >= {
        ("package.row", 7), ("package.probability", 8), ("package.label", 9),
    }  # fmt: skip


def test_lines_of_the_meta_file_are_those_of_its_keys(tmp_path: Path) -> None:
    folder = made.package(tmp_path / "package")
    BROKEN["over the limit"][0](folder)
    (one,) = faults(folder)
    text = (folder / META).read_text().split("\n")
    assert one.line is not None
    assert text[one.line - 1].strip() == "macs: 30000001"
    assert one.key == "system.complexity.macs"


def test_a_name_that_was_meant_otherwise_is_suggested(tmp_path: Path) -> None:
    folder = made.package(tmp_path / "package")
    for name in ("an output by another name", "a key by another name"):
        BROKEN[name][0](folder)
    remedies = " ".join(one.remedy for one in faults(folder))
    assert f"Did you mean {OUTPUT.rpartition('/')[2]}?" in remedies
    assert 'Did you mean "total_parameters"?' in remedies


def test_what_real_packages_write_is_taken(tmp_path: Path) -> None:
    """Teams with digits, one more folder around, whole numbers with a point, rates as numbers, parts left out."""
    folder = made.package(tmp_path / "package", systems=1)
    text = (folder / META).read_text()
    text = text.replace("total_parameters: 61148", "total_parameters: 61148.0").replace("32kHz", "32000")
    text = text.replace("null", "!!null")
    head, _, tail = text.partition("      class_wise:")
    text = f"{head}      class_wise: !!null\n      device_wise{tail.partition('      device_wise')[2]}"
    (folder / META).write_text(text.replace("\n", "\r\n"))
    (folder / made.FIRST / "._x.csv").write_text("left behind")
    (folder / made.FIRST).rename(folder / "x")
    (folder / "task1").mkdir()
    (folder / "x").rename(folder / "task1" / made.FIRST)
    assert faults(folder) == []
    assert Label.parse("AI4EDGE_IPL_task1_2") == Label("AI4EDGE_IPL_task1", 2)
    assert Label.parse("Lovelace_AS_task1_1\n") is None


@pytest.mark.parametrize(
    ("old", "new"), [("total_model_size: 122296", "total_model_size: 0"), ("macs: 29419156", "macs: 0")]
)
def test_a_cost_of_nothing_is_refused(tmp_path: Path, old: str, new: str) -> None:
    folder = made.package(tmp_path / "package", systems=1)
    made.edited(META, old, new)(folder)
    assert [one.rule for one in faults(folder)] == ["package.complexity"]


def test_an_output_in_another_system_s_folder_is_refused(tmp_path: Path) -> None:
    folder = made.package(tmp_path / "package")
    (folder / OUTPUT).rename(folder / f"{made.TEAM}_2" / Path(OUTPUT).name)
    assert any("lies elsewhere" in one.problem for one in faults(folder))


def test_a_gap_in_the_numbers_and_another_yaml_file_are_warnings(tmp_path: Path) -> None:
    folder = made.package(tmp_path / "package", systems=3)
    shutil.rmtree(folder / f"{made.TEAM}_2")
    (folder / "environment.yaml").write_text("a: 1")
    assert [one.severity for one in faults(folder)] == ["warning", "warning"]


def test_a_list_of_other_clips_is_told_at_once(tmp_path: Path) -> None:
    folder = made.package(tmp_path / "package", systems=1)
    found = faults(folder, clips=[f"audio/{number}-other-clip.wav" for number in range(3000)])
    told = [one.problem for one in found if one.file == OUTPUT]
    assert "3,000 clips are missing, and 30 rows are of no clip of the list." in told


@pytest.mark.parametrize("value", ['!!int ""', '!!float ""', '!!bool "x"', '!!timestamp "x"', "!!python/object:os.x"])
def test_values_that_are_none_of_their_type_end_in_a_sentence(tmp_path: Path, value: str) -> None:
    folder = made.package(tmp_path / "package", systems=1)
    made.edited(META, "macs: 29419156", f"macs: {value}")(folder)
    assert "package.yaml" in {one.rule for one in faults(folder)}


def test_a_name_that_cannot_be_shown_is_a_fault(tmp_path: Path) -> None:
    folder = made.package(tmp_path / "package", systems=1)
    (folder / os.fsdecode(b"bad\xff.csv")).write_text("x")
    (one,) = (one for one in faults(folder) if one.rule == "package.path")
    assert one.file == "bad?.csv"


def test_many_files_are_told_by_their_number(tmp_path: Path) -> None:
    crafted(tmp_path / "x.zip", *(f"{number}.txt" for number in range(5001)))
    assert [one.problem for one in faults(tmp_path / "x.zip")] == ["holds 5,001 files."]


def test_many_faults_of_a_kind_are_counted(tmp_path: Path) -> None:
    folder = made.package(tmp_path / "package")
    text = (folder / OUTPUT).read_text().split("\n")
    (folder / OUTPUT).write_text("\n".join([text[0], *(line[:-3] + "\t0" for line in text[1:-1]), ""]))
    found = [one for one in faults(folder) if one.rule == "package.row"]
    assert len(found) == 21
    assert "there are 10 more" in found[-1].problem


def test_a_system_beyond_what_a_team_may_send_is_refused(tmp_path: Path) -> None:
    found = faults(made.package(tmp_path / "package", systems=4))
    assert [one.rule for one in found] == ["package.names"]
    assert "a team has 3 systems" in found[0].problem


def test_declared_figures_are_held_against_measured_ones(tmp_path: Path) -> None:
    folder = made.package(tmp_path / "package", systems=1)
    measured = result().complexity
    assert measured is not None
    found = validating.validate(folder, made.edition(), made.track(), None, {1: measured})
    assert {one.key for one in found} == {
        f"system.complexity.{key}" for key in ("total_model_size", "total_parameters", "macs")
    }
    assert "the entry measures 20,001,000" in next(one.problem for one in found if str(one.key).endswith("macs"))


def test_a_report_by_another_name_is_a_warning(tmp_path: Path) -> None:
    folder = made.package(tmp_path / "package")
    (folder / f"{made.TEAM}.technical_report.pdf").rename(folder / "report.pdf")
    (one,) = faults(folder)
    assert one.severity == "warning"
    assert "report.pdf is called otherwise" in one.problem


def crafted(path: Path, *names: str, **fields: int) -> Path:
    """A zip whose files have these names, and a directory with these fields of its first file."""
    with zipfile.ZipFile(path, "w") as stream:
        for name in names:
            info = zipfile.ZipInfo("x")
            info.filename = name
            info.external_attr = fields.get("mode", 0o644) << 16
            stream.writestr(info, b"some text")
    if "size" in fields:
        content = bytearray(path.read_bytes())
        at = content.index(b"PK\x01\x02")
        content[at + 24 : at + 28] = struct.pack("<I", min(fields["size"], 0xFFFFFFFE))
        path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("names", "rule", "words"),
    [
        (["../outside.csv"], "package.path", "outside"),
        (["/etc/passwd"], "package.path", "outside"),
        (["a/../../b.csv"], "package.path", "outside"),
        (["C:/windows.csv"], "package.path", "outside"),
        (["a\\b.csv"], "package.path", "separator"),
        (["a\x1b[2J.csv"], "package.path", "control characters"),
    ],
)
def test_a_zip_with_a_path_outside_is_refused(tmp_path: Path, names: list[str], rule: str, words: str) -> None:
    found = faults(crafted(tmp_path / "x.zip", *names))
    one = next(one for one in found if one.rule == rule)
    assert words in one.problem
    assert "\x1b" not in str(one)


def test_a_zip_with_a_link_or_a_file_twice_is_refused(tmp_path: Path) -> None:
    linked = faults(crafted(tmp_path / "link.zip", "link.csv", mode=0o120777))
    assert any("is a link" in one.problem for one in linked)
    with pytest.warns(UserWarning, match="Duplicate"):
        path = crafted(tmp_path / "twice.zip", "a.csv", "a.csv")
    assert any("there twice" in one.problem for one in faults(path))


def test_a_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    """Ten gigabytes by the header: nothing is read, whatever the file holds."""
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", allowZip64=True) as stream:
        stream.writestr("a.csv", b"x")
    plain = path.read_bytes()
    at, end = plain.index(b"PK\x01\x02"), plain.index(b"PK\x05\x06")
    extra = struct.pack("<HHQ", 1, 8, 10 << 30)
    entry = bytearray(plain[at:end])
    entry[24:28], entry[30:32] = b"\xff" * 4, struct.pack("<H", len(extra))
    tail = bytearray(plain[end:])
    tail[12:16] = struct.pack("<I", len(entry) + len(extra))
    path.write_bytes(plain[:at] + bytes(entry) + extra + bytes(tail))
    (one, *_) = [one for one in faults(path) if one.rule == "package.size"]
    assert one.file == "a.csv"
    assert "10,737,418,240 bytes" in one.problem


def test_a_file_that_says_less_than_it_holds_is_damaged(tmp_path: Path) -> None:
    folder = made.package(tmp_path / "package", systems=1)
    path = made.zipped(folder)
    content = bytearray(path.read_bytes())
    at = content.index(META.encode(), content.index(b"PK\x01\x02"))
    content[at - 46 + 24 : at - 46 + 28] = struct.pack("<I", 7)
    path.write_bytes(content)
    assert any(one.file == META for one in faults(path))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no zip at all" * 100])
def test_what_is_no_zip_is_refused_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(Mistake, match="is no zip archive"):
        faults(tmp_path / "x.zip")


def test_an_empty_folder_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Mistake, match="does not exist"):
        faults(tmp_path / "nowhere")
    assert faults(tmp_path)[0].problem == "there is nothing in it."


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = made.package(tmp_path_factory.mktemp("good") / "package", systems=1)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_makes_the_reader_fall_over(good: dict[str, bytes], tmp_path: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([META, OUTPUT]))
    content = bytearray(good[name])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 9))] = data.draw(
            st.binary(max_size=6) | st.sampled_from([b"\n", b"\t", b": ", b"- ", b"{", b"!!", b"*a", b"\r\n", b"\x00"])
        )
    folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
    for file, known in good.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(bytes(content) if file == name else known)
    found = faults(folder)
    assert all(one.file in {META, OUTPUT, ""} or one.rule == "package.names" for one in found)


def test_deep_nesting_and_large_files_end_in_a_sentence(tmp_path: Path) -> None:
    folder = made.package(tmp_path / "package", systems=1)
    (folder / META).write_text("[" * 5000)
    assert any(one.rule == "package.yaml" for one in faults(folder))
    (folder / META).write_text("a: " + "{b: " * 50 + "1" + "}" * 50)
    assert any("nested too deeply" in one.problem for one in faults(folder))
    (folder / META).write_bytes(b"#" * (2 << 20))
    assert any(one.rule == "package.size" for one in faults(folder))


def test_probabilities_of_sixteen_bits_are_probabilities() -> None:
    import numpy as np  # noqa: PLC0415

    table = outputs.table(["a.wav"], np.array([[3.0, 1.0, 0.5]]), ("x", "y", "z"), audio_prefix=False).decode()
    header, line, _ = table.split("\n")
    values = line.split("\t")
    halves = [f"{float(np.float16(value))}" for value in values[2:]]
    kept = Faults()
    outputs.Reading("o.csv", ("x", "y", "z"), kept, audio_prefix=False).read(
        "\n".join([header, "\t".join([*values[:2], *halves]), ""])
    )
    assert kept.ordered() == []


MODULE = """
def predict(file_paths, device_ids, model_file_path=None): ...
def load_model(model_file_path=None): ...
def load_inputs(file_paths, device_ids, model): ...
def get_model_for_devices(model, device_id): ...
"""


def test_a_module_lacks_a_function_or_an_argument() -> None:
    found = list(validating.module_faults(MODULE, "x.py"))
    assert ["use_cuda" in found[0].problem, found[0].severity, found[0].line] == [True, "warning", 2]
    assert found[1].remedy == 'Did you mean "get_model_for_devices"?'
    assert next(iter(validating.module_faults("def predict(", "x.py"))).line == 1


def test_the_command_says_refused_and_exits_with_one(tmp_path: Path) -> None:
    folder = made.package(tmp_path / "package")
    command = [sys.executable, "-m", "harness", "validate", str(folder), "--track", "demo"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"{folder}: valid\n")
    BROKEN["no sum"][0](folder)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"error: {OUTPUT}, line 8: has probabilities that sum to 0.5000." in done.stdout
    assert done.stdout.endswith(": refused: 1 errors\n")
