"""The command line: `python -m harness VERB …`, installed as `dcase-bench VERB …`. One short function a verb."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

from harness import evaluation, scaffold, tables, tracks
from harness.console import Reporter, show_table
from harness.data import verbs as data_verbs
from harness.evaluation import Hands, Places
from harness.files import disk_mistake, write_bytes
from harness.nursery import Nursery
from harness.outcomes import Mistake
from harness.plan import Choice
from harness.studies import running
from harness.studies import table as studies
from harness.validated import parse_settings

INTERRUPTED = 130
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
DATA = "Verify, pack, download, make and split data."
EPILOG = "The same command, run again, does only what is missing."


class Status(int):
    """An exit status that says more than whether all went well."""


Verb = Callable[[argparse.Namespace, Reporter], bool | Status]


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one verb and exits: 0 all is well, 1 a cell, a check or an input failed, 2 wrong usage, 130 interrupted.

    `regression` has statuses of its own.
    """
    options = _parser().parse_args(arguments)
    reporter = Reporter()
    verb: Verb = options.verb
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a scheduler's word counts as Ctrl-C
    try:
        answer = verb(options, reporter)
        sys.exit(answer if isinstance(answer, Status) else 0 if answer else 1)
    except Mistake as mistake:
        reporter.say(f"error: {mistake}")
        sys.exit(1)
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            raise
        reporter.say(f"error: {disk_mistake(error, str(error.filename or 'A file'))}")
        sys.exit(1)
    except KeyboardInterrupt:
        reporter.say("interrupted: finished stages are kept; run the same command again to go on")
        sys.exit(INTERRUPTED)


def evaluate(options: argparse.Namespace, reporter: Reporter) -> bool:
    """Check, train, predict, score, publish."""
    from leaderboard import site  # noqa: PLC0415 - only the verbs that write pages need it

    places = _places(options)
    with Nursery() as nursery:
        hands = Hands(nursery, reporter)
        fine = evaluation.evaluate(
            options.entry, options.track, _choice(options), places, hands, dry_run=options.dry_run
        )
        if not (options.dry_run or options.quick or options.no_timing):
            fine = _timed(options.entry, places, hands, options.track, _choice(options)) and fine
    if not options.dry_run:
        report = site.build([places.results], options.out)
        name = tracks.load(options.track)[0].name
        reporter.say(f"page: {report.tracks.get(name, report.index)}")
    return fine


def _timed(entry: Path, places: Places, hands: Hands, track: str, choice: Choice) -> bool:
    """A first look at the speed of what was evaluated."""
    from harness.throughput import bench as throughput  # noqa: PLC0415 - pytest, which few commands need
    from harness.throughput.timing import Effort  # noqa: PLC0415

    asked = throughput.Asked(entry, track, choice, places)
    return throughput.after_evaluation(asked, hands, Effort(sittings=3, seconds=1.5))


def study(options: argparse.Namespace, reporter: Reporter) -> bool:
    """A paper's table, run again: measured beside printed. Without a name: the entry's studies."""
    from leaderboard import printed, site  # noqa: PLC0415 - only the verbs that show printed numbers need it

    read = studies.reader(options.entry)
    if options.name is None:
        show_table(studies.listed(read), tables.STUDIES)
        return True
    chosen = studies.load(read, options.name)
    places = _places(options)
    with Nursery() as nursery:
        hands = Hands(nursery, reporter)
        timing = None if options.no_timing else partial(_timed, options.entry, places, hands)
        fine = running.run(
            read, chosen, printed.paper(chosen.paper), options.track, _choice(options), places, hands,
            dry_run=options.dry_run, timing=timing,
        )  # fmt: skip
    if not options.dry_run:
        report = site.build([places.results], options.out)
        page = report.index.parent / "studies" / f"{read.name}-{options.name}.html"
        reporter.say(f"page: {page if page.is_file() else report.index}")
    return fine


def check(options: argparse.Namespace, reporter: Reporter) -> bool:
    """Contract and limits, nothing trained: what a system costs, and the suite of the contract's rules."""
    from harness import suite  # noqa: PLC0415 - few commands need it

    with Nursery() as nursery:
        hands = Hands(nursery, reporter)
        systems = evaluation.checks(options.entry, options.track, _choice(options), _places(options), hands)
    return suite.run(systems)


def bench(options: argparse.Namespace, reporter: Reporter) -> bool:
    """How fast systems are beside the official baseline, by a clock that they cannot reach."""
    from harness.throughput import bench as throughput  # noqa: PLC0415 - pytest, which few commands need
    from harness.throughput.timing import Effort  # noqa: PLC0415

    asked = throughput.Asked(options.entry, options.track, _choice(options), _places(options))
    effort = Effort(sittings=options.sittings, seconds=options.seconds)
    with Nursery() as nursery:
        hands = Hands(nursery, reporter)
        return throughput.bench(asked, hands, effort, untrained=options.untrained, compare=options.compare)


def new(options: argparse.Namespace, reporter: Reporter) -> bool:
    """A working folder to start from."""
    folder = scaffold.new(options.name, options.into)
    reporter.say(f"made {folder}; next: nox -s check -- {folder}")
    return True


def leaderboard(options: argparse.Namespace, reporter: Reporter) -> bool:
    """Pages from results."""
    from leaderboard import site  # noqa: PLC0415

    for folder in options.also:
        if not folder.is_dir():
            raise Mistake("results.folder", f"{folder} is not a folder.", "Give a folder of results with --also.")
    report = site.build([options.results, *options.also], options.out)
    for damaged in report.damaged:
        reporter.say(f"error: {damaged.path} {damaged.why}. Remove it or write it again.")
    reporter.say(f"page: {report.index}")
    return not report.damaged


def compare(options: argparse.Namespace, reporter: Reporter) -> bool:
    """Two systems on the same clips: paired differences with intervals, and a page that stays."""
    from leaderboard import site  # noqa: PLC0415

    found = site.compare(options.one, options.other, options.track, options.results)
    sys.stdout.write(f"{found.title}\n")
    for lines, headers in found.as_text():
        show_table(lines, headers, sys.stdout)
    site.build([options.results], options.out)
    reporter.say(f"{found.lead[0]}\npage: {options.out / found.path}")
    return True


def analyse(options: argparse.Namespace, reporter: Reporter) -> bool:
    """What trained systems have in common and what they stand: a table and a figure."""
    from harness.analysing import running as analysing  # noqa: PLC0415 - few commands need it
    from leaderboard import analyses  # noqa: PLC0415

    asked = analysing.Asked(
        options.analysis, options.entry, tuple(options.systems), options.track, _choice(options), _places(options)
    )
    with Nursery() as nursery:
        found = analysing.analyse(asked, Hands(nursery, reporter))
    show_table(*analyses.as_text(found))
    for path in analyses.write(found, options.out):
        reporter.say(f"written: {path}")
    return True


def export(options: argparse.Namespace, reporter: Reporter) -> bool:
    """The weights of a trained system as a file."""
    from harness import exporting  # noqa: PLC0415 - few commands need it

    with Nursery() as nursery:
        hands = Hands(nursery, reporter)
        exporting.export(
            options.entry, options.name, options.track, _choice(options), _places(options), options.out, hands
        )
    reporter.say(f"written: {options.out}")
    return True


def regression(options: argparse.Namespace, reporter: Reporter) -> Status:
    """What a change does to results that are there: 0 fine, 1 a regression, 2 could not compare."""
    from harness.regression import running as comparing  # noqa: PLC0415 - few commands need git
    from harness.regression import shown  # noqa: PLC0415

    try:
        asked = comparing.Asked(
            options.base, options.results, options.head, tuple(options.accept), tuple(options.failed)
        )
        report = comparing.compare(asked)
    except Mistake as mistake:
        reporter.say(f"error: could not compare: {mistake}")
        return Status(2)
    if report.findings:
        show_table(*shown.rows(report), sys.stdout)
    if options.json:
        write_bytes(options.json, (report.model_dump_json(indent=1) + "\n").encode())
    if options.markdown:
        command = f"nox -s regression -- --base {options.base}"
        write_bytes(options.markdown, shown.markdown(report, command).encode())
    sys.stdout.write(f"{report.base} → {report.head}: {report.sentence}\n")
    return Status(report.status)


def changed(options: argparse.Namespace, reporter: Reporter) -> bool:
    """Folders of the entries that a change touches, each with the track to try it on without data."""
    from harness.regression import changed as touched  # noqa: PLC0415 - few commands need git

    del reporter
    for folder in touched.entries(options.base, Path.cwd()):
        sys.stdout.write(f"{folder.as_posix()} {touched.demo_track(folder)}\n")
    return True


def package(options: argparse.Namespace, reporter: Reporter) -> bool:
    """What DCASE takes for a challenge: outputs, meta files, a zip; the inference package of 2025."""
    from harness.packages import writing  # noqa: PLC0415 - few commands need it

    asked = writing.Asked(
        options.entry, options.track, _choice(options), _places(options), options.out, options.evaluation,
        options.report,
    )  # fmt: skip
    with Nursery() as nursery:
        written = writing.package(asked, Hands(nursery, reporter))
    for fault in written.faults:
        reporter.say(str(fault))
    if options.evaluation is None:
        reporter.say("rehearsal: its rows are of the development test clips; give --evaluation DIR for the real thing")
    for path in filter(None, (written.archive, written.inference)):
        reporter.say(f"written: {path}")
    return not any(fault.severity == "error" for fault in written.faults)


def validate(options: argparse.Namespace, reporter: Reporter) -> bool:
    """Everything that is wrong with anybody's challenge package, by file, line and key."""
    from harness.packages import judging  # noqa: PLC0415 - few commands need it

    asked = judging.Asked(
        options.package, options.track, _choice(options), _places(options), options.evaluation, options.entry,
        options.inference, options.python,
    )  # fmt: skip
    with Nursery() as nursery:
        faults = judging.judge(asked, Hands(nursery, reporter))
    for fault in faults:
        sys.stdout.write(f"{fault}\n")
    errors = sum(fault.severity == "error" for fault in faults)
    sys.stdout.write(f"{options.package}: {f'refused: {errors} errors' if errors else 'valid'}\n")
    return not errors


def rules(options: argparse.Namespace, reporter: Reporter) -> bool:
    """The rules, as Markdown on standard output."""
    from harness.rules import page  # noqa: PLC0415

    del options, reporter
    sys.stdout.write(page.page())
    return True


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dcase-bench", description="A referee for acoustic scene classification.")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    _evaluate_options(_verb(verbs, "evaluate", evaluate))
    _study_options(_verb(verbs, "study", study))
    _entry_options(_verb(verbs, "check", check))
    _bench_options(_verb(verbs, "bench", bench))
    _analyse_options(_verb(verbs, "analyse", analyse))
    _export_options(_verb(verbs, "export", export))
    data_verbs.add(verbs.add_parser("data", help=DATA, description=DATA, epilog=EPILOG))
    making = _verb(verbs, "new", new)
    making.add_argument("name", help="name of the new entry: letters, digits, - and _")
    making.add_argument("--into", type=Path, default=Path("submissions"), metavar="DIR")
    _package_options(_verb(verbs, "package", package))
    _validate_options(_verb(verbs, "validate", validate))
    _regression_options(_verb(verbs, "regression", regression))
    _base_option(_verb(verbs, "changed", changed))
    _verb(verbs, "rules", rules)
    pages = _verb(verbs, "leaderboard", leaderboard)
    _pages_options(pages)
    pages.add_argument(
        "--also", type=Path, action="append", default=[], metavar="DIR", help="more results, of your own"
    )
    two = _verb(verbs, "compare", compare)
    for name in ("one", "other"):
        two.add_argument(name, help="a system as the board has it: ENTRY/SYSTEM, or the name of its page")
    two.add_argument("--track", help="name of the track (default: the one that both have results on)")
    _pages_options(two)
    return parser


def _package_options(parser: argparse.ArgumentParser) -> None:
    _entry_options(parser)
    _data_options(parser)
    parser.add_argument("--split", nargs="+", action="extend", metavar="SPLIT", help="(default: all of the edition)")
    parser.add_argument("--evaluation", type=Path, metavar="DIR", help="the evaluation set (default: a rehearsal)")
    parser.add_argument("--report", type=Path, metavar="PDF", help="the technical report")
    parser.add_argument("--results", type=Path, default=Path("reports/results"), metavar="DIR")
    parser.add_argument("--out", type=Path, default=Path("reports/packages"), metavar="DIR")


def _validate_options(parser: argparse.ArgumentParser) -> None:
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


def _base_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--base", required=True, metavar="REF", help="the branch, tag or commit to compare with")


def _regression_options(parser: argparse.ArgumentParser) -> None:
    _base_option(parser)
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


def _pages_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--results", type=Path, default=Path("reports/results"), metavar="DIR")
    parser.add_argument("--out", type=Path, default=Path("reports/site"), metavar="DIR")


def _verb(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    function: Verb,
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=function.__doc__, description=function.__doc__, epilog=EPILOG)
    parser.set_defaults(verb=function)
    return parser


def _entry_options(parser: argparse.ArgumentParser) -> None:
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


def _evaluate_options(parser: argparse.ArgumentParser) -> None:
    _entry_options(parser)
    _run_options(parser)
    parser.add_argument(
        "--split", nargs="+", action="extend", metavar="SPLIT", help="training splits (default: the track's)"
    )
    parser.add_argument("--quick", action="store_true", help="the smallest split and one seed; not official, not timed")
    _no_timing(parser)


def _bench_options(parser: argparse.ArgumentParser) -> None:
    _entry_options(parser)
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of the data set")
    parser.add_argument("--splits", type=Path, metavar="DIR", help="folder of the split lists")
    parser.add_argument("--results", type=Path, default=Path("reports/results"), metavar="DIR")
    parser.add_argument("--untrained", action="store_true", help="do not look for trained weights")
    parser.add_argument("--sittings", type=_count, default=5, metavar="N", help="fresh processes, N times (default: 5)")
    parser.add_argument("--seconds", type=float, default=4.0, metavar="S", help="of rounds in a sitting (default: 4)")
    parser.add_argument("--compare", type=Path, metavar="REF", help="an earlier speed-….json, or a folder of results")


def _analyse_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("analysis", help="correlation, svcca, robustness or attention")
    _common_options(parser, track="demo")
    parser.add_argument(
        "systems", nargs="+", metavar="SYSTEM", help="two or more of the entry; FOLDER:SYSTEM for one of another entry"
    )
    _data_options(parser)
    parser.add_argument("--split", nargs="+", action="extend", metavar="SPLIT", help="training splits to look at")
    parser.add_argument("--results", type=Path, default=Path("reports/results"), metavar="DIR")
    parser.add_argument(
        "--out", type=Path, default=Path("reports/analyses"), metavar="DIR", help="where tables and figures are written"
    )


def _export_options(parser: argparse.ArgumentParser) -> None:
    _common_options(parser, track="demo")
    parser.add_argument("name", metavar="SYSTEM", help="a system of the entry")
    _data_options(parser)
    parser.add_argument("--split", nargs="+", action="extend", metavar="SPLIT", help="the training split")
    parser.add_argument("--results", type=Path, default=Path("reports/results"), metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="where it is written: ….safetensors")


def _count(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError("give a whole number of 1 or more")
    return number


def _study_options(parser: argparse.ArgumentParser) -> None:
    _common_options(parser, track=None)
    parser.add_argument("name", nargs="?", help="name of the study; without it the entry's studies are listed")
    _run_options(parser)
    _no_timing(parser)


def _no_timing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--no-timing", action="store_true", help="leave the speed of the systems for `bench`")


def _data_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of the data set")
    parser.add_argument("--splits", type=Path, metavar="DIR", help="folder of the split lists")
    parser.add_argument("--seed", nargs="+", action="extend", type=int, metavar="N", help="seeds (default: as given)")


def _run_options(parser: argparse.ArgumentParser) -> None:
    _data_options(parser)
    parser.add_argument("--dry-run", action="store_true", help="draw the plan, train nothing")
    parser.add_argument("--results", type=Path, metavar="DIR", help="where results are kept (reports/results)")
    parser.add_argument("--out", type=Path, default=Path("reports/site"), metavar="DIR", help="where pages are written")


def _choice(options: argparse.Namespace) -> Choice:
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


def _places(options: argparse.Namespace) -> Places:
    return Places(
        data=options.data,
        lists=options.splits,
        results=options.results.resolve(),
        cache=options.cache.resolve(),
        typed_in=Path.cwd(),
    )


if __name__ == "__main__":
    main()
