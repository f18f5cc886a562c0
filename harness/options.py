"""What verbs of the command line take, and what was typed as the records that their lines are given."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Literal

from harness.evaluation import Places
from harness.plan import Choice
from harness.validated import parse_settings


def package_options(parser: argparse.ArgumentParser) -> None:
    entry_options(parser)
    data_options(parser)
    parser.add_argument("--split", nargs="+", action="extend", metavar="SPLIT", help="(default: all of the edition)")
    parser.add_argument("--evaluation", type=Path, metavar="DIR", help="the evaluation set (default: a rehearsal)")
    parser.add_argument("--report", type=Path, metavar="PDF", help="the technical report")
    parser.add_argument("--results", type=Path, default=Path("reports/results"), metavar="DIR")
    parser.add_argument("--out", type=Path, default=Path("reports/packages"), metavar="DIR")


def validate_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("package", type=Path, help="a zip, or the folder it is made of")
    parser.add_argument("--track", default="dcase2024-task1", help="whose edition it is for (default: %(default)s)")
    parser.add_argument("--evaluation", type=Path, metavar="DIR", help="the evaluation set: is every clip there?")
    parser.add_argument("--entry", type=Path, metavar="DIR", help="measure what the meta files declare")
    parser.add_argument(
        "--system", nargs="+", action="extend", default=[], metavar="NAME", help="systems of the entry, in order"
    )
    parser.add_argument("--inference", type=Path, metavar="DIR", help="the inference package; its code is run")
    parser.add_argument("--python", default=sys.executable, metavar="FILE", help="the interpreter that runs it")
    parser.add_argument("--cache", type=Path, default=Path(".cache"), metavar="DIR")
    parser.set_defaults(
        split=[], seed=[], set=[], preset=None, quick=False, device="cpu", data=None, splits=None,
        results=Path("reports/results"),
    )  # fmt: skip


def base_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--base", required=True, metavar="REF", help="the branch, tag or commit to compare with")


def regression_options(parser: argparse.ArgumentParser) -> None:
    base_option(parser)
    parser.add_argument("--head", metavar="REF", help="the other side (default: the files as they lie here)")
    parser.add_argument("--results", type=Path, default=Path("reports/results"), metavar="DIR")
    parser.add_argument(
        "--accept", nargs="+", action="extend", default=[], metavar="NAME", help="ENTRY or ENTRY/SYSTEM: meant so"
    )
    parser.add_argument(
        "--failed", nargs="+", action="extend", default=[], metavar="COMMAND", help="what failed before: 'check ENTRY'"
    )
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="the report for a pull request")
    parser.add_argument("--json", type=Path, metavar="FILE", help="the report for programs")


def pages_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--results", type=Path, default=Path("reports/results"), metavar="DIR")
    parser.add_argument("--out", type=Path, default=Path("reports/site"), metavar="DIR")


def entry_options(parser: argparse.ArgumentParser) -> None:
    _common_options(parser, track="demo")
    parser.add_argument(
        "--system", nargs="+", action="extend", default=[], metavar="NAME", help="systems (default: all but teachers)"
    )


def _common_options(parser: argparse.ArgumentParser, track: str | None) -> None:
    parser.add_argument("entry", type=Path, help="folder with submission.toml and submission.py")
    default = f"default: {track}" if track else "default: the study's"
    parser.add_argument("--track", default=track, help=f"name of a track, or path of its TOML file ({default})")
    parser.add_argument("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help="override a field")
    parser.add_argument("--preset", help="a preset of the entry (default: the track's)")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="default: cuda when there is one")
    parser.add_argument(
        "--cache", type=Path, default=Path(".cache"), metavar="DIR", help="packed data, finished stages"
    )
    parser.set_defaults(
        system=[], split=[], seed=[], quick=False, data=None, splits=None, results=Path("reports/results")
    )


def evaluate_options(parser: argparse.ArgumentParser) -> None:
    entry_options(parser)
    _run_options(parser)
    parser.add_argument(
        "--split", nargs="+", action="extend", metavar="SPLIT", help="training splits (default: the track's)"
    )
    parser.add_argument("--quick", action="store_true", help="the smallest split and one seed; not official, not timed")
    _no_timing(parser)


def bench_options(parser: argparse.ArgumentParser) -> None:
    entry_options(parser)
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of the data set")
    parser.add_argument("--splits", type=Path, metavar="DIR", help="folder of the split lists")
    parser.add_argument("--results", type=Path, default=Path("reports/results"), metavar="DIR")
    parser.add_argument("--untrained", action="store_true", help="do not look for trained weights")
    parser.add_argument("--sittings", type=_count, default=5, metavar="N", help="fresh processes, N times (default: 5)")
    parser.add_argument("--seconds", type=float, default=4.0, metavar="S", help="of rounds in a sitting (default: 4)")
    parser.add_argument("--compare", type=Path, metavar="REF", help="an earlier speed-….json, or a folder of results")


def analyse_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("analysis", help="correlation, svcca, robustness or attention")
    _common_options(parser, track="demo")
    parser.add_argument(
        "systems", nargs="+", metavar="SYSTEM", help="two or more of the entry; FOLDER:SYSTEM for one of another entry"
    )
    data_options(parser)
    parser.add_argument("--split", nargs="+", action="extend", metavar="SPLIT", help="training splits to look at")
    parser.add_argument("--results", type=Path, default=Path("reports/results"), metavar="DIR")
    parser.add_argument(
        "--out", type=Path, default=Path("reports/analyses"), metavar="DIR", help="where tables and figures are written"
    )


def export_options(parser: argparse.ArgumentParser) -> None:
    _common_options(parser, track="demo")
    parser.add_argument("name", metavar="SYSTEM", help="a system of the entry")
    data_options(parser)
    parser.add_argument("--split", nargs="+", action="extend", metavar="SPLIT", help="the training split")
    parser.add_argument("--results", type=Path, default=Path("reports/results"), metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="where it is written: ….safetensors")


def _count(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError("give a whole number of 1 or more")
    return number


def study_options(parser: argparse.ArgumentParser) -> None:
    _common_options(parser, track=None)
    parser.add_argument("name", nargs="?", help="name of the study; without it the entry's studies are listed")
    _run_options(parser)
    _no_timing(parser)


def _no_timing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--no-timing", action="store_true", help="leave the speed of the systems for `bench`")


def data_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of the data set")
    parser.add_argument("--splits", type=Path, metavar="DIR", help="folder of the split lists")
    parser.add_argument("--seed", nargs="+", action="extend", type=int, metavar="N", help="seeds (default: as given)")


def _run_options(parser: argparse.ArgumentParser) -> None:
    data_options(parser)
    parser.add_argument("--dry-run", action="store_true", help="draw the plan, train nothing")
    parser.add_argument("--results", type=Path, metavar="DIR", help="where results are kept (reports/results)")
    parser.add_argument("--out", type=Path, default=Path("reports/site"), metavar="DIR", help="where pages are written")


def choice_of(options: argparse.Namespace) -> Choice:
    return Choice(
        systems=tuple(options.system),
        splits=tuple(options.split),
        seeds=tuple(options.seed),
        settings=parse_settings(options.set),
        preset=options.preset,
        quick=options.quick,
        device=options.device or default_device(),
    )


def default_device() -> Literal["cpu", "cuda"]:
    """`cuda` where the driver shows a device; torch is not imported to find out."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in {"", "-1"}
    driver = any(Path(sign).exists() for sign in ("/proc/driver/nvidia/gpus", "/dev/nvidia0"))
    return "cuda" if driver and not hidden else "cpu"


def places_of(options: argparse.Namespace) -> Places:
    return Places(
        data=options.data,
        lists=options.splits,
        results=options.results.resolve(),
        cache=options.cache.resolve(),
        typed_in=Path.cwd(),
    )
