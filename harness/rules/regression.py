"""What a change of this project must keep; `regression` says which result breaks it."""

from __future__ import annotations

from harness.rules.rule import Rule

REGRESSION_RULES: tuple[Rule, ...] = (
    Rule(
        "regression.lost",
        "No system, split, seed, device, class, prediction or speed that was there is gone.",
        "harness.regression.lost:lost",
        "a JSON that was deleted",
    ),
    Rule(
        "regression.failed",
        "What is run does not fail: neither what had a score, which stays, nor what is new.",
        "harness.regression.lost:failed",
        "a network that is over the limit now",
    ),
    Rule(
        "regression.unreadable",
        "Every record of results can be read.",
        "harness.regression.lost:unreadable",
        "a merge conflict in a JSON",
    ),
    Rule(
        "regression.exact",
        "Parameters, bytes and MACs of an entry that was not edited, and of a baseline whatever was edited, do "
        "not change.",
        "harness.regression.exact:costs",
        "a counter that counts otherwise",
    ),
    Rule(
        "regression.score",
        "A record's scores are those of the predictions beside it, and do not change while these do not.",
        "harness.regression.exact:scores",
        "an accuracy that was typed in",
    ),
    Rule(
        "regression.drop",
        "A system that was trained again scores no less than locations and seeds explain.",
        "harness.regression.drops:drops",
        "three points less",
    ),
    Rule(
        "regression.speed",
        "A system is surely no more than 5 % slower, as times the baseline timed in the same run, where both "
        "sides timed it repeatedly on the same hardware.",
        "harness.regression.slower:slower",
        "a loop over clips",
    ),
    Rule(
        "regression.base",
        "Records of the other side can be read; otherwise nothing is compared.",
        "harness.regression.lost:unreadable",
        "a damaged JSON on main",
    ),
    Rule(
        "regression.evidence",
        "What statistics need lies beside the records of both sides, and both were tested on the same clips.",
        "harness.regression.drops:drops",
        "a .sums.npy that was left out",
    ),
    Rule(
        "regression.new",
        "What is new is told and judged by nothing but its own predictions.",
        "harness.regression.running:findings",
        "a first result",
    ),
)
