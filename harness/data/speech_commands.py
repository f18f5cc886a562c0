"""Speech Commands v2 in its own layout: a folder for each word, and two lists of what is not for training.

    <word>/<speaker>_nohash_<number>.wav     up to 1 s, 16 kHz
    validation_list.txt, testing_list.txt    <word>/<file>, one a line
    _background_noise_/                      not used

Training clips are those in neither list. A location is a speaker: the publisher keeps each on one side. The lists are
read here because torchaudio's reader wants the folder to have a fixed name and says nothing of what is wrong with it.
Source: P. Warden, Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition, arXiv:1804.03209, section 7.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from harness.data import folders, lists, reading
from harness.data.dataset import UNKNOWN_DEVICE, Dataset
from harness.data.findings import Check, Fault
from harness.data.folders import Wanted
from harness.data.listing import TEST, VALIDATION, Listed, Listing, Meta, against_meta, table_faults, unread
from harness.outcomes import Mistake, nearest
from harness.tracks import Track

NOISE = "_background_noise_"
VALIDATION_FILE = "validation_list.txt"

TRAINING = "training"
"""What a track names in place of a list's file: the clips that are in neither list."""

FOLDER = "the folder"
"""What lists all clips, in the words of a report."""

WANTED = Wanted(
    layout="Speech Commands",
    parts={"test": ("testing_list.txt",), "validation": (VALIDATION_FILE,)},
    holds="testing_list.txt, validation_list.txt and a folder for each word",
)


def read(folder: Path, track: Track, list_folders: Sequence[Path] = ()) -> Dataset:
    """The data set in `folder` with the lists that `track` names; raises as `reading.dataset` does."""
    folders.require(folder, track, WANTED)
    return reading.dataset(folder, track, listing(folder, track, list_folders))


def listing(folder: Path, track: Track, list_folders: Sequence[Path] = ()) -> Listing:
    """The clips that lie in the folder, and the lists of those that are not for training, faults included."""
    meta = _meta(folder)
    places = (*list_folders, folder)
    test, test_check = _listed(TEST, track.test, places, meta)
    validation, validation_check = _listed(VALIDATION, VALIDATION_FILE, places, meta)
    held = {name for one in (test, validation) if one for name in one.names}
    splits = [_split(split, file, places, meta, held) for split, file in track.splits.items()]
    checks = (
        Check(name=FOLDER, looked_at=len(meta.names), unit="clips", faults=tuple(_words(meta, track))),
        *(check for _, check in splits),
        test_check,
        validation_check.model_copy(update={"faults": (*validation_check.faults, *_in_both(validation, test))}),
    )
    training = tuple(one for one, _ in splits if one)
    return Listing(meta, training, test, checks, left_out=(validation,) if validation else ())


def speaker_of(name: str) -> str:
    """Who spoke a clip: what its file's name begins with, before `_nohash_`."""
    return name.rpartition("/")[2].partition("_nohash_")[0]


def _meta(folder: Path) -> Meta:
    """Every clip below a folder of its word, in the order of the names."""
    try:
        words = sorted(place for place in folder.iterdir() if _is_word(place))
        names = tuple(f"{word.name}/{file}" for word in words for file in sorted(_waves(word)))
    except PermissionError as error:
        raise folders.closed(error.filename) from None
    return Meta(
        name=FOLDER,
        names=names,
        labels=tuple(name.partition("/")[0] for name in names),
        identifiers=tuple(map(speaker_of, names)),
        devices=(UNKNOWN_DEVICE,) * len(names),
        segments=names,
        lines=range(len(names)),
    )


def _is_word(place: Path) -> bool:
    return place.is_dir() and place.name != NOISE and not place.name.startswith(".")


def _waves(word: Path) -> Iterator[str]:
    return (path.name for path in word.iterdir() if path.suffix == ".wav" and not path.name.startswith("."))


def _words(meta: Meta, track: Track) -> Iterator[Fault]:
    """Folders that are no words of the track, and words without a clip."""
    found = Counter(meta.labels)
    for word in found:
        if word not in track.labels:
            sentence = f'{found[word]:,} clips lie in {word}/: "{word}" is no label of this track.'
            yield Fault(check=FOLDER, subject=word, sentence=f"{sentence} {nearest(word, track.labels)}")
    for word in track.labels:
        if word not in found:
            yield Fault(check=FOLDER, subject=word, sentence=f'The folder holds no clip of "{word}".')


def _split(
    split: str, file: str, places: Sequence[Path], meta: Meta, held: Collection[str]
) -> tuple[Listed | None, Check]:
    """A training list: that in a file, or the clips that the other lists do not hold."""
    if file != TRAINING:
        return _listed(split, file, places, meta)
    names = tuple(name for name in meta.names if name not in held)
    listed = Listed(split, TRAINING, names, None, range(len(names)))
    return listed, Check(name=listed.shown, looked_at=len(names), unit="clips")


def _listed(split: str, file: str, places: Sequence[Path], meta: Meta) -> tuple[Listed | None, Check]:
    path = lists.find([file], places) or places[-1] / file
    shown = Listed(split, file, (), None, ()).shown
    try:
        table = lists.read_names(path)
    except Mistake as mistake:
        fault = unread(shown, path, mistake, places)
        return None, Check(name=shown, looked_at=0, unit="clips", faults=(fault,))
    names = tuple(table.columns["filename"])
    listed = Listed(split, path.name, names, None, table.lines)
    faults = (*table_faults(shown, table, names), *against_meta(listed, meta, ()))
    return listed, Check(name=shown, looked_at=len(names), unit="clips", faults=faults)


def _in_both(validation: Listed | None, test: Listed | None) -> Iterator[Fault]:
    """Clips that are said to be for validation and for the test."""
    if validation is None or test is None:
        return
    tested = set(test.names)
    for name, line in zip(validation.names, validation.lines, strict=True):
        if name in tested:
            sentence = f"{validation.name}, line {line}: {name} is in {test.name} too."
            yield Fault(check=validation.shown, subject=validation.name, sentence=sentence)
