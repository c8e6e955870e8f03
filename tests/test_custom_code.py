"""The user's own code, imported by name or by path."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from prune_mi.custom_code import custom_objects, import_code
from prune_mi.errors import ConfigError

CODE = """
from collections import OrderedDict

class Mine(dict):
    pass

class Other(list):
    pass

def loss(y, p):
    return p - y

from json import dumps
"""


class _None:
    pass


KERAS = SimpleNamespace(
    layers=SimpleNamespace(Layer=dict),
    initializers=SimpleNamespace(Initializer=_None),
    regularizers=SimpleNamespace(Regularizer=_None),
    constraints=SimpleNamespace(Constraint=_None),
    losses=SimpleNamespace(Loss=_None),
    metrics=SimpleNamespace(Metric=_None),
    optimizers=SimpleNamespace(
        Optimizer=_None, schedules=SimpleNamespace(LearningRateSchedule=_None)
    ),
)


@pytest.fixture(autouse=True)
def _modules(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Forgets what a test imports."""
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_by_path(tmp_path: Path) -> None:
    path = tmp_path / "my_layers.py"
    path.write_text(CODE)
    module = import_code(str(path))
    assert module.__name__ == "my_layers"
    assert set(custom_objects(str(path), KERAS)) == {"Mine", "OrderedDict", "loss"}


def test_by_name_from_the_current_folder(tmp_path: Path) -> None:
    (tmp_path / "package_of_layers").mkdir()
    (tmp_path / "package_of_layers" / "inner.py").write_text(CODE)
    path = list(sys.path)
    assert import_code("package_of_layers.inner").Other
    assert sys.path == path


def test_a_file_does_not_hide_a_module(tmp_path: Path) -> None:
    path = tmp_path / "json.py"
    path.write_text(CODE)
    import json

    assert import_code(str(path)).Mine
    assert sys.modules["json"] is json


def test_classes_of_libraries_are_not_the_users(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("class FromKeras(dict):\n    __module__ = 'keras.src.layers'\n")
    assert custom_objects(str(path), KERAS) == {}


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no such file: .*absent\.py"):
        import_code(str(tmp_path / "absent.py"))


@pytest.mark.parametrize(
    ("code", "reason"),
    [("1 / 0", "ZeroDivisionError: division by zero"), ("def", "SyntaxError")],
)
def test_code_that_fails(tmp_path: Path, code: str, reason: str) -> None:
    path = tmp_path / "broken_layers.py"
    path.write_text(code)
    with pytest.raises(ConfigError, match=rf"cannot import the custom objects .*{reason}"):
        import_code(str(path))
    assert "broken_layers" not in sys.modules


def test_no_such_module() -> None:
    with pytest.raises(ConfigError, match="No module named 'absent_module'"):
        import_code("absent_module")
