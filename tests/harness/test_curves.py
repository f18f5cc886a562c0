"""Training curves that an entry left, and what is no such thing."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import curves


def test_a_table_of_numbers_by_epoch_is_read_and_written(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("epoch,loss,score\n1,2.5,0.25\n2,1.2500000001,0.5\n", encoding="utf-8")
    found = curves.read(tmp_path / "metrics.csv")
    assert found is not None
    assert found.epochs == (1, 2)
    assert found.column("loss") == (2.5, 1.2500000001)
    assert found.csv() == b"epoch,loss,score\n1,2.5,0.25\n2,1.25,0.5\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "epoch,loss\n",
        "loss,epoch\n1,2\n",
        "epoch\n1\n",
        "epoch,loss\n1\n",
        "epoch,loss\n1,much\n",
        "epoch,loss\n1,nan\n",
        "epoch,loss\n1,inf\n",
        "epoch,loss\none,1\n",
        "epoch,loss,loss\n1,2,3\n",
        "epoch,<script>\n1,2\n",
        "epoch," + "x" * 41 + "\n1,2\n",
        "epoch," + ",".join(f"m{i}" for i in range(17)) + "\n1" + ",0" * 17 + "\n",
        "epoch,loss\n" + "1,1\n" * 10_000,
        "\0",
    ],
)
def test_what_is_no_such_table_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "metrics.csv").write_text(text, encoding="utf-8")
    assert curves.read(tmp_path / "metrics.csv") is None


def test_a_file_that_is_absent_too_large_or_no_text_is_none(tmp_path: Path) -> None:
    assert curves.read(tmp_path / "metrics.csv") is None
    (tmp_path / "metrics.csv").write_bytes(b"\xff\xfe")
    assert curves.read(tmp_path / "metrics.csv") is None
    (tmp_path / "metrics.csv").write_bytes(b"epoch,loss\n" + b"1,1\n" * 2**18)
    assert curves.read(tmp_path / "metrics.csv") is None
    assert curves.read(tmp_path) is None
