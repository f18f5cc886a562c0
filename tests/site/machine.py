"""What the tests of the pages need of the machine: found, or named in one sentence."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import pytest

HERE = Path(__file__).parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SECONDS_FOR_NPM = 300

REQUIRED = "SITE_TESTS_REQUIRED"
"""Where this is set, what is missing is a failure: `nox -s site-tests` sets it."""
BROWSER = "SITE_TESTS_CHROMIUM"
"""The path of another browser of Chromium's kind than the one on PATH."""
PACKAGES = "SITE_TESTS_NPM"
"""A folder to keep npm's packages in between runs; a temporary one where this is not set."""


def missing(what: str, remedy: str) -> NoReturn:
    """Skips the test with one sentence, or fails it where everything is required."""
    sentence = f"{what}: {remedy}"
    if os.environ.get(REQUIRED):
        pytest.fail(sentence, pytrace=False)
    pytest.skip(sentence)


def playwright() -> ModuleType:
    """Playwright's synchronous interface."""
    try:
        return importlib.import_module("playwright.sync_api")
    except ModuleNotFoundError:
        missing("Playwright is not installed", "run `nox -s site-tests`")


def chromium() -> str:
    """The path of the system's Chromium; none is ever downloaded."""
    named = os.environ.get(BROWSER)
    if named:
        return named if Path(named).is_file() else missing(f"{BROWSER}={named} is no file", "name a browser's program")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    return found or missing("No Chromium is on PATH", f"install Debian's package `chromium`, or set {BROWSER}")


def npm_packages(folder: Path) -> Path:
    """`node_modules` with the packages of package-lock.json, installed into `folder` unless they are there already."""
    lock = (HERE / "package-lock.json").read_bytes()
    installed = folder / "installed.json"
    if not (installed.is_file() and installed.read_bytes() == lock):
        _install(folder)
        installed.write_bytes(lock)
    return folder / "node_modules"


def _install(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(HERE / name, folder / name)
    options = ("--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund")
    run = subprocess.run(
        [npm(), "ci", *options], cwd=folder, capture_output=True, text=True, check=False, timeout=SECONDS_FOR_NPM
    )
    if run.returncode:
        why = next((line for line in run.stderr.splitlines() if "error" in line.lower()), "no reason given")
        missing(f"npm could not install axe-core and html-validate ({why})", "see that npm reaches its registry")


def npm() -> str:
    """The path of npm."""
    return shutil.which("npm") or missing("npm is not on PATH", "install Debian's packages `nodejs` and `npm`")


def node() -> str:
    """The path of node, which runs the HTML validator."""
    return shutil.which("node") or missing("node is not on PATH", "install Debian's package `nodejs`")
