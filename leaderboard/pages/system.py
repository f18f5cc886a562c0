"""The page of a system: where it is good, where it loses, what it costs, and how to run it again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import numpy as np

from harness import curves, results
from harness.multilabel import MultiLabelScores
from harness.outcomes import Outcome
from harness.results import Result
from harness.throughput.speed import Speed
from leaderboard import charts, display, measures
from leaderboard.boards import Board
from leaderboard.display import Statement
from leaderboard.evidence import NONE, Evidence
from leaderboard.material import Material
from leaderboard.page import Chart, Page, Section
from leaderboard.pages.board import title as track_title
from leaderboard.pages.figures import figure, heat, ratio
from leaderboard.pages.places import Places
from leaderboard.rows import Cell, Row
from leaderboard.scales import Axis
from leaderboard.tables import NOTHING, Column, Field, Table
from leaderboard.tested import Cells, Tested

HARDEST = 12
"""Locations that are listed."""

DISTURBED = 0.1
"""Cores busy with something else above which a note says so."""

MIB = 1 << 20

CURVES = 3
"""Seeds whose training is drawn."""


def page(board: Board, row: Row, evidence: Evidence | None, clips: Tested | None, places: Places) -> Page:
    """Everything about a row of a board."""
    made = _System(board, row, evidence or NONE, clips, places)
    return Page(
        path=made.path,
        title=row.title,
        lead=(
            f"{row.name}{f' with {row.settings}' if row.settings else ''} on {track_title(board)}.",
            *row.marks,
            *row.notes,
        ),
        sections=(
            Section("summary", "Summary", statements=made.summary()),
            Section("scores", "Scores", charts=made.efficiency(), tables=made.splits()),
            Section("devices", "Devices", tables=made.devices()),
            Section(
                "classes",
                "Classes and devices" if board.devices else "Classes",
                tables=(*made.by_class_and_device(), *made.by_label()),
            ),
            Section("confusion", "What is taken for what", tables=made.confusion()),
            Section(
                "calibration", "Is it as sure as it is right?", charts=made.reliability(), tables=made.calibration()
            ),
            Section("locations", "Hardest locations", tables=made.hardest()),
            Section("training", "Training", charts=made.training(), tables=made.training_table(), folded=True),
            Section("speed", "Speed", made.speed_notes(), tables=made.speeds()),
            Section("complexity", "Complexity", statements=made.complexity(), tables=made.modules(), folded=True),
            Section("cells", "Results", tables=made.cells()),
            Section("history", "Older results", tables=made.history(), folded=True),
            Section("configuration", "Configuration", quoted=made.configuration(), folded=True),
            Section("provenance", "Provenance", statements=made.provenance(), folded=True),
            Section("again", "Run it again", command=row.newest.command),
        ),
        crumbs=(("Leaderboard", "index.html"), (track_title(board), places.board(board))),
        bundled=True,
    )


class _System:
    """What the sections of one page share."""

    def __init__(self, board: Board, row: Row, evidence: Evidence, tested: Tested | None, places: Places) -> None:
        self.board, self.row, self.evidence, self.places = board, row, evidence, places
        self.clips = clips = tested if isinstance(tested, Material) else None
        self.main, self.others = measures.main(board), measures.others(board)
        self.path = places.system(board, row)
        self.newest = _whole(row)
        self.known: Cells = (clips.cells(row, row.by_split) if clips else None) or {}
        self.sums = {split: clips.mean({split: seeds}) for split, seeds in self.known.items()} if clips else {}
        self.largest = next((split for split in reversed(board.splits) if split in row.by_split), "")

    def summary(self) -> tuple[Statement, ...]:
        row, found = self.row, self.evidence
        lines = []
        if row.rank is not None:
            standing = found.standing
            between = ""
            if standing:
                ends = f"between {standing.first} and {standing.last}" if standing.first < standing.last else "this one"
                between = f", surely {ends}; group {standing.group}"
            lines.append(Statement("Rank", f"{row.rank} of {len(self.board.ranked)}{between}"))
        lines += [
            Statement("Authors", ", ".join(row.newest.authors)),
            Statement("External data", row.newest.external_data),
            Statement("Role", row.newest.role),
        ]
        return tuple(lines)

    def splits(self) -> tuple[Table, ...]:
        columns = (
            Column("split", "Split", number=False),
            Column(self.main.name, self.main.title, "up"),
            *(Column(f"seed_{seed}", f"seed {seed}", "up") for seed in self._seeds()),
        )
        rows = []
        for split, mean in self.row.by_split.items():
            by_seed = {cell.seed: cell for cell in self.row.cells if cell.split == split}
            single = [
                Field(
                    display.percent(by_seed[seed].scores.main),
                    by_seed[seed].scores.main,
                    href=self._file(by_seed[seed].path),
                )
                if seed in by_seed
                else NOTHING
                for seed in self._seeds()
            ]
            rows.append((Field(split), figure(mean, self.evidence.splits.get(split)), *single))
        found = [Table("splits", f"{self.main.heading} by split, each number with its JSON", columns, tuple(rows))]
        return (*found, *self._means())

    def _means(self) -> tuple[Table, ...]:
        row, found = self.row, self.evidence
        columns = (Column("figure", "Over the splits of the ranking", number=False), Column("value", "Mean"))
        lines = [(Field(self.main.arrow), figure(row.main, found.mean))]
        lines += [
            (Field(one.arrow), figure(row.others.get(one.name), found.others.get(one.name), write=one.write))
            for one in self.others
        ]
        lines += [
            (Field(f"{name} devices, % ↑"), figure(value, found.groups.get(name))) for name, value in row.groups.items()
        ]
        lines += [(Field("gap, points ↓"), figure(row.gap, found.gap))] if self.board.devices else []
        return (Table("means", "Means", columns, tuple(lines)),)

    def _seeds(self) -> list[int]:
        return sorted({cell.seed for cell in self.row.cells})

    def _named(self, split: str) -> str:
        return display.split_name(self.board, split)

    def _file(self, path: Path) -> str:
        return self.places.to_file(self.path, path)

    def efficiency(self) -> tuple[Chart, ...]:
        shares = [split for split in self.row.by_split if split.isdigit() and int(split) > 0]
        if len(shares) < 2 or self.board.folds:
            return ()
        points = [(float(split), 100 * self.row.by_split[split].value) for split in shares]
        known = self.evidence.splits
        band = [(float(split), 100 * known[split].low, 100 * known[split].high) for split in shares if split in known]
        line = charts.Line(self.row.name, points, band)
        x = Axis("training data, %", ticks=[point[0] for point in points], log=True, write=display.short)
        drawn = charts.lines(
            [line], x, Axis(self.main.axis, write=display.short),
            title=f"{self.main.heading} by share of the training data",
            description="Mean over seeds with its 95 % interval; the table of splits has the numbers.",
        )  # fmt: skip
        return (Chart(drawn, "splits"),)

    def devices(self) -> tuple[Table, ...]:
        columns = (Column("device", "Device", number=False), Column("accuracy", "Accuracy, %", "up"))
        rows = [
            (Field(name), figure(self.row.devices[name], self.evidence.devices.get(name)))
            for name in self.board.devices
            if name in self.row.devices
        ]
        return (Table("by-device", "Accuracy by device", columns, tuple(rows)),) if rows else ()

    def by_class_and_device(self) -> tuple[Table, ...]:
        if not self.sums or self.clips is None or self.board.track is None:
            return ()
        blocks, labels = self.clips.blocks, self.board.track.labels
        correct = self.clips.mean(self._counted()).correct
        shape = (len(labels), len(blocks.devices))
        right, clips = np.zeros(shape), np.zeros(shape)
        np.add.at(right, (blocks.label, blocks.device), correct)
        np.add.at(clips, (blocks.label, blocks.device), blocks.clips)
        columns = (
            Column("class", "Class", number=False),
            *(Column(name, name, "up", group="Device") for name in blocks.devices if self.board.devices),
            *(() if self.board.devices else (Column("clips", "all clips", "up"),)),
        )
        rows = [
            (
                Field(label),
                *(heat(right[at, one] / clips[at, one] if clips[at, one] else None) for one in range(shape[1])),
            )
            for at, label in enumerate(labels)
        ]
        return (
            Table("heat", f"Accuracy by class{' and device' if self.board.devices else ''}, %", columns, tuple(rows)),
        )

    def by_label(self) -> tuple[Table, ...]:
        """Average precision of every class, where clips may have several."""
        cells = [results.read(cell.path) for cell in self.row.cells if cell.split == self.largest]
        every = [one.scores for one in cells if isinstance(one, Result)]
        scores = [one for one in every if isinstance(one, MultiLabelScores)]
        if not scores:
            return ()
        columns = (
            Column("class", "Class", number=False),
            Column("positives", "Clips"),
            Column("average_precision", "Average precision, %", "up"),
            Column("auc", "AUC, %", "up"),
        )
        rows = [
            (
                Field(label),
                Field(display.count(first.positives), first.positives),
                heat(fmean(one.per_class[label].average_precision for one in scores)),
                heat(None if first.auc is None else fmean(one.per_class[label].auc or 0.0 for one in scores), low=0.5),
            )
            for label, first in scores[0].per_class.items()
        ]
        absent = scores[0].without_positives
        left_out = f"; without a clip, and left out: {', '.join(absent)}" if absent else ""
        caption = f"Average precision by class, {self._named(self.largest)}, mean over seeds{left_out}"
        return (Table("labels", caption, columns, tuple(rows), sortable=True),)

    def _counted(self) -> Cells:
        """The cells of the splits that the ranking is over; all where there are none of those."""
        return {split: seeds for split, seeds in self.known.items() if split in self.board.required} or self.known

    def confusion(self) -> tuple[Table, ...]:
        cells = [cell for cell in self.row.cells if cell.split == self.largest or self.board.folds]
        if not cells or self.board.track is None:
            return ()
        labels = self.board.track.labels
        counts = np.sum([getattr(cell.scores, "confusion", []) for cell in cells], axis=0)
        if counts.shape != (len(labels), len(labels)):
            return ()
        columns = (Column("true", "true \\ taken for", number=False), *(Column(name, name) for name in labels))
        totals = counts.sum(axis=1, keepdims=True)
        shares = counts / np.where(totals > 0, totals, 1)
        rows = [(Field(name), *(heat(float(value)) for value in shares[at])) for at, name in enumerate(labels)]
        where = "all folds" if self.board.folds else self._named(self.largest)
        seeds = "all seeds" if len(cells) > 1 else f"seed {cells[0].seed}"
        return (Table("confusion", f"Share of each class, %, {where}, {seeds}", columns, tuple(rows)),)

    def calibration(self) -> tuple[Table, ...]:
        columns = (
            Column("confidence", "Mean confidence, %", number=False),
            Column("accuracy", "Accuracy, %"),
            Column("clips", "Clips"),
        )
        rows = tuple(
            (
                Field(display.percent(sure), sure),
                Field(display.percent(right), right),
                Field(display.count(round(clips)), round(clips)),
            )
            for sure, right, clips in self._bins()
        )
        return (
            (Table("calibration", f"Confidence and accuracy, {self._named(self.largest)}", columns, rows),)
            if rows
            else ()
        )

    def _bins(self) -> list[tuple[float, float, float]]:
        """(mean confidence, accuracy, clips) of the bins that have clips."""
        if self.largest not in self.sums:
            return []
        clips, confidence, right = self.sums[self.largest].reliability
        return [
            (float(sure / n), float(ok / n), float(n))
            for n, sure, ok in zip(clips, confidence, right, strict=True)
            if n > 0
        ]

    def reliability(self) -> tuple[Chart, ...]:
        points = [(100 * sure, 100 * right) for sure, right, _ in self._bins()]
        if not points:
            return ()
        x, y = (Axis(name, low=0, high=100, write=display.short) for name in ("mean confidence, %", "accuracy, %"))
        drawn = charts.lines(
            [charts.Line(self.row.name, points)], x, y, title="Confidence and accuracy", diagonal=True,
            description="On the diagonal a system is as often right as it says; below it, it is too sure.",
        )  # fmt: skip
        return (Chart(drawn, "calibration"),)

    def hardest(self) -> tuple[Table, ...]:
        if not self.sums or self.clips is None or self.board.track is None:
            return ()
        blocks, labels = self.clips.blocks, self.board.track.labels
        correct = self.clips.mean(self._counted()).correct
        right, clips = (np.bincount(blocks.location, weights=each) for each in (correct, blocks.clips))
        accuracy = right / clips
        order = np.argsort(accuracy, kind="stable")[:HARDEST]
        label = {int(place): labels[int(each)] for place, each in zip(blocks.location, blocks.label, strict=True)}
        columns = (
            Column("location", "Location", number=False),
            Column("class", "Class", number=False),
            Column("clips", "Clips"),
            Column("accuracy", "Accuracy, %", "up"),
        )
        rows = [
            (
                Field(blocks.locations[at]),
                Field(label[int(at)]),
                Field(display.count(int(clips[at])), int(clips[at])),
                heat(float(accuracy[at])),
            )
            for at in order
        ]
        return (Table("locations", "Locations with the lowest accuracy", columns, tuple(rows)),)

    def _curves(self) -> list[tuple[str, curves.Curves]]:
        cells = [cell for cell in self.row.cells if cell.split == self.largest][:CURVES]
        read = [(f"seed {cell.seed}", curves.read(cell.path.with_suffix(curves.SUFFIX))) for cell in cells]
        return [(name, found) for name, found in read if found and "loss" in found.names]

    def training(self) -> tuple[Chart, ...]:
        lines = [
            charts.Line(name, list(zip(map(float, found.epochs), found.column("loss"), strict=True)))
            for name, found in self._curves()
        ]
        if not lines:
            return ()
        x, y = (Axis(name, write=display.short) for name in ("epoch", "training loss"))
        drawn = charts.lines(
            lines, x, y, title="Training loss",
            description=f"Loss by epoch on {self._named(self.largest)}; the table has first, middle and last epochs.",
        )  # fmt: skip
        return (Chart(drawn, "training-loss"),)

    def training_table(self) -> tuple[Table, ...]:
        read = self._curves()
        if not read:
            return ()
        columns = (
            Column("run", "Run", number=False),
            *(Column(name, name) for name in ("epochs", "first", "middle", "last")),
        )
        rows = []
        for name, found in read:
            losses = found.column("loss")
            picked = (losses[0], losses[len(losses) // 2], losses[-1])
            fields = [Field(display.loss(value), value) for value in picked]
            rows.append((Field(name), Field(display.count(len(losses)), len(losses)), *fields))
        return (Table("training-loss", f"Training loss, {self._named(self.largest)}", columns, tuple(rows)),)

    def complexity(self) -> tuple[Statement, ...]:
        found = self.newest.complexity
        if found is None:
            return ()
        counted = {
            "Parameters": found.parameters, "Bytes": found.parameter_bytes, "MACs of a clip": found.macs,
            "MACs by torchinfo": found.official_macs, "MACs of the frontend": found.frontend_macs,
        }  # fmt: skip
        return tuple(Statement(name, display.count(value)) for name, value in counted.items())

    def speeds(self) -> tuple[Table, ...]:
        """Every speed of the row, by hardware and way of asking."""
        columns = (
            Column("hardware", "Timed on", number=False),
            Column("clips", "Clips of a request", number=False),
            Column("p50", "p50", "down", group="A request"),
            Column("p90", "p90", "down", group="A request"),
            Column("p99", "p99", "down", group="A request"),
            Column("clips_per_second", "Clips/s", "up"),
            Column("real_time_factor", "Real-time factor", "down"),
            Column("times_baseline", "Times the baseline", "up"),
            Column("joules", "Energy of a clip, mJ", "down"),
        )
        rows = [line for one in self.row.speeds if one.outcome is Outcome.OK for line in self._speed(one)]
        return (Table("speed", "Speed by hardware", columns, tuple(rows)),) if rows else ()

    def _speed(self, one: Speed) -> list[tuple[Field, ...]]:
        where = Field(one.hardware, href=self._file(one.path(self.row.cells[0].path.parents[3])), notes=(one.created,))
        every = ((one.one, "one alone"), (one.batch, ""), (one.network, "without the frontend"))
        return [
            (
                where,
                Field(f"{found.batch}", found.batch, notes=(words,) if words else ()),
                *(Field(display.seconds(value), value) for value in (found.p50, found.p90, found.p99)),
                Field(display.rate(found.clips_per_second), found.clips_per_second, notes=(f"{found.rounds} rounds",)),
                Field(display.short(found.real_time_factor), found.real_time_factor),
                ratio(found.ratio),
                NOTHING
                if found.joules_per_clip is None
                else Field(display.short(1000 * found.joules_per_clip), found.joules_per_clip),
            )
            for found, words in every
            if found is not None
        ]

    def speed_notes(self) -> tuple[str, ...]:
        """How each speed was measured, and why there is none."""
        return tuple(_how(one) for one in self.row.speeds)

    def modules(self) -> tuple[Table, ...]:
        found = self.newest.complexity
        if found is None or not found.modules:
            return ()
        columns = (
            Column("module", "Module", number=False),
            Column("kind", "Kind", number=False),
            Column("gives", "Gives", number=False),
            Column("parameters", "Parameters"),
            Column("bytes", "Bytes"),
            Column("macs", "MACs"),
        )
        rows = [
            (
                Field(one.name or "the network"),
                Field(one.kind),
                Field(one.gives),
                *(Field(display.count(value), value) for value in (one.parameters, one.size, one.macs)),
            )
            for one in found.modules
        ]
        return (Table("modules", "Cost of every module, its submodules aside", columns, tuple(rows)),)

    def cells(self) -> tuple[Table, ...]:
        return (self._results("results", "Results of this row", self.row.cells),)

    def history(self) -> tuple[Table, ...]:
        who = self.newest.identity
        older = [
            cell
            for cell in self.board.superseded
            if (cell.result.identity.entry, cell.result.identity.system) == (who.entry, who.system)
        ]
        if not older:
            return ()
        return (self._results("older", "Results that newer ones took the place of", older),)

    def _results(self, name: str, caption: str, cells: Sequence[Cell]) -> Table:
        """A line for each result, with all its scores."""
        measured = measures.of_cells(self.board)
        columns = (
            Column("cell", "Cell", number=False),
            *(Column(one.name, one.title, one.better) for one in measured),
            Column("seconds", "Training, s"),
            Column("created", "Made", number=False),
        )
        rows = []
        for cell in cells:
            train, text = cell.result.stages.get("train"), f"split {cell.split}, seed {cell.seed}"
            values = [(one, getattr(cell.scores, one.name, None)) for one in measured]
            rows.append(
                (
                    Field(text, href=self._file(cell.path), more={"json": self.places.result(cell.path)}),
                    *(NOTHING if value is None else Field(one.write(value), value) for one, value in values),
                    Field(display.count(round(train.seconds)), train.seconds) if train else NOTHING,
                    Field(cell.result.created),
                )
            )
        return Table(name, f"{caption}: {len(cells)}", columns, tuple(rows))

    def configuration(self) -> str:
        return json.dumps(self.newest.config, indent=1, sort_keys=True, ensure_ascii=False)

    def provenance(self) -> tuple[Statement, ...]:
        one = self.newest.provenance
        changed = " (with changes that were not committed)" if one.git_dirty else ""
        hardware = ", ".join(f"{name} {value}" for name, value in one.hardware.items() if value is not None)
        packages = ", ".join(f"{name} {version}" for name, version in sorted(one.packages.items()))
        lines = {
            "Commit": f"{one.git_commit or 'unknown'}{changed}", "Python": one.python, "Packages": packages,
            "Hardware": hardware, "Device": self.newest.device, "Made": self.newest.created,
            "Version of the track": str(self.newest.track_version),
        }  # fmt: skip
        digests = {f"SHA-256 of {name}": value for name, value in self.newest.digests if isinstance(value, str)}
        return tuple(Statement(name, text) for name, text in {**lines, **digests}.items())


def _whole(row: Row) -> Result:
    """The newest result with everything that the board leaves out of memory."""
    cell = max(row.cells, key=lambda cell: cell.result.created)
    read = results.read(cell.path)
    return read if isinstance(read, Result) else cell.result


def _how(one: Speed) -> str:
    if one.reason is not None:
        return f"Not timed on {one.hardware}: {one.reason.problem} {one.reason.remedy} (rule {one.reason.rule})"
    memory = one.device_memory_bytes or one.peak_memory_bytes or 0
    busy = f" Other programs kept {one.others:.1f} cores busy." if one.others and one.others > DISTURBED else ""
    return (
        f"On {one.hardware}: in {one.sittings} sittings, in turns with {one.baseline}; {one.warm_up[0]} calls at first "
        f"and {one.warm_up[1]} at later turns do not count; a request for nothing takes "
        f"{display.seconds(one.overhead or 0)}; at most {memory / MIB:,.0f} MiB of memory.{busy}"
    )
