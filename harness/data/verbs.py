"""`python -m harness data …`: what is done with data before anything is trained on it. One short function a verb."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from harness import tracks
from harness.console import Reporter, show_table
from harness.data import (
    dataset_of,
    downloading,
    downloads,
    packing,
    store,
    test_clips,
    track_file,
    verification,
)
from harness.data.dataset import Dataset
from harness.data.packing import Packing
from harness.data.splitting import Wishes
from harness.data.track_file import Heading
from harness.data.verification import Check, Digests, Report
from harness.files import require_writable, write_bytes
from harness.outcomes import Mistake
from harness.tracks import Track

SHOWN_FAULTS = 5
"""Of each check, on the terminal; the report has them all."""

RATES = (32000,)


def verify(options: argparse.Namespace, reporter: Reporter) -> bool:
    """Lists, names, counts, files and leaks of a data folder: everything that is wrong with it."""
    track, track_folder = tracks.load(options.track)
    if options.lists_only and (options.digests or options.write_digests):
        raise Mistake("data.digests", "Digests are of audio files.", "Leave out --lists-only.")
    folder = dataset_of.folder(track, track_folder, options.data, options.cache, reporter)
    target = options.report or options.cache / "reports" / f"verify-{track.name}.json"
    for file in filter(None, (target, options.write_digests)):
        _require_file(file)
    listening = None if options.lists_only else reporter.step
    places = dataset_of.list_folders(options.splits, track_folder)
    digests = Digests(compared=options.digests, written=options.write_digests)
    report = verification.verify(folder, track, places, listening, digests=digests)
    write_bytes(target, report.model_dump_json(indent=1).encode())
    show_table([_row(check) for check in report.checks], ("check", "looked at", "result"))
    _tell(report, target, reporter)
    return report.sound


def _require_file(file: Path) -> None:
    """Before any work that would be lost: a place where a file can be written."""
    if file.is_dir():
        raise Mistake("data.output", f"{file} is a folder.", "Give the name of a file.")
    require_writable(file.parent, "The folder of the report")


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
    splits = tracks.chosen_splits(track, options.split) or tuple(track.splits) or (tracks.NO_SPLIT,)
    for rate in options.rate:
        telling = partial(reporter.step, f"packing waveforms at {rate:,} Hz")
        folders = [
            folder for split in splits for folder in _packed(dataset, split, rate, track, options.cache, telling)
        ]
        reporter.say(f"packed at {rate:,} Hz: {', '.join(map(str, dict.fromkeys(folders)))}")
    return True


def _packed(dataset: Dataset, split: str, rate: int, track: Track, cache: Path, telling: Packing) -> tuple[Path, Path]:
    """The folders of the stores that hold, from now on, what a training on a split gets, and its test clips."""
    test = dataset.test_of(split)
    training = store.layout(dataset, test, rate, track.clip_seconds, "int16", cache)
    if split in dataset.splits:
        packing.pack(training, dataset, dataset.learned_from(dataset.splits[split]), telling)
    tested = test_clips.shuffled(dataset, test, rate, track.clip_seconds, cache)
    tested.pack(telling)
    return training.folder, tested.place.folder


def download(options: argparse.Namespace, reporter: Reporter) -> bool:
    """What may be downloaded: fetched, verified, unpacked; goes on where it stopped."""
    if options.name is None:
        show_table([(name, downloads.load(name).title) for name in downloads.names()], ("name", "what it is"))
        return True
    record = downloads.load(options.name)
    reporter.say(f"{record.title}. Licence: {record.licence}")
    found = downloading.download(
        record, options.into, step=reporter.step, mirror=options.mirror, keep_archives=options.keep_archives
    )
    fetched = f"{len(found.fetched)} files fetched ({found.bytes / 1e6:,.1f} MB), {len(found.present)} there before"
    reporter.say(f"{found.folder}: {fetched}")
    return True


def simulate_devices(options: argparse.Namespace, reporter: Reporter) -> bool:
    """The TAU layout with simulated devices, from any labelled set of one device."""
    from harness.data import simulation  # noqa: PLC0415 - signal processing that no other verb needs

    made = simulation.simulate(
        options.source,
        options.responses,
        options.out,
        partial(reporter.step, "simulating devices"),
        seen=options.seen,
        unseen=options.unseen,
        seed=options.seed,
        clip_seconds=options.clip_seconds,
        sample_rate=options.sample_rate,
        labels=options.labels,
        source_device=options.source_device,
    )
    left_out = f"left out: {made.silent} silent clips, {made.ends} ends of recordings, {made.short} short recordings"
    reporter.say(
        f"{options.out}: {made.clips:,} clips of {made.recordings:,} recordings at {made.locations:,} locations, "
        f"each by {', '.join(made.devices)}; {left_out}"
    )
    return True


def make_splits(options: argparse.Namespace, reporter: Reporter) -> bool:
    """Nested training lists and a test list by the official rules, and the track that uses them."""
    wishes = Wishes(
        unseen=tuple(options.unseen),
        main_device=options.main_device,
        test_share=options.test_share,
        main_share=options.main_share,
        shares=tuple(options.shares),
        seed=options.seed,
    )
    heading = Heading(
        name=options.name,
        title=options.title,
        edition=options.edition,
        preset=options.preset,
        clip_seconds=options.clip_seconds,
        seeds=tuple(options.seeds),
    )
    made = track_file.make(
        options.data, wishes, heading, path=options.track, with_data=options.track is None, overwrite=options.overwrite
    )
    devices = made.plan.devices
    rows = [
        (name, sum(counts.values()), *(counts[device] for device in devices))
        for name, counts in made.plan.by_device.items()
    ]
    show_table(rows, ("list", "clips", *devices))
    reporter.say(f"track: {made.path}; next: python -m harness data verify --data {options.data} --track {made.path}")
    return True


def add(parser: argparse.ArgumentParser) -> None:
    """The verbs and their options."""
    verbs = parser.add_subparsers(required=True, metavar="WHAT")
    _verify_options(_verb(verbs, "verify", verify))
    _pack_options(_verb(verbs, "pack", pack))
    _download_options(_verb(verbs, "download", download))
    _simulation_options(_verb(verbs, "simulate-devices", simulate_devices))
    _split_options(_verb(verbs, "make-splits", make_splits))


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
    rate = int(text) if text.isdecimal() else 0
    if rate <= 0:
        raise argparse.ArgumentTypeError("a sample rate is a number of samples a second, such as 32000")
    return rate


def _verify_options(parser: argparse.ArgumentParser) -> None:
    _data_options(parser)
    parser.add_argument("--lists-only", action="store_true", help="names and lists; no audio file is opened")
    parser.add_argument("--digests", type=Path, metavar="FILE", help="compare every file with these digests")
    parser.add_argument("--write-digests", type=Path, metavar="FILE", help="write them, as b2sum -l 128 does")
    parser.add_argument("--report", type=Path, metavar="FILE", help="where the report is written (default: the cache)")


def _pack_options(parser: argparse.ArgumentParser) -> None:
    _data_options(parser)
    parser.add_argument(
        "--rate", nargs="+", type=_rate, default=list(RATES), metavar="HZ", help="sample rates (default: 32000)"
    )
    parser.add_argument(
        "--split", nargs="+", action="extend", default=[], metavar="SPLIT", help="training splits (default: all)"
    )


def _download_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", help="what to download (without it: what there is)")
    parser.add_argument("--into", type=Path, default=Path("data"), metavar="DIR", help="data folder (default: data)")
    parser.add_argument("--mirror", metavar="URL", help="a place that has the same files by their names")
    parser.add_argument("--keep-archives", action="store_true", help="do not remove what was unpacked")


def _simulation_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", type=Path, required=True, dest="source", metavar="DIR", help="TAU or ESC layout")
    parser.add_argument("--responses", type=Path, required=True, metavar="DIR", help="impulse responses (*.wav)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to make")
    parser.add_argument("--seen", type=int, default=6, metavar="N", help="devices for training and test (default: 6)")
    parser.add_argument("--unseen", type=int, default=3, metavar="N", help="devices for the test only (default: 3)")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--labels", nargs="+", metavar="LABEL", help="classes to keep (default: all)")
    parser.add_argument("--clip-seconds", type=float, default=1.0, metavar="S", help="length of a clip (default: 1)")
    parser.add_argument("--sample-rate", type=int, metavar="HZ", help="rate of what is made (default: the source's)")
    parser.add_argument("--source-device", metavar="DEVICE", help="which device of the source to take, if it has many")


def _split_options(parser: argparse.ArgumentParser) -> None:
    wishes, heading = Wishes(), Heading(name="x")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder in the TAU layout")
    parser.add_argument("--name", required=True, help="name of the track: small letters, digits and -")
    parser.add_argument("--title", help="what pages call it (default: its name)")
    parser.add_argument("--unseen", nargs="+", default=[], metavar="DEVICE", help="devices for the test list only")
    parser.add_argument("--main-device", metavar="DEVICE", help="the device most training clips are from, such as a")
    parser.add_argument("--main-share", type=float, default=wishes.main_share, help="its share (default: 0.73, as TAU)")
    parser.add_argument("--test-share", type=float, default=wishes.test_share, help="of each scene (default: 0.3)")
    parser.add_argument("--shares", type=int, nargs="+", default=list(wishes.shares), metavar="PERCENT")
    parser.add_argument("--seed", type=int, default=wishes.seed, metavar="N", help="what is drawn (default: 0)")
    parser.add_argument("--clip-seconds", type=float, default=1.0, metavar="S", help="length of a clip (default: 1)")
    parser.add_argument("--edition", help="whose complexity limits hold, such as dcase2024 (default: none)")
    parser.add_argument("--preset", help="the preset of entries that the track asks for")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(heading.seeds), metavar="N", help="of its systems")
    parser.add_argument("--track", type=Path, metavar="FILE", help="where its TOML goes (default: the data folder)")
    parser.add_argument("--overwrite", action="store_true", help="replace lists that differ")
