"""The command line: `python -m harness VERB …`, installed as `dcase-bench VERB …`. One short function a verb."""

from __future__ import annotations

import argparse
import errno
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from harness import evaluation, scaffold, tables, tracks
from harness.console import Reporter, show_table
from harness.data import verbs as data_verbs
from harness.evaluation import Hands, Places
from harness.files import disk_mistake, write_bytes
from harness.nursery import Nursery
from harness.options import (
    analyse_options,
    base_option,
    bench_options,
    choice_of,
    entry_options,
    evaluate_options,
    export_options,
    package_options,
    pages_options,
    places_of,
    regression_options,
    study_options,
    validate_options,
)
from harness.outcomes import Mistake
from harness.plan import Choice
from harness.studies import running
from harness.studies import table as studies

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

    places = places_of(options)
    with Nursery() as nursery:
        hands = Hands(nursery, reporter)
        fine = evaluation.evaluate(
            options.entry, options.track, choice_of(options), places, hands, dry_run=options.dry_run
        )
        if not (options.dry_run or options.quick or options.no_timing):
            fine = _timed(options.entry, places, hands, options.track, choice_of(options)) and fine
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
    places = places_of(options)
    with Nursery() as nursery:
        hands = Hands(nursery, reporter)
        timing = None if options.no_timing else partial(_timed, options.entry, places, hands)
        fine = running.run(
            read, chosen, printed.paper(chosen.paper), options.track, choice_of(options), places, hands,
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
        systems = evaluation.checks(options.entry, options.track, choice_of(options), places_of(options), hands)
    return suite.run(systems)


def bench(options: argparse.Namespace, reporter: Reporter) -> bool:
    """How fast systems are beside the official baseline, by a clock that they cannot reach."""
    from harness.throughput import bench as throughput  # noqa: PLC0415 - pytest, which few commands need
    from harness.throughput.timing import Effort  # noqa: PLC0415

    asked = throughput.Asked(options.entry, options.track, choice_of(options), places_of(options))
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
        options.analysis, options.entry, tuple(options.systems), options.track, choice_of(options), places_of(options)
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
            options.entry, options.name, options.track, choice_of(options), places_of(options), options.out, hands
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
        options.entry, options.track, choice_of(options), places_of(options), options.out, options.evaluation,
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
        options.package, options.track, choice_of(options), places_of(options), options.evaluation, options.entry,
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
    evaluate_options(_verb(verbs, "evaluate", evaluate))
    study_options(_verb(verbs, "study", study))
    entry_options(_verb(verbs, "check", check))
    bench_options(_verb(verbs, "bench", bench))
    analyse_options(_verb(verbs, "analyse", analyse))
    export_options(_verb(verbs, "export", export))
    data_verbs.add(verbs.add_parser("data", help=DATA, description=DATA, epilog=EPILOG))
    making = _verb(verbs, "new", new)
    making.add_argument("name", help="name of the new entry: letters, digits, - and _")
    making.add_argument("--into", type=Path, default=Path("submissions"), metavar="DIR")
    package_options(_verb(verbs, "package", package))
    validate_options(_verb(verbs, "validate", validate))
    regression_options(_verb(verbs, "regression", regression))
    base_option(_verb(verbs, "changed", changed))
    _verb(verbs, "rules", rules)
    pages = _verb(verbs, "leaderboard", leaderboard)
    pages_options(pages)
    pages.add_argument(
        "--also", type=Path, action="append", default=[], metavar="DIR", help="more results, of your own"
    )
    two = _verb(verbs, "compare", compare)
    for name in ("one", "other"):
        two.add_argument(name, help="a system as the board has it: ENTRY/SYSTEM, or the name of its page")
    two.add_argument("--track", help="name of the track (default: the one that both have results on)")
    pages_options(two)
    return parser


def _verb(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    function: Verb,
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=function.__doc__, description=function.__doc__, epilog=EPILOG)
    parser.set_defaults(verb=function)
    return parser


if __name__ == "__main__":
    main()
