"""Every command in the documentation can be typed as it stands there, and those of the tutorial are."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness import __main__ as command_line
from tests.docs.commands import PROJECT, Command, every, of, sessions

COMMANDS = every()
CUT = {"…", "..."}
"""Where a sentence leaves the rest of a command to its reader."""


def parsed(words: tuple[str, ...]) -> None:
    """Raises SystemExit where the command line does not take them."""
    command_line._parser().parse_args(list(words))


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_a_command_is_one_that_can_be_typed(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    program, *rest = command.words[: command.words.index(">")] if ">" in command.words else command.words
    if any(word.strip("…") != word or word in CUT for word in rest):
        rest = rest[: next(at for at, word in enumerate(rest) if "…" in word or word in CUT)]
        assert rest, "a command that is cut names at least its verb"
        return
    if program == "nox":
        names, arguments = _split(rest)
        assert set(names) <= sessions(), f"no such session: {names}"
        verbs = [name for name in names if name in _verbs()]
        for verb in verbs:
            if arguments or verb not in {"evaluate", "check", "study", "data", "bench", "analyse", "export", "new"}:
                _require(verb, arguments, capsys)
    elif rest[:2] == ["-m", "harness"]:
        _require(rest[2], rest[3:], capsys)
    else:
        assert (program, rest[0]) in {("python", "-m"), ("uv", "venv"), ("uv", "pip")}


def _split(rest: list[str]) -> tuple[list[str], list[str]]:
    """Names of sessions, and what stands behind --."""
    end = rest.index("--") if "--" in rest else len(rest)
    return [word for word in rest[:end] if word != "-s"], rest[end + 1 :]


def _verbs() -> set[str]:
    actions = command_line._parser()._subparsers
    assert actions is not None
    return set(actions._group_actions[0].choices or ())


def _require(verb: str, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        parsed((verb, *arguments))
    except SystemExit:
        pytest.fail(f"{verb} {' '.join(arguments)}: {capsys.readouterr().err.strip().splitlines()[-1]}")


def test_there_are_commands_and_every_verb_stands_in_the_documentation() -> None:
    assert len(COMMANDS) > 60
    said = {word for command in COMMANDS for word in command.words}
    assert _verbs() - said == set()
    assert sessions() - said - {"lint", "types"} == set()


def test_the_tutorial_can_be_followed_word_for_word(tmp_path: Path, cache: Path) -> None:
    """Each command in its order, less the installation: `nox -s NAME -- …` is `python -m harness NAME …`."""
    shutil.copytree(PROJECT / "submissions" / "_template", tmp_path / "submissions" / "_template")
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"}
    walked = []
    for command in of("docs/tutorial.md"):
        if command.words[:2] != ("nox", "-s") or "--" not in command.words or _not_now(command):
            continue
        verb, *rest = [word for word in command.words[2:] if word != "--"]
        cached = [] if verb in {"new", "compare"} else ["--cache", str(cache)]
        done = subprocess.run(
            [sys.executable, "-m", "harness", verb, *rest, *cached], cwd=tmp_path, env=environment, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        walked.append(verb)
    assert walked == ["new", "check", "evaluate", "compare", "evaluate"]
    assert (tmp_path / "reports" / "site" / "demo" / "index.html").is_file()


def _not_now(command: Command) -> bool:
    """What a page proposes for later stands in its last chapter."""
    text = (PROJECT / command.page).read_text().splitlines()
    return command.line > next(number for number, line in enumerate(text, start=1) if line == "## And then")


def test_pages_link_to_files_that_are_there() -> None:
    for page in ("README.md", "CONTRIBUTING.md", *(f"docs/{path.name}" for path in (PROJECT / "docs").glob("*.md"))):
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", (PROJECT / page).read_text()):
            if "://" not in target:
                assert ((PROJECT / page).parent / target).exists(), f"{page}: {target}"
