"""Half sentences that name what was meant."""

from __future__ import annotations

from harness.outcomes import MOST_NAMES, nearest


def test_few_valid_names_are_listed_and_of_many_the_nearest_is_named() -> None:
    few = [f"a{number:03}" for number in range(MOST_NAMES)]
    assert nearest("zzzz", few) == f"Valid names: {', '.join(few)}."
    assert nearest("zz9z", [*few, "Zebra z9"]) == f'The nearest of {MOST_NAMES + 1} valid names is "Zebra z9".'
    assert nearest("a0599", [*few, "Zebra z9"]) == 'Did you mean "a059"?'
