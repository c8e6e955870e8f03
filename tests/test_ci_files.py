"""The action and the examples for CI: valid by published schemas, and their shell lines run."""

import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
CI = ROOT / "examples" / "ci"
_INPUT = re.compile(r"\$\{\{ inputs\.([\w-]+) \}\}")
_KEY = "${{ steps.look.outputs.key }}"
_LOOK = "Look at the model, the data and the gates"
_IMPOSSIBLE = "min-params-reduction=0.99"


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ("vendor.github-actions", ROOT / "action.yml"),
        ("vendor.github-workflows", CI / "github-actions.yml"),
        ("vendor.gitlab-ci", CI / "gitlab-ci.yml"),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_published_schemas_hold(schema: str, path: Path) -> None:
    arguments = ["--builtin-schema", schema, "--data-transform", "gitlab-ci", str(path)]
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_pre_commit_reads_its_file() -> None:
    from pre_commit.clientlib import load_config

    (repo,) = load_config(str(CI / "pre-commit-config.yaml"))["repos"]
    assert repo["hooks"][0]["entry"].startswith("prune-mi check ")


def _action() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    return read


def test_the_workflow_gives_inputs_and_reads_outputs_that_the_action_has() -> None:
    action = _action()
    text = (CI / "github-actions.yml").read_text(encoding="utf-8")
    (step,) = (
        each
        for each in yaml.safe_load(text)["jobs"]["shrink"]["steps"]
        if each.get("id") == "prune-mi"
    )
    assert step["with"].keys() <= action["inputs"].keys()
    required = {name for name, each in action["inputs"].items() if each.get("required")}
    assert required <= step["with"].keys()
    outputs = set(re.findall(r"steps\.prune-mi\.outputs\.(\w+)", text))
    assert outputs <= action["outputs"].keys()


def _run_step(
    name: str, inputs: dict[str, str], folder: Path, key: str = ""
) -> tuple[int, dict[str, str], str]:
    """Runs a step's shell lines as the runner does; the exit code, its outputs, what it printed.

    `key` is the output of an earlier step, the only one that steps read.
    """
    (step,) = (each for each in _action()["runs"]["steps"] if each.get("name") == name)
    outputs = folder / f"{name}.out"
    outputs.write_text("")
    env = {
        name: _INPUT.sub(lambda found: inputs[found[1]], value).replace(_KEY, key)
        for name, value in step["env"].items()
    }
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=folder,
        env={**_environment(), **env, "GITHUB_OUTPUT": str(outputs)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, _outputs(outputs.read_text()), done.stdout + done.stderr


def _environment() -> dict[str, str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "COLUMNS": "80"}


def _outputs(text: str) -> dict[str, str]:
    found, lines = {}, iter(text.splitlines())
    for line in lines:
        if "<<" in line:
            name, end = line.split("<<")
            found[name] = "\n".join(iter(lambda: next(lines), end))
        elif line:
            name, value = line.split("=", 1)
            found[name] = value
    return found


@pytest.mark.slow
def test_the_actions_steps_from_start_to_end(dense_model: Path, tmp_path: Path) -> None:
    _run_the_actions_steps(dense_model, tmp_path)


@pytest.mark.slow
@pytest.mark.thorough
def test_the_gitlab_jobs_lines_use_the_run_that_is_there(dense_model: Path, tmp_path: Path) -> None:
    _run_the_actions_steps(dense_model, tmp_path)
    _run_gitlab_lines(dense_model, tmp_path)


def _run_the_actions_steps(dense_model: Path, tmp_path: Path) -> None:
    inputs = {name: each.get("default", "") for name, each in _action()["inputs"].items()}
    inputs |= {"model": str(dense_model), "data": "digits", "budget": "9m"}
    inputs |= {"max-accuracy-drop": "0.05"}
    inputs["options"] = "--generations=1\n--children=2\n\n--images=0\n"
    inputs["options"] += "--no-control\n"
    inputs["model-options"] = "--workers=1\n"
    inputs["gates"] = "max-accuracy-drop=0.2\n  max-flips=0.3\n" + _IMPOSSIBLE
    code, outputs, printed = _run_step(_LOOK, inputs, tmp_path)
    assert code == 0, printed
    key = outputs["key"]
    assert re.fullmatch("[0-9a-f]{64}", key)
    code, outputs, printed = _run_step("Optimize", inputs, tmp_path, key)
    assert code == 0, printed
    assert (tmp_path / outputs["model"]).is_file()
    assert "\r" not in printed and "\x1b" not in printed  # plain lines where there is no terminal
    # With the same model, data and options nothing is optimized again.
    code, outputs, printed = _run_step("Optimize", inputs, tmp_path, key)
    assert code == 0 and not printed

    code, outputs, printed = _run_step("Check", inputs, tmp_path)
    assert code == 6, printed
    assert outputs["passed"] == "false"
    assert "failed: min-params-reduction" in outputs["comment"]
    assert re.search(r"params: .* less; asked for 99 % less", outputs["comment"])


def _run_gitlab_lines(model: Path, folder: Path) -> None:
    """The job's script, in a folder whose run is of the same model and data."""
    job = yaml.safe_load((CI / "gitlab-ci.yml").read_text(encoding="utf-8"))["shrink-model"]
    install, run = job["script"]
    assert install.startswith("python -m pip install")
    script = (CI / "pre-deploy.sh").read_text(encoding="utf-8")
    (folder / "ci").mkdir()
    (folder / "ci" / "pre-deploy.sh").write_text(script)
    (folder / "prune-mi.yaml").write_text("check: {max-flips: 0.3}")
    variables = {**job["variables"], "MODEL": str(model), "DATA": "digits"}
    (told,) = re.findall(r"<<'END'\n(.*?)\nEND\n", script, re.DOTALL)
    arguments = [sys.executable, "-c", told, *(variables[name] for name in job["variables"])]
    say = subprocess.run(
        ["prune-mi", "--version"], env=_environment(), capture_output=True, text=True, check=True
    )
    arguments.append(say.stdout.rstrip("\n"))
    made_of = subprocess.run(
        arguments, cwd=folder, capture_output=True, text=True, check=True
    ).stdout
    (folder / "prune-mi-run" / "made-of").write_text(made_of)
    done = subprocess.run(
        ["bash", "-euc", run],
        cwd=folder,
        env={**_environment(), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Passed the one gate" in done.stdout and "Searching" not in done.stdout
    for name in ("comment.md", "junit.xml", "best.keras"):
        assert (folder / "prune-mi-run" / name).is_file()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"gates": "max-flip=0.1"}, "No such option: --max-flip"),
        ({"model": "missing.keras", "gates": "max-flips=0.1"}, "no such file: missing.keras"),
        ({"gates": ""}, "there is nothing to check: no gate was given"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_optimized(
    change: dict[str, str], said: str, tmp_path: Path
) -> None:
    inputs = {name: each.get("default", "") for name, each in _action()["inputs"].items()}
    inputs |= {"model": "missing.keras", "data": "digits", **change}
    code, outputs, printed = _run_step(_LOOK, inputs, tmp_path)
    assert code == 2 and said in printed, printed
    assert "key" not in outputs


@pytest.mark.slow
def test_the_containers_lines_run(tmp_path: Path) -> None:
    """In a new environment that finds what this one has, so that nothing is downloaded twice."""
    lines = (CI / "Dockerfile").read_text(encoding="utf-8").splitlines()
    runs = [line.removeprefix("RUN ") for line in lines if line.startswith("RUN ")]
    assert len(runs) == 2 and "COPY . /src" in lines
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    (site,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    here = [each for each in sys.path if each.endswith("site-packages")]
    (site / "here.pth").write_text("\n".join(here))
    env = {**_environment(), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    env["PATH"] = os.pathsep.join([str(tmp_path / "venv" / "bin"), env["PATH"]])
    script = "\n".join(runs).replace("/src", str(ROOT))
    done = subprocess.run(
        ["bash", "-ec", script], env=env, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = [line for line in done.stdout.splitlines() if line.startswith("prune-mi ")]
    assert told and version("prune-mi") in told[0]
