"""The rules as data: every file loads, figures are those of the fact sheet, and what is unconfirmed says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import editions, tracks
from harness.outcomes import Mistake
from tests import made

EDITIONS = ["dcase2022", "dcase2023", "dcase2024", "dcase2025"]
TRACKS = ["dcase2022-task1", "dcase2023-task1", "dcase2024-task1", "dcase2025-task1", "demo", "demo-2025"]
OFFICIAL_ORDER = (
    "airport", "bus", "metro", "metro_station", "park",
    "public_square", "shopping_mall", "street_pedestrian", "street_traffic", "tram",
)  # fmt: skip


def track_refusal(tmp_path: Path, tau_folder: Path, old: str, new: str) -> str:
    path = made.track_file(tmp_path / "tiny.toml", tau_folder)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(Mistake) as caught:
        tracks.load(str(path))
    assert caught.value.rule == "track.fields"
    assert str(path) in caught.value.problem
    return caught.value.problem


def test_the_editions_are_those_of_four_years() -> None:
    assert editions.names() == EDITIONS


@pytest.mark.parametrize("name", EDITIONS)
def test_an_edition_has_the_name_and_the_year_of_its_file(name: str) -> None:
    edition = editions.load(name)
    assert (edition.name, f"dcase{edition.year}") == (name, name)


@pytest.mark.parametrize("name", EDITIONS)
def test_a_network_may_have_128_000_bytes_and_30_000_000_macs(name: str) -> None:
    """128 kB is decimal: facts/dcase.md, 1.1."""
    limits = editions.load(name).limits
    assert limits.parameter_bytes.value == 128_000
    assert limits.macs.value == 30_000_000


@pytest.mark.parametrize("name", EDITIONS)
def test_every_figure_names_where_it_was_seen(name: str) -> None:
    edition = editions.load(name)
    every = [edition.official_counter, edition.zeros_count, edition.device_revealed, edition.external_data]
    every += [edition.systems_per_team, edition.limits.macs, edition.limits.parameter_bytes]
    assert all(fact.source.strip() for fact in every)


def test_only_2022_limits_the_number_of_parameters() -> None:
    found = {name: editions.load(name).limits.parameters for name in EDITIONS}
    assert found["dcase2022"] is not None
    assert found["dcase2022"].value == 128_000
    assert [found[name] for name in EDITIONS[1:]] == [None, None, None]


@pytest.mark.parametrize("name", EDITIONS)
def test_zero_weights_count_in_every_edition(name: str) -> None:
    assert editions.load(name).zeros_count.value is True


def test_only_2025_reveals_the_device_of_a_test_clip() -> None:
    assert [name for name in EDITIONS if editions.load(name).device_revealed.value] == ["dcase2025"]
    assert [name for name in TRACKS if tracks.load(name)[0].device_revealed] == ["dcase2025-task1", "demo-2025"]


def test_what_no_stored_copy_confirms_stays_unconfirmed() -> None:
    """facts/dcase.md, 1.1, 1.5, 1.8, 7 and 9: confirming one of these takes a person who has seen the rules."""
    year = {name: editions.load(name) for name in EDITIONS}
    unconfirmed = [
        year["dcase2023"].limits.parameter_bytes,
        year["dcase2022"].systems_per_team,
        year["dcase2023"].systems_per_team,
        year["dcase2022"].external_data,
        year["dcase2023"].external_data,
        tracks.load("dcase2022-task1")[0].ranking,
        tracks.load("dcase2023-task1")[0].ranking,
    ]
    assert [fact.status for fact in unconfirmed] == ["unconfirmed"] * 7


def test_rules_that_were_worked_out_from_tables_are_called_derived() -> None:
    assert tracks.load("dcase2024-task1")[0].ranking.status == "derived"
    assert tracks.load("dcase2025-task1")[0].ranking.status == "derived"


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("dcase2022-task1", "log_loss"),
        ("dcase2023-task1", "weighted_rank"),
        ("dcase2024-task1", "mean_of_splits"),
        ("dcase2025-task1", "macro_accuracy"),
    ],
)
def test_a_track_ranks_by_the_rule_of_its_year(name: str, rule: str) -> None:
    assert tracks.load(name)[0].ranking.rule == rule


@pytest.mark.parametrize("near", ["dcase2042", "dcase-2024", "DCASE2024", ""])
def test_an_unknown_edition_is_answered_with_the_nearest_name_or_all(near: str) -> None:
    with pytest.raises(Mistake, match=r"Did you mean \"dcase20\d\d\"\?|Valid names: dcase2022, dcase2023") as caught:
        editions.load(near)
    assert caught.value.rule == "edition.unknown"


@pytest.mark.parametrize("name", ["../tracks/demo", "dcase2024.toml", "__init__"])
def test_an_edition_is_a_name_and_never_a_path(name: str) -> None:
    with pytest.raises(Mistake, match="There is no edition"):
        editions.load(name)


SOUNDS = ["esc10", "esc10-folds-1-4", "esc50"]
TAGS = ["audioset", "audioset-balanced", "fsd50k"]


def test_the_tracks_are_those_of_four_years_the_demo_small_real_ones_other_sounds_and_one_for_studies() -> None:
    assert tracks.names() == sorted([*TRACKS, *SOUNDS, *TAGS, "scene10-mobile", "speech-commands-v2", "tau2022"])


def test_the_track_of_studies_is_that_of_2023_without_its_limits() -> None:
    study, official = tracks.load("tau2022")[0], tracks.load("dcase2023-task1")[0]
    same = ("labels", "splits", "test", "device_groups", "seeds", "published", "preset", "clip_seconds")
    assert all(getattr(study, name) == getattr(official, name) for name in same)
    assert (study.edition, study.rules) == (None, None)


def test_official_tracks_take_the_paper_s_preset() -> None:
    presets = {name: tracks.load(name)[0].preset for name in tracks.names()}
    assert presets == {
        **dict.fromkeys(TRACKS, "paper"), "demo": "demo", "demo-2025": "demo", "scene10-mobile": "small",
        "tau2022": "paper",
        "esc10": "esc50", "esc10-folds-1-4": "small", "esc50": "esc50", "speech-commands-v2": "speech-commands",
        **{name: name for name in TAGS},
    }  # fmt: skip


def test_the_small_real_track_keeps_three_devices_for_the_test_and_trains_on_five_shares() -> None:
    track, _ = tracks.load("scene10-mobile")
    assert track.device_groups["unseen"] == ("s7", "s8", "s9")
    assert list(track.splits) == ["5", "10", "25", "50", "100"]
    assert (track.data, track.preset, track.seeds) == (None, "small", (0, 1, 2))


@pytest.mark.parametrize("name", TRACKS)
def test_a_track_has_the_name_of_its_file_and_the_rules_of_its_year(name: str) -> None:
    track, folder = tracks.load(name)
    assert (track.name, folder) == (name, tracks.FOLDER.resolve())
    assert track.rules is not None
    assert track.rules.name == {"demo": "dcase2024", "demo-2025": "dcase2025"}.get(name, name.removesuffix("-task1"))


@pytest.mark.parametrize("name", TRACKS)
def test_labels_stand_in_the_official_order_and_devices_in_the_official_groups(name: str) -> None:
    track, _ = tracks.load(name)
    assert track.labels == OFFICIAL_ORDER
    groups = {"real": ("a", "b", "c"), "seen": ("s1", "s2", "s3"), "unseen": ("s4", "s5", "s6")}
    assert track.device_groups == groups
    assert track.clip_seconds == 1.0


def test_2024_trains_on_five_shares_and_2025_on_a_quarter() -> None:
    assert list(tracks.load("dcase2024-task1")[0].splits) == ["5", "10", "25", "50", "100"]
    assert list(tracks.load("dcase2025-task1")[0].splits) == ["25"]


def test_an_unknown_track_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(Mistake, match=r'no track "dcase2024-task2"\. Did you mean "dcase2024-task1"\?') as caught:
        tracks.load("dcase2024-task2")
    assert caught.value.rule == "track.unknown"


def test_a_track_is_read_by_the_path_of_its_file_with_or_without_toml(tmp_path: Path, tau_folder: Path) -> None:
    path = made.track_file(tmp_path / "tiny.toml", tau_folder)
    bare = tmp_path / "tiny"
    bare.write_bytes(path.read_bytes())
    for place in (path, bare):
        track, folder = tracks.load(str(place))
        assert (track.name, folder) == ("tiny", tmp_path.resolve())


def test_a_path_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(Mistake, match=r"mine\.toml does not exist"):
        tracks.load(str(tmp_path / "mine.toml"))


def test_a_track_without_edition_has_no_limits_and_reveals_nothing(tmp_path: Path, tau_folder: Path) -> None:
    track, _ = tracks.load(str(made.track_file(tmp_path / "tiny.toml", tau_folder, edition=None)))
    assert track.rules is None
    assert track.device_revealed is False


def test_a_label_that_stands_twice_is_refused(tmp_path: Path, tau_folder: Path) -> None:
    problem = track_refusal(tmp_path, tau_folder, '["bus", "park", "tram"]', '["bus", "park", "bus"]')
    assert 'key "labels"' in problem
    assert "a label stands twice" in problem


def test_an_unknown_edition_in_a_track_is_refused_with_the_nearest_name(tmp_path: Path, tau_folder: Path) -> None:
    problem = track_refusal(tmp_path, tau_folder, '"dcase2024"', '"dcase2204"')
    assert 'there is no edition "dcase2204". Did you mean "dcase20' in problem
    assert "line 6" in problem


def test_a_default_split_that_is_no_split_is_refused_by_name(tmp_path: Path, tau_folder: Path) -> None:
    problem = track_refusal(tmp_path, tau_folder, 'default_splits = ["100"]', 'default_splits = ["100", "75"]')
    assert "default_splits names ['75'], which splits does not have" in problem


@pytest.mark.parametrize("name", ["Tiny", "../tiny", "", "a b", "-x"])
def test_a_track_s_name_is_fit_for_a_folder(tmp_path: Path, tau_folder: Path, name: str) -> None:
    assert 'key "name"' in track_refusal(tmp_path, tau_folder, 'name = "tiny"', f'name = "{name}"')


@pytest.mark.parametrize("limit", ["train_seconds = 0", "memory_gib = -1", "check_seconds = 'long'"])
def test_a_limit_is_a_number_above_zero(tmp_path: Path, tau_folder: Path, limit: str) -> None:
    key = limit.split(" ", maxsplit=1)[0]
    assert f'key "limits.{key}"' in track_refusal(tmp_path, tau_folder, "[limits]", f"[limits]\n{limit}")


def test_an_unknown_limit_is_refused_with_the_nearest_name(tmp_path: Path, tau_folder: Path) -> None:
    problem = track_refusal(tmp_path, tau_folder, "[limits]", "[limits]\ntrain_second = 3")
    assert 'unknown key "limits.train_second". Did you mean "train_seconds"?' in problem


FOLDED = """
name = "folded"
title = "Folds"
dataset = "{dataset}"
labels = ["dog", "rain"]
{lists}

[device_groups]

[ranking]
rule = "mean_of_splits"
status = "derived"
source = "a test"
"""


def folded(folder: Path, lists: str, dataset: str = "esc50") -> tracks.Track:
    path = folder / "folded.toml"
    path.write_text(FOLDED.format(dataset=dataset, lists=lists))
    return tracks.load(str(path))[0]


def test_a_track_with_folds_has_a_split_for_each_called_after_it(tmp_path: Path) -> None:
    track = folded(tmp_path, 'folds = ["1", "2", "3"]')
    assert list(track.splits) == list(track.folds) == ["1", "2", "3"]
    assert tracks.chosen_splits(track, ["3", "1"]) == ("3", "1")
    assert track.test == ""
    assert tracks.Track.model_validate(track.model_dump()) == track


@pytest.mark.parametrize(
    ("lists", "dataset", "problem"),
    [
        ('folds = ["1", "2"]\ntest = "test.csv"', "esc50", "names neither splits nor test"),
        ('folds = ["1", "2"]\nsplits = { 5 = "split5.csv" }', "esc50", "names neither splits nor test"),
        ('folds = ["1", "1"]', "esc50", "there are two folds or more, and each stands there once"),
        ('folds = ["1"]', "esc50", "there are two folds or more, and each stands there once"),
        ("folds = [1, 2]", "esc50", 'key "folds.0": input should be a valid string'),
        ('folds = "12"', "esc50", 'key "folds"'),
        ('folds = ["test", "2"]', "esc50", 'a training split may not be called "test"'),
        ('folds = ["1", "2"]', "tau2022", 'folds are what a data set in the layout "esc50" has'),
        ('test = "test.csv"', "esc50", 'folds are what a data set in the layout "esc50" has'),
        ('test = "test.csv"\nsubset = "esc10"', "tau2022", "subset is a column of esc50.csv"),
        ("", "tau2022", 'the key "test" is missing.'),
        ('test = "test.csv"\nlength = "crop"', "tau2022", 'key "length"'),
    ],
)
def test_folds_that_do_not_fit_are_refused_in_one_sentence(
    tmp_path: Path, lists: str, dataset: str, problem: str
) -> None:
    with pytest.raises(Mistake) as caught:
        folded(tmp_path, lists, dataset)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [*SOUNDS, "speech-commands-v2"])
def test_tracks_of_other_sounds_have_no_devices_no_limits_and_clips_of_any_length(name: str) -> None:
    track, _ = tracks.load(name)
    assert (track.name, track.device_groups, track.rules, track.length) == (name, {}, None, "crop_or_pad")


def test_esc_tracks_have_the_official_folds_and_the_one_at_hand_the_first_four() -> None:
    folds = {name: "".join(tracks.load(name)[0].folds) for name in SOUNDS}
    assert folds == {"esc10": "12345", "esc10-folds-1-4": "1234", "esc50": "12345"}
