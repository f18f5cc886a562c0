"""Reports that scripts write from the project's own results: what is kept is what the script writes."""

from __future__ import annotations

import runpy

import pytest

from tests.conftest import PROJECT

STUDIES = PROJECT / "reports/studies"


@pytest.mark.parametrize(("script", "report"), [("learning.py", "learning.md"), ("cmkd.py", "cmkd-figures.md")])
def test_a_report_is_that_of_the_results_that_are_kept(
    script: str, report: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(STUDIES)
    written = runpy.run_path(str(STUDIES / script))["main"]([PROJECT / "reports/results"])
    assert written == (STUDIES / report).read_text(encoding="utf-8")
