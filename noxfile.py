"""Sessions: each is an install and one line of `python -m harness …`, pytest, ruff or mypy."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.2"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["lint", "types", "tests"]

SITE_PROGRAMS = {"chromium": "chromium", "node": "nodejs", "npm": "npm"}
"""Programs that the site's tests need, and Debian's packages of them."""

CLOCKS = "tests/harness/throughput"
"""Tests that take times: nothing else may run beside them."""

PYPROJECT = nox.project.load_toml("pyproject.toml")


def install(session: nox.Session, *groups: str) -> None:
    """The project as it lies here, with the dependency groups of pyproject.toml, compiled.

    Every stage is a process of its own, and libraries that only entries import are never compiled on the way: seconds a
    stage where the installer (uv) leaves that to the first import.
    """
    packages = nox.project.dependency_groups(PYPROJECT, *groups)
    session.install("-e", ".", *packages, env={"UV_COMPILE_BYTECODE": "1"})


@nox.session
def evaluate(session: nox.Session) -> None:
    """Check, train, predict, score and publish: nox -s evaluate -- ENTRY [--track T --data DIR ...]."""
    install(session)
    session.run("python", "-m", "harness", "evaluate", *session.posargs)


@nox.session
def study(session: nox.Session) -> None:
    """A paper's table, measured beside printed: nox -s study -- ENTRY [NAME] [--dry-run]."""
    install(session)
    session.run("python", "-m", "harness", "study", *session.posargs)


@nox.session
def check(session: nox.Session) -> None:
    """Contract and limits, in seconds, nothing trained: nox -s check -- ENTRY."""
    install(session)
    session.run("python", "-m", "harness", "check", *session.posargs)


@nox.session
def data(session: nox.Session) -> None:
    """Verify, pack, download, make and split data: nox -s data -- verify --data DIR."""
    install(session)
    session.run("python", "-m", "harness", "data", *session.posargs)


@nox.session
def new(session: nox.Session) -> None:
    """A working folder to start from: nox -s new -- NAME."""
    install(session)
    session.run("python", "-m", "harness", "new", *session.posargs)


@nox.session
def leaderboard(session: nox.Session) -> None:
    """Pages from reports/results: nox -s leaderboard."""
    install(session)
    session.run("python", "-m", "harness", "leaderboard", *session.posargs)


@nox.session
def compare(session: nox.Session) -> None:
    """Two systems on the same clips: nox -s compare -- ENTRY/SYSTEM ENTRY/SYSTEM [--track T]."""
    install(session)
    session.run("python", "-m", "harness", "compare", *session.posargs)


@nox.session
def export(session: nox.Session) -> None:
    """The weights of a trained system as a file: nox -s export -- ENTRY SYSTEM --out FILE.safetensors [--track T]."""
    install(session)
    session.run("python", "-m", "harness", "export", *session.posargs)


@nox.session
def analyse(session: nox.Session) -> None:
    """How alike trained systems are and what they stand: nox -s analyse -- svcca ENTRY SYSTEM SYSTEM [--track T]."""
    install(session)
    session.run("python", "-m", "harness", "analyse", *session.posargs)


@nox.session
def package(session: nox.Session) -> None:
    """What DCASE takes for a challenge: nox -s package -- ENTRY --track T --data DIR [--evaluation DIR]."""
    install(session)
    session.run("python", "-m", "harness", "package", *session.posargs)


@nox.session
def validate(session: nox.Session) -> None:
    """What is wrong with anybody's challenge package: nox -s validate -- PACKAGE --track T."""
    install(session)
    session.run("python", "-m", "harness", "validate", *session.posargs)


@nox.session
def regression(session: nox.Session) -> None:
    """What a change does to results that are there: nox -s regression -- --base REF."""
    install(session)
    session.run("python", "-m", "harness", "regression", *session.posargs)


@nox.session(name="pull-request")
def pull_request(session: nox.Session) -> None:
    """What CI does with a pull request: check and evaluate what it touches, then compare: -- --base REF [...]."""
    if "--base" not in session.posargs[:-1]:
        session.error("Say what to compare with: nox -s pull-request -- --base main")
    install(session)
    base = session.posargs[session.posargs.index("--base") + 1]
    found = str(session.run("python", "-m", "harness", "changed", "--base", base, silent=True, stderr=None))
    touched = [line.rsplit(maxsplit=1) for line in found.splitlines()]
    failed = [f"{verb} {one[0]}" for one in touched for verb in ("check", "evaluate") if not _runs(session, verb, *one)]
    session.run("python", "-m", "harness", "regression", *session.posargs, *(["--failed", *failed] if failed else []))


def _runs(session: nox.Session, verb: str, entry: str, track: str) -> bool:
    """Whether a command on an entry ends well; a failure is kept for the end, so that the comparison is still made."""
    quick = ("--quick",) if verb == "evaluate" else ()
    try:
        session.run("python", "-m", "harness", verb, entry, "--track", track, *quick)
    except nox.command.CommandFailed:
        return False
    return True


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation as pages, into reports/docs; any broken link ends it."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "docs"))
    session.run("zensical", "build", "--strict")


@nox.session
def tests(session: nox.Session) -> None:
    """Every test, two at a time, and those of clocks by themselves: nox -s tests [-- pytest options]."""
    install(session, "tests")
    if session.posargs:
        session.run("pytest", "--ignore=tests/site", *session.posargs)
        return
    two = ("-n", "2", "--dist", "worksteal")
    session.run("pytest", *two, "--ignore=tests/site", f"--ignore={CLOCKS}", env={"OMP_NUM_THREADS": "1"})
    session.run("pytest", CLOCKS)


@nox.session(name="site-tests")
def site_tests(session: nox.Session) -> None:
    """The pages in a real browser, with axe and an HTML validator: nox -s site-tests [-- pytest options]."""
    lacking = [package for program, package in SITE_PROGRAMS.items() if not shutil.which(program)]
    if lacking:
        _install_from_debian(session, lacking)
    install(session, "tests", "site")
    packages = Path(session.create_tmp()) / "npm"
    required = {"SITE_TESTS_REQUIRED": "1", "SITE_TESTS_NPM": str(packages)}
    session.run("pytest", "tests/site", *session.posargs, env=required)


@nox.session
def screenshots(session: nox.Session) -> None:
    """Pictures of each kind of page for docs/pages, from reports/results."""
    install(session, "tests", "site")
    session.run("python", "-m", "tests.site.screenshots", "reports/results", "docs/pages")


def _install_from_debian(session: nox.Session, packages: list[str]) -> None:
    """Installs with apt-get where that is possible; otherwise the session says what to install and ends."""
    if not shutil.which("apt-get") or os.geteuid() != 0:
        session.error(f"The site tests need {', '.join(packages)}. Install them, or run this as root on Debian.")
    session.run("apt-get", "update", "-q", external=True)
    session.run("apt-get", "install", "-yq", "--no-install-recommends", *packages, external=True)


@nox.session
def bench(session: nox.Session) -> None:
    """How fast an entry's systems are beside the official baseline: nox -s bench -- ENTRY [--compare REF]."""
    install(session)
    session.run("python", "-m", "harness", "bench", *session.posargs)


@nox.session
def benchmarks(session: nox.Session) -> None:
    """This project's own speed, alone on the machine: nox -s benchmarks [-- pytest options]."""
    install(session, "tests")
    Path("reports/benchmarks").mkdir(parents=True, exist_ok=True)
    session.run(
        "pytest", "tests/benchmarks", "-o", "python_files=bench_*.py", "-o", "addopts=", "--benchmark-only",
        "--benchmark-json=reports/benchmarks/latest.json", *session.posargs,
    )  # fmt: skip


@nox.session
def lint(session: nox.Session) -> None:
    """Style: ruff."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    workflows = sorted(str(path) for path in Path(".github/workflows").glob("*.yml"))
    session.run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows)


@nox.session
def types(session: nox.Session) -> None:
    """Types: mypy --strict."""
    install(session, "types")
    session.run("mypy")
