"""Lists are made by the official rules, for any data in the layout; what cannot be split is said in one sentence."""

from __future__ import annotations

import gzip
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.data import lists, splitting
from harness.data.lists import META_COLUMNS, Table
from harness.data.splitting import Plan, Wishes
from harness.outcomes import Mistake

Row = tuple[str, str, str, str]
TAU = Wishes(unseen=("s4", "s5", "s6"), main_device="a")
PEOPLE = Wishes(unseen=("s7",), main_device="a")


@dataclass(frozen=True)
class Clip:
    """The fields of a name, taken apart without the code under test."""

    scene: str
    location: str
    segment: str
    k: str
    device: str

    @property
    def recording(self) -> tuple[str, str]:
        return self.segment, self.device


@cache
def clip(name: str) -> Clip:
    scene, city, location, segment, k, device = name.removeprefix("audio/").removesuffix(".wav").split("-")
    return Clip(scene, f"{city}-{location}", f"{scene}-{city}-{location}-{segment}", k, device)


def row(scene: str, city: str, location: int, segment: int, k: int, device: str) -> Row:
    name = f"audio/{scene}-{city}-{location}-{segment}-{k}-{device}.wav"
    return name, scene, f"{city}-{location}", device


def table(rows: Iterable[Row]) -> Table:
    rows = list(rows)
    columns = dict(zip(META_COLUMNS, map(list, zip(*rows, strict=True)), strict=True)) if rows else {}
    columns = columns or {name: [] for name in META_COLUMNS}
    return Table(Path("meta.csv"), columns, range(2, 2 + len(rows)))


@cache
def made(seed: int = 0, *, shared_places: bool = False) -> tuple[Row, ...]:
    """Devices a (all segments), b, s1 and s7 (some of them), uneven locations, some recordings with fewer clips."""
    draw = np.random.default_rng(seed)
    rows: list[Row] = []
    for number, scene in enumerate(("bus", "metro_station", "park", "tram")):
        for place in range(draw.integers(5, 10)):
            location = place if shared_places else 100 * number + place
            for segment in range(draw.integers(4, 15)):
                others = [device for device in ("b", "s1", "s7") if segment < 2 or draw.random() < 0.3]
                for device in ("a", *others):
                    clips = 10 if draw.random() < 0.9 else draw.integers(1, 10)
                    rows += [row(scene, "lyon", location, 1000 * location + segment, k, device) for k in range(clips)]
    return tuple(rows)


def names(rows: Iterable[tuple[str, str]]) -> set[str]:
    return {name for name, _ in rows}


def check(meta: Sequence[Row], plan: Plan, wishes: Wishes) -> None:
    """All that the official lists keep to."""
    everything = {name for name, *_ in meta}
    whole, test = names(plan.training["100"]), names(plan.test)
    shares = sorted(plan.training, key=int)
    for share, larger in pairwise(shares):
        assert names(plan.training[share]) <= names(plan.training[larger])
        assert plan.training[larger][: len(plan.training[share])] == plan.training[share]
    assert whole | test | set(plan.unused) == everything
    assert len(plan.training["100"]) + len(plan.test) + len(plan.unused) == len(everything)
    for part in (clip, lambda name: clip(name).segment, lambda name: clip(name).location):
        assert not set(map(part, whole)) & set(map(part, test))
    clips_of = defaultdict(set)
    for name in everything:
        clips_of[clip(name).recording].add(name)
    for rows in (*plan.training.values(), plan.test):
        assert {name for one in {clip(name).recording for name in names(rows)} for name in clips_of[one]} == names(rows)
        assert all(clip(name).scene == scene for name, scene in rows)
    assert not {clip(name).device for name in whole} & set(wishes.unseen)
    assert {clip(name).device for name in test} == {clip(name).device for name in everything}
    assert {clip(name).scene for name in whole} == {clip(name).scene for name in test} == set(plan.labels)
    assert list(plan.test) == sorted(plan.test)


def check_test_balance(plan: Plan) -> None:
    recordings = {(clip(name).scene, clip(name).device, clip(name).segment) for name, _ in plan.test}
    counts = Counter((scene, device) for scene, device, _ in recordings)
    for scene in plan.labels:
        assert len({counts[scene, device] for device in plan.devices}) == 1
        assert counts[scene, plan.devices[0]] > 0


def check_blocks(plan: Plan) -> None:
    """A list of n blocks holds n twentieths of each scene and device, to one recording a block."""
    whole = {clip(name).recording for name, _ in plan.training["100"]}
    for share, rows in plan.training.items():
        some, blocks = {clip(name).recording for name, _ in rows}, int(share) // 5
        for part in (lambda one: one[1], lambda one: one[0].split("-")[0]):
            total, held = Counter(map(part, whole)), Counter(map(part, some))
            for key, count in total.items():
                assert blocks * (count // 20) <= held[key] <= blocks * -(-count // 20)
                assert held[key] or count < 20


def main_share(plan: Plan, share: str = "100") -> float:
    return plan.by_device[share]["a"] / sum(plan.by_device[share].values())


@settings(max_examples=30, deadline=None)
@given(
    data=st.integers(0, 5),
    shared_places=st.booleans(),
    seed=st.integers(0, 2**32),
    main_device=st.sampled_from(["a", None]),
    unseen=st.sampled_from([("s7",), (), ("b", "s7")]),
    wish=st.floats(0.6, 0.95),
    test_share=st.floats(0.15, 0.6),
    shares=st.sampled_from([(5, 10, 25, 50, 100), (100, 35), (100,)]),
)
def test_lists_of_any_seed_and_wish_keep_to_the_rules(
    *,
    data: int,
    shared_places: bool,
    seed: int,
    main_device: str | None,
    unseen: tuple[str, ...],
    wish: float,
    test_share: float,
    shares: tuple[int, ...],
) -> None:
    wishes = Wishes(unseen, main_device, test_share, wish, shares, seed)
    meta = made(data, shared_places=shared_places)
    plan = splitting.plan(table(meta), wishes)
    assert list(plan.training) == [str(share) for share in sorted(shares)]
    check(meta, plan, wishes)
    check_test_balance(plan)
    check_blocks(plan)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("wish", [0.73, 0.85, 0.95])
def test_the_main_device_has_its_share_to_one_recording(seed: int, wish: float) -> None:
    plan = splitting.plan(table(made(seed)), replace(PEOPLE, main_share=wish, seed=seed))
    main, total = plan.by_device["100"]["a"], sum(plan.by_device["100"].values())
    everything = [name for name, *_ in made(seed) if clip(name).location not in plan.test_locations]
    assert main == sum(clip(name).device == "a" for name in everything)
    spare = sum(clip(name).device in {"b", "s1"} for name in everything) - (total - main)
    assert main / (total + 10) < wish
    assert main / (total - 10) > wish
    assert spare > 0


def test_the_other_devices_have_equally_many_recordings_in_equally_many_of_each_scene() -> None:
    plan = splitting.plan(table(made()), replace(PEOPLE, main_share=0.9))
    recordings = {clip(name).recording for name, _ in plan.training["100"]}
    devices = Counter(device for _, device in recordings if device != "a")
    assert set(devices) == {"b", "s1"}
    assert max(devices.values()) - min(devices.values()) <= 1
    for device in devices:
        scenes = Counter(segment.split("-")[0] for segment, other in recordings if other == device)
        assert set(scenes) == set(plan.labels)
        assert max(scenes.values()) - min(scenes.values()) <= 1


def test_others_that_are_fewer_than_the_share_allows_are_all_kept_if_parallel() -> None:
    alone = [row("bus", "lyon", place, 90_000 + place, k, "b") for place in range(6) for k in range(10)]
    meta = [*made(), *(one for one in alone if one[2] in {place for _, _, place, _ in made()})]
    plan = splitting.plan(table(meta), replace(PEOPLE, main_share=0.2))
    trained = [one[0] for one in meta if one[2] not in plan.test_locations and one[3] != "s7"]
    lonely = {one[0] for one in alone}
    assert names(plan.training["100"]) == set(trained) - lonely
    assert set(trained) & lonely


def test_without_a_main_device_all_of_the_seen_devices_is_kept() -> None:
    plan = splitting.plan(table(made()), Wishes(unseen=("s7",)))
    trained = {one[0] for one in made() if one[2] not in plan.test_locations and one[3] != "s7"}
    assert names(plan.training["100"]) == trained


def test_the_test_prefers_segments_that_all_devices_recorded() -> None:
    """Every location has two segments by all devices, and device a has many more."""
    plan = splitting.plan(table(made()), PEOPLE)
    together = defaultdict(set)
    for name, *_ in made():
        together[clip(name).segment].add(clip(name).device)
    for scene in plan.labels:
        parallel = {
            segment
            for segment, devices in together.items()
            if len(devices) == 4 and segment.split("-")[0] == scene and location_of(segment) in plan.test_locations
        }
        tested = {clip(name).segment for name, _ in plan.test if clip(name).scene == scene and clip(name).device == "a"}
        assert parallel
        assert parallel <= tested or tested <= parallel


def location_of(segment: str) -> str:
    return segment.split("-", 1)[1].rsplit("-", 1)[0]


@pytest.mark.parametrize("shared_places", [False, True])
@pytest.mark.parametrize("share", [0.2, 0.3, 0.5])
def test_the_test_comes_near_its_share_of_each_scene(*, share: float, shared_places: bool) -> None:
    meta = made(shared_places=shared_places)
    plan = splitting.plan(table(meta), replace(PEOPLE, test_share=share))
    segments = {clip(name).segment for name, *_ in meta}
    total = Counter(one.split("-")[0] for one in segments)
    tested = Counter(one.split("-")[0] for one in segments if location_of(one) in plan.test_locations)
    distances = [abs(tested[scene] / total[scene] - share) for scene in total]
    assert max(distances) < (0.13 if shared_places else 0.06)


def test_the_nearest_choice_of_all_is_found_where_there_are_few() -> None:
    """Locations of 8, 5, 4 and 3 segments: 30 % of 20 are 6, and 5 and 7 are as near as it goes."""
    sizes = (8, 5, 4, 3)
    rows = [
        row(scene, "lyon", 10 * number + place, 100 * place + segment, 0, "a")
        for number, scene in enumerate(("bus", "tram"))
        for place, size in enumerate(sizes)
        for segment in range(size)
    ]
    plan = splitting.plan(table(rows), Wishes())
    for number in range(2):
        inside = [sizes[place] for place in range(4) if f"lyon-{10 * number + place}" in plan.test_locations]
        assert sum(inside) in {5, 7}


def test_the_same_seed_makes_the_same_lists_whatever_the_order_of_the_rows() -> None:
    turned = [made()[place] for place in np.random.default_rng(1).permutation(len(made()))]
    assert turned != list(made())
    assert splitting.plan(table(made()), PEOPLE) == splitting.plan(table(turned), PEOPLE)


def test_names_without_their_folder_make_the_same_lists() -> None:
    bare = [(name.removeprefix("audio/"), *rest) for name, *rest in made()]
    assert splitting.plan(table(bare), PEOPLE) == splitting.plan(table(made()), PEOPLE)  # type: ignore[arg-type]


def test_another_seed_makes_other_lists() -> None:
    plans = [splitting.plan(table(made()), replace(PEOPLE, seed=seed)) for seed in range(3)]
    assert len({plan.training["5"] for plan in plans}) == 3
    assert len({plan.test for plan in plans}) == 3


def test_of_choices_equally_near_by_segments_the_one_nearest_by_devices_is_taken() -> None:
    """Ten like locations; b recorded 5 segments at three of them and 1 elsewhere, 22 in all: 7 are nearest to 30 %."""
    rows = [
        row(scene, "lyon", 100 * number + place, 1000 * place + segment, 0, device)
        for number, scene in enumerate(("bus", "tram"))
        for place in range(10)
        for segment in range(5)
        for device in ("a", "b")
        if device == "a" or place < 3 or segment == 0
    ]
    for seed in range(3):
        plan = splitting.plan(table(rows), Wishes(seed=seed))
        tested = Counter((one[1], one[3]) for one in rows if one[2] in plan.test_locations)
        assert tested == {("bus", "a"): 15, ("bus", "b"): 7, ("tram", "a"): 15, ("tram", "b"): 7}


def test_both_sides_get_a_location_however_far_from_the_wish_that_is() -> None:
    """With two like locations, none in the test would be nearer to 10 %, and both to 90 %."""
    places = {"bus": {"lyon-0", "lyon-1"}, "tram": {"lyon-100", "lyon-101"}}
    rows = [
        row(scene, "lyon", int(place.removeprefix("lyon-")), segment, 0, "a")
        for scene, two in places.items()
        for place in sorted(two)
        for segment in range(10)
    ]
    for share in (0.1, 0.9):
        plan = splitting.plan(table(rows), Wishes(test_share=share))
        for two in places.values():
            assert len(two & set(plan.test_locations)) == 1


def test_the_seed_decides_between_test_locations_that_are_equally_good() -> None:
    rows = [
        row(scene, "lyon", 100 * number + place, 1000 * place + segment, 0, "a")
        for number, scene in enumerate(("bus", "tram"))
        for place in range(10)
        for segment in range(3)
    ]
    plans = [splitting.plan(table(rows), Wishes(seed=seed)) for seed in range(3)]
    assert {len(plan.test_locations) for plan in plans} == {6}
    assert len({plan.test_locations for plan in plans}) == 3


def test_a_share_makes_the_same_list_whatever_other_shares_are_wanted() -> None:
    few = splitting.plan(table(made()), replace(PEOPLE, shares=(100, 25)))
    assert few.training["25"] == splitting.plan(table(made()), PEOPLE).training["25"]


def test_a_list_is_in_the_order_of_its_blocks_and_by_name_within_one() -> None:
    plan = splitting.plan(table(made()), replace(PEOPLE, shares=tuple(range(5, 101, 5))))
    start = 0
    for rows in plan.training.values():
        block = rows[start:]
        assert list(block) == sorted(block)
        assert block
        start = len(rows)


def test_counts_are_those_of_the_lists() -> None:
    plan = splitting.plan(table(made()), PEOPLE)
    parts = {**{share: [name for name, _ in rows] for share, rows in plan.training.items()}}
    parts |= {"test": [name for name, _ in plan.test], "unused": list(plan.unused)}
    for part, held in parts.items():
        devices, scenes = (Counter(getattr(clip(name), field) for name in held) for field in ("device", "scene"))
        assert plan.by_device[part] == {device: devices[device] for device in ("a", "b", "s1", "s7")}
        assert plan.by_scene[part] == {scene: scenes[scene] for scene in plan.labels}
    assert plan.by_device["100"]["s7"] == 0
    assert plan.seen == ("a", "b", "s1")


def test_scenes_recorded_at_the_same_places_stay_on_one_side_together() -> None:
    meta = made(shared_places=True)
    plan = splitting.plan(table(meta), PEOPLE)
    sides = {clip(name).location for name, _ in plan.training["100"]}, {clip(name).location for name, _ in plan.test}
    assert not sides[0] & sides[1]
    assert sides[1] <= set(plan.test_locations)
    assert len({clip(name).scene for name, _ in plan.test}) == 4


def test_a_device_with_two_locations_is_on_both_sides() -> None:
    """By chance alone both locations would often fall to one side."""
    kept = {"lyon-0", "lyon-1", "lyon-100", "lyon-101", "lyon-200", "lyon-201", "lyon-300", "lyon-301"}
    meta = [one for one in made() if one[3] != "b" or one[2] in kept]
    for seed in range(5):
        plan = splitting.plan(table(meta), replace(PEOPLE, seed=seed, main_share=0.5))
        for rows in (plan.training["100"], plan.test):
            assert {clip(name).scene for name, _ in rows if clip(name).device == "b"} == set(plan.labels)


@pytest.fixture(scope="module")
def tau(shared: Path) -> Plan:
    """The plan for the meta.csv of TAU 2022, with the wishes that are nearest to what its authors did."""
    return splitting.plan(tau_meta(shared), TAU)


@cache
def tau_meta(shared: Path) -> Table:
    source = shared / "data" / "tau22_splits" / "meta.csv.gz"
    if not source.is_file():
        pytest.skip(f"{source} is not here")
    lines = [line.split("\t") for line in gzip.decompress(source.read_bytes()).decode().splitlines()]
    columns = dict(zip(lines[0], map(list, zip(*lines[1:], strict=True)), strict=True))
    return Table(source, columns, range(2, len(lines) + 1))


def test_lists_of_tau_are_near_the_official_ones(tau: Plan) -> None:
    """Facts 2.4: 139,620 training and 29,680 test clips, 73 % of device a, 365 and 146 locations."""
    assert len(tau.training["100"]) == pytest.approx(139_620, rel=0.02)
    assert len(tau.test) == pytest.approx(29_680, rel=0.1)
    assert len(tau.test_locations) == pytest.approx(146, rel=0.1)
    assert main_share(tau) == pytest.approx(0.73, abs=1e-4)
    for share, rows in tau.training.items():
        assert main_share(tau, share) == pytest.approx(0.73, abs=0.003)
        assert len(rows) == pytest.approx(len(tau.training["100"]) * int(share) / 100, abs=2 * int(share))
    assert set(tau.by_device["test"].values()) == {len(tau.test) // 9}


def test_lists_of_tau_keep_to_the_rules(tau: Plan, shared: Path) -> None:
    columns = tau_meta(shared).columns
    check(list(zip(*(columns[name] for name in META_COLUMNS), strict=True)), tau, TAU)
    check_test_balance(tau)
    check_blocks(tau)


def refusal(meta: Iterable[Row], wishes: Wishes, rule: str) -> Mistake:
    with pytest.raises(Mistake) as caught:
        splitting.plan(table(meta), wishes)
    assert caught.value.rule == rule
    assert caught.value.problem.endswith(".")
    assert caught.value.remedy.endswith((".", "?"))
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("device", ["s77", "A"])
@pytest.mark.parametrize("field", ["unseen", "main_device"])
def test_a_device_that_has_no_clip_is_refused_with_the_nearest(field: str, device: str) -> None:
    wish = {field: device if field == "main_device" else (device,)}
    mistake = refusal(made(), Wishes(**wish), "splits.device")  # type: ignore[arg-type]
    assert f'"{device}"' in mistake.problem
    assert mistake.remedy == ('Did you mean "s7"?' if device == "s77" else "Valid names: a, b, s1, s7.")


def test_devices_that_are_all_unseen_are_refused() -> None:
    assert "a, b, s1, s7" in refusal(made(), Wishes(unseen=("s7", "s1", "b", "a")), "splits.unseen").remedy


def test_a_main_device_that_is_unseen_is_refused() -> None:
    assert '"a"' in refusal(made(), Wishes(unseen=("a",), main_device="a"), "splits.unseen").problem


@pytest.mark.parametrize("shares", [(7, 100), (0, 100), (105, 100), (-5, 100)])
def test_a_share_that_is_no_number_of_blocks_is_refused(shares: tuple[int, ...]) -> None:
    assert str(shares[0]) in refusal(made(), replace(PEOPLE, shares=shares), "splits.shares").problem


@pytest.mark.parametrize("shares", [(5, 50), ()])
def test_shares_without_the_whole_list_are_refused(shares: tuple[int, ...]) -> None:
    assert "100" in refusal(made(), replace(PEOPLE, shares=shares), "splits.shares").remedy


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 30.0, float("nan")])
@pytest.mark.parametrize("field", ["test_share", "main_share"])
def test_a_share_outside_its_range_is_refused(field: str, share: float) -> None:
    mistake = refusal(made(), replace(PEOPLE, **{field: share}), "splits.share")  # type: ignore[arg-type]
    assert f"--{field.replace('_', '-')} {share}" in mistake.problem


@pytest.mark.parametrize("rows", [[], [one for one in made() if one[1] == "bus"]])
def test_less_than_two_scenes_are_refused(rows: list[Row]) -> None:
    assert ("0 scenes" if not rows else "1 scene;") in refusal(rows, Wishes(), "splits.scenes").problem


@pytest.mark.parametrize(
    "name",
    [
        "audio/bus-lyon-1-1-a.wav",
        "audio/bus-lyon-1-1-0-0-a.wav",
        "audio/bus-lyon-1-1-x-a.wav",
        "audio/bus-lyon-1-1-0-a.flac",
        "audio/more/bus-lyon-1-1-0-a.wav",
        "audio/bus-lyon-1-1-0-.wav",
    ],
)
def test_a_name_outside_the_grammar_is_refused_by_line(name: str) -> None:
    mistake = refusal([*made()[:3], (name, "bus", "lyon-1", "a")], Wishes(), "splits.name")
    assert f"meta.csv, line 5: {name} " in mistake.problem


@pytest.mark.parametrize("place", [1, 2, 3])
def test_a_name_that_contradicts_its_row_is_refused_by_line(place: int) -> None:
    wrong = ["audio/bus-lyon-1-1-0-a.wav", "bus", "lyon-1", "a"]
    named, wrong[place] = wrong[place], "other"
    mistake = refusal([*made()[:3], tuple(wrong)], Wishes(), "splits.column")  # type: ignore[list-item]
    assert "meta.csv, line 5: " in mistake.problem
    assert f'"{named}" in its name and "other" in the column {META_COLUMNS[place]}' in mistake.problem


def test_a_name_that_stands_twice_is_refused_with_both_lines() -> None:
    again = (made()[1][0].removeprefix("audio/"), *made()[1][1:])
    problem = refusal([*made()[:5], again], Wishes(), "splits.twice").problem
    assert "line 7:" in problem
    assert "in line 3 already" in problem


def test_a_row_that_lacks_a_value_is_refused(tmp_path: Path) -> None:
    lists.write(tmp_path / "meta.csv", META_COLUMNS, [*made()[:2], made()[2][:3]])
    with pytest.raises(Mistake, match=r"line 4 has too few columns"):
        splitting.plan(lists.read(tmp_path / "meta.csv", META_COLUMNS), Wishes())


def test_a_scene_of_one_location_is_refused_with_its_count() -> None:
    rows = [one for one in made() if one[1] != "park" or one[2] == "lyon-200"]
    problem = refusal(rows, PEOPLE, "splits.locations").problem
    assert '"park" was recorded at 1 location;' in problem


def test_a_main_device_at_one_location_of_a_scene_is_refused() -> None:
    rows = [one for one in made() if one[1] != "park" or one[3] != "a" or one[2] == "lyon-200"]
    problem = refusal(rows, PEOPLE, "splits.locations").problem
    assert '"park" was recorded with the main device "a" at 1 location;' in problem


def test_a_scene_that_lacks_a_device_is_refused() -> None:
    rows = [one for one in made() if (one[1], one[3]) != ("tram", "s7")]
    assert '"tram" has no recording of device "s7"' in refusal(rows, PEOPLE, "splits.missing").problem


def test_a_scene_whose_devices_need_all_locations_for_the_test_is_refused() -> None:
    """Park has s1 at one of its two locations and s7 at the other, and the test needs both."""
    rows = [one for one in made() if one[1] != "park" or one[2] in {"lyon-200", "lyon-201"}]
    rows = [one for one in rows if one[1] != "park" or one[3] in {"a", "b", {"0": "s1", "1": "s7"}[one[2][-1]]}]
    assert 'scene "park"' in refusal(rows, PEOPLE, "splits.locations").problem


def test_a_seen_device_that_is_never_parallel_to_the_main_device_is_refused() -> None:
    rows = [one for one in made() if one[3] != "b"]
    for number, scene in enumerate(("bus", "metro_station", "park", "tram")):
        rows += [row(scene, "lyon", 100 * number + place, 9000 + place, 0, "b") for place in range(5)]
    mistake = refusal(rows, PEOPLE, "splits.training")
    assert '"b"' in mistake.problem
    assert '"a" recorded too' in mistake.problem


def test_a_seen_device_for_which_no_location_is_left_is_refused() -> None:
    rows = [one for one in made() if one[3] != "b" or one[2] in {"lyon-0", "lyon-100", "lyon-200", "lyon-300"}]
    mistake = refusal(rows, Wishes(unseen=("s7",)), "splits.training")
    assert '"b"' in mistake.problem
    assert "--unseen" in mistake.remedy


def test_a_scene_for_which_nothing_is_left_to_train_with_is_refused() -> None:
    """Park has its two seen devices at one location each; the third location has the unseen one."""
    devices = {"lyon-200": "a", "lyon-201": "b", "lyon-202": "s7"}
    rows = [one for one in made() if one[3] != "s1" and (one[1] != "park" or devices.get(one[2]) == one[3])]
    assert 'scene "park"' in refusal(rows, Wishes(unseen=("s7",)), "splits.locations").problem


def test_too_few_recordings_for_twenty_blocks_are_refused_but_make_one_list() -> None:
    rows = [row(scene, "lyon", place, place, k, "a") for scene in ("bus", "tram") for place in range(9) for k in (0, 1)]
    assert "12 recordings" in refusal(rows, Wishes(), "splits.small").problem
    plan = splitting.plan(table(rows), Wishes(shares=(100,)))
    assert len(plan.training["100"]) == 24
    assert len(plan.test) == 12
