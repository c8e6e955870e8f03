"""What `prune-mi check` writes: nothing that a file brought is markup in a comment."""

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from junitparser import JUnitXml

from prune_mi.errors import ConfigError
from prune_mi.records import (
    Check,
    ClassQuality,
    Comparison,
    EvaluatedModel,
    Evaluation,
    GateResult,
)
from prune_mi.report.evaluation import check_to_junit, check_to_markdown
from prune_mi.report.files import require_writable, write_text

HOSTILE = "<!-- | `x` @org/team ![](http://a/b) *bold*\x1b[2J\n# head"


def _check(text: str) -> Check:
    first = EvaluatedModel(
        path=f"models/{text}.keras",
        quality=0.9,
        low=0.88,
        high=0.92,
        metrics={"accuracy": 0.9},
        num_params=1000,
        macs=5000,
        num_layers=10,
        size_bytes=40_000,
        saved_bytes=30_000,
        classes=(ClassQuality("cat", 10, 0.9, 0.7, 0.98),),
        against_first=None,
    )
    second = replace(first, against_first=Comparison(0.0, -0.01, 0.01, 100, 3, 2, 1))
    gate = GateResult("max-class-drop", "failed", 0.1, 0.3, 0.2, 0.4, None, f"of 2 classes {text}")
    evaluation = Evaluation(
        "images", "classification", "accuracy", 100, 0, (first, second), (text,)
    )
    return Check(False, 0.995, (gate,), evaluation, None)


def test_nothing_that_was_brought_is_markup_in_a_comment() -> None:
    comment = check_to_markdown(_check(HOSTILE))
    bare = re.sub(r"`[^`\n]*`", "", comment)  # what is code is no markup
    for markup in ("<!--", "@org", "![", "http://a", " *bold*", "\x1b", "\n# head"):
        assert markup not in bare, markup
    rows = [line for line in comment.splitlines() if line.startswith("| `max-class-drop`")]
    assert len(rows) == 1 and rows[0].replace("\\|", "").count("|") == 4
    assert "bounds at 99.5 % confidence" in comment
    assert "| accuracy | 0.9000 | 0.9000 | 0.0000 |" in comment


def test_junit_holds_whatever_was_brought() -> None:
    suite = JUnitXml.fromstring(check_to_junit(_check(HOSTILE)).encode())
    assert (suite.tests, suite.failures) == (1, 1)


def test_files_that_cannot_be_written_are_refused_first(tmp_path: Path) -> None:
    require_writable(None)
    require_writable(tmp_path / "comment.md")
    with pytest.raises(ConfigError, match="is a folder; expected the name of a file"):
        require_writable(tmp_path)
    with pytest.raises(ConfigError, match="make it first"):
        require_writable(tmp_path / "missing" / "comment.md")
    assert write_text(tmp_path / "comment.md", "told") == []
    (fault,) = write_text(tmp_path / "missing" / "comment.md", "told")
    assert "cannot write" in fault and os.fspath(tmp_path) in fault
