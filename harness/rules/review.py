"""What no program can tell, so that whoever accepts an entry or a change looks at it."""

from __future__ import annotations

from harness.rules.rule import BY_REVIEW, Rule

REVIEW_RULES: tuple[Rule, ...] = (
    Rule(
        "review.external_data",
        "External data and pre-trained models are declared in `submission.toml`, and are what the edition allows: in "
        "2024 not specific to acoustic scenes and approved by the organisers, in 2025 public and announced by 18 May.",
        BY_REVIEW,
        'A checkpoint that was trained on acoustic scenes, and external_data = "none".',
    ),
    Rule(
        "review.training_data",
        "Nothing of the data set but the clips of the split is learned from (2025: any other TAU data disqualifies).",
        BY_REVIEW,
        "A file of means that were computed over all development clips.",
    ),
    Rule(
        "review.selection",
        "Nothing is chosen by the test clips: epochs, seeds, thresholds and architectures are chosen on clips of the "
        "training list, or on those that the publisher keeps for it.",
        BY_REVIEW,
        "The epoch that scored best on the test list.",
    ),
    Rule(
        "review.identity",
        "An entry does not look for where it runs: it treats the harness's clips as any clips.",
        BY_REVIEW,
        "A prediction that depends on the name of the machine.",
    ),
    Rule(
        "review.source",
        "Code of others is used as its licence allows, and the entry says where it comes from.",
        BY_REVIEW,
        "A copied network without its licence.",
    ),
    Rule(
        "review.report",
        "The technical report describes the system that was submitted, on four pages and one of references.",
        BY_REVIEW,
        "A report of last year's system.",
    ),
)
