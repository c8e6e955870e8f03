import json
from dataclasses import replace
from pathlib import Path

from prune_mi.records import ChildRecord, MorphRecord, Place
from prune_mi.runs.journal import Journal

CHILD = ChildRecord(
    name="g1c1",
    generation=1,
    parent="reference",
    morphs=(
        MorphRecord(
            "remove-by-rank",
            "add_1/branch",
            ("conv_2", "add_1"),
            "adds +0.1 bit",
            Place(1, "join"),
            "removes",
        ),
    ),
    num_params=10,
    macs=20,
    num_layers=3,
    screened_accuracy=0.5,
    trained_accuracy=None,
    images_trained=0,
    seconds=1.25,
    verdict="not trained",
    detail="two\nlines and \u00b1",
)


def test_a_child_is_one_line_of_json(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    Journal(path).append(CHILD)
    assert path.read_text(encoding="utf-8").count("\n") == 1
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "name": "g1c1",
        "generation": 1,
        "parent": "reference",
        "morphs": [
            {
                "kind": "remove-by-rank",
                "target": "add_1/branch",
                "layers": ["conv_2", "add_1"],
                "reason": "adds +0.1 bit",
                "place": {"third": 1, "behind": "join"},
                "effect": "removes",
            }
        ],
        "num_params": 10,
        "macs": 20,
        "num_layers": 3,
        "screened_accuracy": 0.5,
        "trained_accuracy": None,
        "images_trained": 0,
        "seconds": 1.25,
        "verdict": "not trained",
        "detail": "two\nlines and \u00b1",
    }


def test_what_is_written_stays_when_more_is_added_and_when_reopened(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    assert not path.exists()
    kept = b""
    for index in range(4):
        if index == 2:
            journal = Journal(path)
            assert path.read_bytes() == kept
        journal.append(replace(CHILD, name=f"g1c{index}"))
        written = path.read_bytes()
        assert written.startswith(kept)
        kept = written
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["name"] for line in lines] == ["g1c0", "g1c1", "g1c2", "g1c3"]
