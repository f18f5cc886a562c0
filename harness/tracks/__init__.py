"""Tracks: what is ranked together. A data set, splits, device groups, a metric, and (maybe) an edition's limits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from harness import editions
from harness.outcomes import Mistake, nearest
from harness.validated import Record, read_toml

FOLDER = Path(__file__).parent

NO_SPLIT = "none"
"""The split of a cell on a track without training lists: the system brings a checkpoint."""

MULTI_LABEL = ("fsd50k", "audioset")
"""Layouts whose clips have several labels."""

Length = Literal["exact", "crop_or_pad", "any"]
"""What becomes of clips that do not last `clip_seconds`: "exact" refuses them.

"crop_or_pad" keeps the first `clip_seconds` of a longer clip and puts zeros behind a shorter one, at the rate of its
file, before anything is resampled. AST's released code does the same to features (Gong et al., Interspeech 2021).
"any" does so to files of any format and averages their channels: copies of AudioSet are what whoever made them wanted.
"""


class Ranking(Record):
    """How a board orders its systems; the rule is the edition's, with how sure it is."""

    rule: Literal["mean_of_splits", "macro_accuracy", "log_loss", "weighted_rank", "mean_average_precision"]
    status: Literal["primary", "derived", "secondary", "unconfirmed"]
    source: str


class StageLimits(Record):
    """What a stage may take. Constants of the track, so that every entry gets the same."""

    check_seconds: float = Field(default=300, gt=0)
    train_seconds: float = Field(default=7 * 86400, gt=0)
    predict_seconds: float = Field(default=6 * 3600, gt=0)
    time_seconds: float = Field(default=1800, gt=0)
    memory_gib: float = Field(default=20, gt=0)
    log_mib: float = Field(default=64, gt=0)


class Source(Record):
    """Where the data come from: the record to download and the licence."""

    title: str
    record: str
    licence: str


class Track(Record):
    """One track, as its TOML file has it.

    `splits` maps the name of a training split to its list file, `test` names the list of test clips; list files are
    looked for in the data folder, in its `split_setup/` and `evaluation_setup/`, in `--splits DIR`, and beside the
    track's file. `published` names what is known of the lists of this data set, for `data verify`. Clips are predicted
    in batches of `batch_size`, timed one at a time and in batches of `timed_batch`.

    A track with `folds` is cross-validated and names neither: each fold is the test list of the split that is called
    after it, whose training clips are all others. `subset` is the column of the data set's list that says True for the
    clips of this track. Data whose devices nobody knows have no `device_groups`.

    On a `multi_label` track a clip has any number of the labels, and mean average precision ranks. `validation` names
    the list that the publisher keeps for choosing: systems get it beside the training clips and never train on it.
    Where every copy of a data set has holes, up to `missing_share` of each list may be missing; they are counted.
    FSD50K's lists are parts of its two files ("train", "val", "dev", "eval"); the names of a list's files, where it has
    several (AudioSet), are joined by " + ".
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: str
    version: int = 1
    dataset: Literal["tau2022", "demo", "esc50", "speech-commands", "fsd50k", "audioset"]
    data: str | None = None
    published: str | None = None
    edition: str | None = None
    labels: tuple[str, ...] = Field(min_length=2)
    subset: str | None = None
    multi_label: bool = False
    clip_seconds: float = Field(default=1.0, gt=0)
    length: Length = "exact"
    folds: tuple[str, ...] = ()
    splits: dict[str, str] = Field(default_factory=dict)
    test: str = ""
    validation: str = ""
    missing_share: float = Field(default=0.0, ge=0, lt=1)
    device_groups: dict[str, tuple[str, ...]]
    ranking: Ranking
    seeds: tuple[int, ...] = (0,)
    default_splits: tuple[str, ...] | None = None
    batch_size: int = Field(default=256, gt=0)
    timed_batch: int = Field(default=64, gt=0)
    preset: str | None = None
    limits: StageLimits = StageLimits()
    source: Source | None = None

    @model_validator(mode="before")
    @classmethod
    def _folds_are_splits(cls, table: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
        """Gives a track with folds its splits, each called after the fold that it leaves out."""
        if not isinstance(table, dict) or not table.get("folds") or not isinstance(table["folds"], list | tuple):
            return table
        splits = {str(fold): f"all but {fold_list(str(fold))}" for fold in table["folds"]}
        if table.get("splits", splits) != splits or table.get("test"):
            raise ValueError("a track with folds names neither splits nor test: each fold is a test list in its turn")
        return {**table, "splits": splits}

    @field_validator("edition")
    @classmethod
    def _edition_exists(cls, value: str | None) -> str | None:
        if value is not None and value not in editions.names():
            raise ValueError(f'there is no edition "{value}". {nearest(value, editions.names())}')
        return value

    @field_validator("labels")
    @classmethod
    def _labels_differ(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) != len(value):
            raise ValueError("a label stands twice")
        return value

    @field_validator("splits")
    @classmethod
    def _splits_are_not_the_test(cls, value: dict[str, str]) -> dict[str, str]:
        taken = {"test", NO_SPLIT} & set(value)
        if taken:
            raise ValueError(f'a training split may not be called "{min(taken)}"')
        return value

    @field_validator("folds")
    @classmethod
    def _folds_differ(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(value) == 1 or len(set(value)) != len(value):
            raise ValueError("there are two folds or more, and each stands there once")
        return value

    @model_validator(mode="after")
    def _fits_its_layout(self) -> Track:
        if not self.folds and not self.test:
            raise ValueError('the key "test" is missing')
        if bool(self.folds) != (self.dataset == "esc50"):
            raise ValueError('folds are what a data set in the layout "esc50" has, and no other')
        if self.subset and self.dataset != "esc50":
            raise ValueError("subset is a column of esc50.csv, and the data set has another layout")
        if self.multi_label != (self.dataset in MULTI_LABEL):
            raise ValueError(f"multi_label is true for the layouts {' and '.join(MULTI_LABEL)}, and for no other")
        if self.multi_label != (self.ranking.rule == "mean_average_precision"):
            raise ValueError("mean_average_precision is what ranks multi-label tracks, and no others")
        return self

    @model_validator(mode="after")
    def _default_splits_exist(self) -> Track:
        unknown = set(self.default_splits or ()) - set(self.splits)
        if unknown:
            raise ValueError(f"default_splits names {sorted(unknown)}, which splits does not have")
        return self

    @property
    def rules(self) -> editions.Edition | None:
        """The edition whose limits hold on this track, or None where there are no limits."""
        return editions.load(self.edition) if self.edition else None

    @property
    def device_revealed(self) -> bool:
        """True where a system is told which device recorded a test clip (2025)."""
        return bool(self.rules and self.rules.device_revealed.value)


def fold_list(fold: str) -> str:
    """What the list of a fold's clips is called, in reports and among what is published."""
    return f"fold {fold}"


def chosen_splits(track: Track, splits: Sequence[str]) -> tuple[str, ...]:
    """The training splits that were asked for, each once; raises `Mistake` for one that the track does not have."""
    unknown = [split for split in splits if split not in track.splits]
    if unknown:
        problem = f'Track {track.name} has no split "{unknown[0]}".'
        raise Mistake("track.split", problem, nearest(unknown[0], track.splits))
    return tuple(dict.fromkeys(splits))


def names() -> list[str]:
    """Names of the tracks this project knows."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load(name_or_path: str) -> tuple[Track, Path]:
    """A track by name or by the path of its TOML file, and the folder that file lies in."""
    if name_or_path in names():
        path = FOLDER / f"{name_or_path}.toml"
    elif name_or_path.endswith(".toml") or Path(name_or_path).is_file():
        path = Path(name_or_path)
    else:
        raise Mistake("track.unknown", f'There is no track "{name_or_path}".', nearest(name_or_path, names()))
    return read_toml(path, Track, rule="track"), path.parent.resolve()
