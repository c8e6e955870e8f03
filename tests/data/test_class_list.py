"""What is said of the order of classes, in words or in a file."""

import json
from pathlib import Path

import pytest

from prune_mi.data.class_order import read_class_list
from prune_mi.errors import ConfigError


def test_words_and_lists() -> None:
    assert read_class_list("cat, dog,owl") == ("cat", "dog", "owl")
    assert read_class_list(["2", "0", "1"]) == ("2", "0", "1")
    assert read_class_list([2, 0, 1]) == ("2", "0", "1")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("order.txt", "cat\ndog\n\N{OWL}\n"),
        ("order.txt", "\ufeffcat\r\ndog\r\n\N{OWL}"),
        ("order.csv", "cat,dog,\N{OWL}\n"),
        ("order.json", '["cat", "dog", "\N{OWL}"]'),
        ("order", '["cat", "dog", "\N{OWL}"]'),
        ("classes.json", '{"classes": ["cat", "dog", "\N{OWL}"], "scaling": "none"}'),
        ("indices.json", '{"\N{OWL}": 2, "cat": 0, "dog": 1}'),
        ("places.json", '{"0": "cat", "2": "\N{OWL}", "1": "dog"}'),
    ],
)
def test_files(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    assert read_class_list(str(path)) == ("cat", "dog", "\N{OWL}")


def test_numbers_as_names_in_a_file_of_places(tmp_path: Path) -> None:
    path = tmp_path / "indices.json"
    path.write_text(json.dumps({"0": 0, "1": 1, "10": 2, "2": 3}))
    assert read_class_list(str(path)) == ("0", "1", "10", "2")
    path.write_text(json.dumps([0, 1, 10, 2]))
    assert read_class_list(str(path)) == ("0", "1", "10", "2")


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("a,b,a", r"`classes` names 'a' more than once; expected each class once"),
        ("a,,b", r"has no name in place 1 of 3 .*; expected names or numbers of all classes"),
        ("nowhere.json", r"`classes` is 'nowhere\.json'; there is no such file; expected names"),
        ("cat", r"`classes` is 'cat'; that is a single name, no file"),
        (["one"], r"`classes` has 1 names; expected"),
        ("x\0y", r"single name, no file"),
    ],
)
def test_wrong_words_are_named(said: str | list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_class_list(said)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"order\.json is not JSON: .*; expected names or numbers"),
        ("[" * 100_000, "is not JSON"),
        ("3", r"order\.json holds '3'; expected"),
        ('["a", ["b"]]', r"order\.json holds"),
        ('["a", true]', r"order\.json holds"),
        ('{"a": 0, "b": 2}', r"\{'a': 0, 'b': 2\}; expected each name with its place .* 0 to 1"),
        ('{"a": 0, "b": "x"}', r"expected each name with its place"),
        ("{}", r"expected each name with its place|has 0 names"),
        ('["a", "a"]', r"order\.json names 'a' more than once"),
    ],
)
def test_wrong_files_are_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "order.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_class_list(str(path))


def test_no_text(tmp_path: Path) -> None:
    path = tmp_path / "order.txt"
    path.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ConfigError, match=r"order\.txt is not a text file"):
        read_class_list(str(path))
