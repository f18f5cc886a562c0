"""`python -m harness data …`: what is done with data before anything is trained on it. One short function a verb."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from harness import tracks
from harness.console import Reporter, show_table
from harness.data import dataset_of, packing, store, test_clips, verification
from harness.data.verification import Check, Digests, Report
from harness.files import require_writable, write_bytes

SHOWN_FAULTS = 5
"""Of each check, on the terminal; the report has them all."""

RATES = (32000,)


def verify(options: argparse.Namespace, reporter: Reporter) -> bool:
    """Lists, names, counts, files and leaks of a data folder: everything that is wrong with it."""
    track, track_folder = tracks.load(options.track)
    folder = dataset_of.folder(track, track_folder, options.data, options.cache, reporter)
    target = options.report or options.cache / "reports" / f"verify-{track.name}.json"
    require_writable(target.parent, "The folder of the report")
    listening = None if options.lists_only else partial(reporter.step, "checking audio files")
    places = dataset_of.list_folders(options.splits, track_folder)
    digests = Digests(compared=options.digests, written=options.write_digests)
    report = verification.verify(folder, track, places, listening, digests=digests)
    write_bytes(target, report.model_dump_json(indent=1).encode())
    show_table([_row(check) for check in report.checks], ("check", "looked at", "result"))
    _tell(report, target, reporter)
    return report.sound


def _row(check: Check) -> tuple[str, str, str]:
    return check.name, f"{check.looked_at:,} {check.unit}", check.verdict


def _tell(report: Report, target: Path, reporter: Reporter) -> None:
    for note in report.notes:
        reporter.say(f"note: {note}")
    for check in report.checks:
        for fault in check.faults[:SHOWN_FAULTS]:
            reporter.say(f"{check.name}: {fault.sentence}")
        if len(check.faults) > SHOWN_FAULTS:
            reporter.say(f"{check.name}: … and {len(check.faults) - SHOWN_FAULTS:,} more, all of them in the report")
    count = len(report.faults)
    verdict = "sound" if report.sound else f"{count:,} fault{'s' if count > 1 else ''}"
    reporter.say(f"verdict: {verdict}; report: {target}")


def pack(options: argparse.Namespace, reporter: Reporter) -> bool:
    """The waveform store ahead of time, at the rates that systems ask for."""
    track, track_folder = tracks.load(options.track)
    require_writable(options.cache, "The cache folder")
    dataset = dataset_of.read(track, track_folder, options.data, options.splits, options.cache, reporter)
    splits = tracks.chosen_splits(track, options.split) or tuple(track.splits)
    for rate in options.rate:
        telling = partial(reporter.step, f"packing waveforms at {rate:,} Hz")
        training = store.layout(dataset, rate, track.clip_seconds, "int16", options.cache)
        for split in splits:
            packing.pack(training, dataset, dataset.splits[split], telling)
        tested = test_clips.shuffled(dataset, rate, track.clip_seconds, options.cache)
        tested.pack(telling)
        reporter.say(f"packed at {rate:,} Hz: {training.folder}, {tested.place.folder}")
    return True


def add(parser: argparse.ArgumentParser) -> None:
    """The verbs and their options."""
    verbs = parser.add_subparsers(required=True, metavar="WHAT")
    checking = _verb(verbs, "verify", verify)
    _data_options(checking)
    checking.add_argument("--lists-only", action="store_true", help="names and lists; no audio file is opened")
    checking.add_argument("--digests", type=Path, metavar="FILE", help="compare every file with these digests")
    checking.add_argument("--write-digests", type=Path, metavar="FILE", help="write them, as b2sum -l 128 does")
    checking.add_argument(
        "--report", type=Path, metavar="FILE", help="where the report is written (default: the cache)"
    )
    ahead = _verb(verbs, "pack", pack)
    _data_options(ahead)
    ahead.add_argument(
        "--rate", nargs="+", type=_rate, default=list(RATES), metavar="HZ", help="sample rates (default: 32000)"
    )
    ahead.add_argument("--split", nargs="+", default=[], metavar="SPLIT", help="training splits (default: all)")


def _verb(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, function: object
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=function.__doc__, description=function.__doc__)
    parser.set_defaults(verb=function)
    return parser


def _data_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of the data set")
    parser.add_argument("--track", default="dcase2024-task1", help="name of a track, or path of its TOML file")
    parser.add_argument("--splits", type=Path, metavar="DIR", help="folder of the split lists")
    parser.add_argument("--cache", type=Path, default=Path(".cache"), metavar="DIR", help="packed data, reports")


def _rate(text: str) -> int:
    rate = int(text)
    if rate <= 0:
        raise argparse.ArgumentTypeError("a sample rate is a number of samples a second, such as 32000")
    return rate
