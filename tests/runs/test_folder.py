import os
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from prune_mi.config import make_settings, read_yaml
from prune_mi.errors import ExitCode, RunFolderError
from prune_mi.runs.folder import RunFolder, require_free
from prune_mi.runs.lock import LOCK_FILE

Make = Callable[..., RunFolder]
OWN = ("config.yaml", "events.jsonl", "best.keras", "best.h5", "report.json")


def _entries(path: Path) -> set[str]:
    return {each.name for each in path.iterdir() if each.name != LOCK_FILE}


@pytest.fixture
def make() -> Iterator[Callable[..., RunFolder]]:
    """Makes run folders, which are let go in the end."""
    made: list[RunFolder] = []

    def of(path: Path, **how: Any) -> RunFolder:
        made.append(RunFolder(path, **how))
        return made[-1]

    yield of
    for folder in made:
        folder.clean()


def test_a_new_folder_is_made_with_its_parents(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "runs" / "first"
    folder = make(path, overwrite=False)
    assert folder.path == path
    assert _entries(path) == {folder.scratch.name}
    assert folder.scratch.is_dir()
    assert folder.events == path / "events.jsonl"
    assert folder.report == path / "report.json"


def test_asking_whether_a_folder_is_free_makes_nothing(tmp_path: Path) -> None:
    require_free(tmp_path / "new", overwrite=False)
    require_free(tmp_path, overwrite=False)
    assert _entries(tmp_path) == set()
    (tmp_path / "report.json").write_text("{}", encoding="utf-8")
    require_free(tmp_path, overwrite=True)
    with pytest.raises(RunFolderError, match="is a file; --out expects a folder"):
        require_free(tmp_path / "report.json", overwrite=True)


def test_an_empty_folder_is_used(make: Make, tmp_path: Path) -> None:
    folder = make(tmp_path, overwrite=False)
    assert _entries(tmp_path) == {folder.scratch.name}


@pytest.mark.parametrize("name", ["best.keras", "notes.txt", ".scratch"])
def test_a_folder_with_files_is_refused_and_left_alone(
    make: Make, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("mine", encoding="utf-8")
    match = "the run folder .* is not empty; choose another with --out, or pass --overwrite"
    with pytest.raises(RunFolderError, match=match) as caught:
        make(tmp_path, overwrite=False)
    assert caught.value.exit_code is ExitCode.BAD_INPUT
    assert str(tmp_path) in str(caught.value)
    assert _entries(tmp_path) == {name}
    assert (tmp_path / name).read_text(encoding="utf-8") == "mine"


def test_overwriting_removes_a_runs_own_files_only(make: Make, tmp_path: Path) -> None:
    for name in (*OWN, "notes.txt", "model.keras"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    for name in (".scratch-old", "plots"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "old.npy").write_text(name, encoding="utf-8")
    folder = make(tmp_path, overwrite=True)
    assert _entries(tmp_path) >= set(
        OWN
    )  # until the run begins, nothing of the earlier one is lost
    folder.begin(make_settings({"data": "digits"}), "optimize")
    own = {"config.yaml", folder.scratch.name}
    assert _entries(tmp_path) == {*own, "notes.txt", "model.keras", "plots"}
    assert _entries(folder.scratch) == set()
    assert _entries(tmp_path / "plots") == {"old.npy"}
    assert (tmp_path / "notes.txt").read_text(encoding="utf-8") == "notes.txt"


def test_overwriting_leaves_what_others_keep_beside_weights(make: Make, tmp_path: Path) -> None:
    trained = ("g1c2", "g2c1s", "g3base", "reference", "control")
    own = ["weights/" + "0f" * 16 + ".npz", *(f"checkpoints/{name}-64.npz" for name in trained)]
    mine = ["weights/mine.npz", "weights/resnet-50.npz", "checkpoints/epoch-10.npz"]
    for name in (*own, *mine):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("old", encoding="utf-8")
    with pytest.raises(RunFolderError, match=r"mine\.npz is an input of this run"):
        make(tmp_path, overwrite=True, inputs=[tmp_path / mine[0]])
    for was_run in (False, True):
        if was_run:
            (tmp_path / "events.jsonl").touch()
        folder = make(tmp_path, overwrite=True)
        folder.begin(make_settings({"data": "digits"}), "optimize")
        folder.clean()
        assert {(tmp_path / name).exists() for name in own} == {not was_run}
        assert all((tmp_path / name).exists() for name in mine)


def test_overwriting_needs_nothing_to_overwrite(make: Make, tmp_path: Path) -> None:
    folder = make(tmp_path / "new", overwrite=True)
    assert _entries(tmp_path / "new") == {folder.scratch.name}


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_in_the_place_of_the_folder(make: Make, tmp_path: Path, overwrite: bool) -> None:
    path = tmp_path / "run"
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(RunFolderError, match=r"run is a file; --out expects a folder"):
        make(path, overwrite=overwrite)
    assert path.read_text(encoding="utf-8") == "mine"


def test_a_file_in_the_place_of_a_parent(make: Make, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    match = r"cannot write the run folder .*run: Not a directory; choose another with --out"
    with pytest.raises(RunFolderError, match=match) as caught:
        make(tmp_path / "file" / "run", overwrite=False)
    assert isinstance(caught.value.__cause__, OSError)


def test_a_folder_in_the_place_of_a_model(make: Make, tmp_path: Path) -> None:
    (tmp_path / "best.keras").mkdir()
    folder = make(tmp_path, overwrite=True)
    with pytest.raises(RunFolderError, match="cannot write the run folder"):
        folder.begin(make_settings({"data": "digits"}), "optimize")
    assert (tmp_path / "best.keras").is_dir()


def test_an_input_of_the_run_is_not_overwritten(make: Make, tmp_path: Path) -> None:
    model = tmp_path / "best.keras"
    model.write_text("mine", encoding="utf-8")
    with pytest.raises(RunFolderError, match=r"best\.keras is an input of this run"):
        make(tmp_path, overwrite=True, inputs=[model])
    assert model.read_text(encoding="utf-8") == "mine"


def test_a_folder_in_which_nothing_came_about_goes(make: Make, tmp_path: Path) -> None:
    folder = make(tmp_path / "run", overwrite=False)
    folder.clean()
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_parent_that_cannot_be_written(make: Make, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(RunFolderError, match=r"cannot write the run folder .*: Permission"):
            make(tmp_path / "run", overwrite=False)
    finally:
        tmp_path.chmod(0o700)


def test_cleaning_leaves_the_results(make: Make, tmp_path: Path) -> None:
    folder = make(tmp_path, overwrite=False)
    (folder.scratch / "train_images.npy").write_text("big", encoding="utf-8")
    folder.events.write_text("{}\n", encoding="utf-8")
    folder.clean()
    assert _entries(tmp_path) == {"events.jsonl"}
    folder.clean()  # twice is as good as once
    assert _entries(tmp_path) == {"events.jsonl"}


def test_the_settings_written_are_the_settings_read(make: Make, tmp_path: Path) -> None:
    settings = make_settings({"data": "cifar10", "budget": "25m", "mix": {"remove-by-rank": 1}})
    make(tmp_path, overwrite=False).begin(settings, "optimize")
    assert make_settings(read_yaml(tmp_path / "config.yaml")) == settings


def test_an_interruption_leaves_the_line_that_asks_the_best_model(
    make: Make, tmp_path: Path
) -> None:
    folder = make(tmp_path / "my run", overwrite=False)
    assert folder.left_behind() == "interrupted; nothing was written"
    folder.begin(make_settings({"data": "digits"}), "optimize")
    assert "No model was accepted yet" in folder.left_behind()
    (folder.path / "best.keras").touch()
    assert "holds best.keras, config.yaml. best.keras is the best" in folder.left_behind()
    folder.best_accuracy = 0.61234
    assert "is the best model so far (validation accuracy 0.6123). To go on" in folder.left_behind()
    assert "predict" not in folder.left_behind()  # that would have to guess what the pixels are
    (folder.path / "classes.json").touch()
    *_, line = folder.left_behind().splitlines()
    best = str(folder.path / "best.keras")
    assert shlex.split(line) == ["prune-mi", "predict", best, "IMAGE.png"]


def test_an_earlier_runs_files_are_not_taken_for_what_an_interruption_left(
    make: Make, tmp_path: Path
) -> None:
    for name in ("best.keras", "classes.json"):
        (tmp_path / name).touch()
    folder = make(tmp_path, overwrite=True)
    assert folder.left_behind() == "interrupted; nothing was written"


def test_a_run_that_was_handed_objects_tells_the_call_that_goes_on(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.begin(make_settings({"data": "digits"}), "optimize")
    folder.handed_over = ("model", "data")
    *_, line = folder.left_behind().splitlines()
    assert line == f"  prune_mi.resume({str(tmp_path / 'run')!r}, model=..., data=...)"
    folder.clean()
