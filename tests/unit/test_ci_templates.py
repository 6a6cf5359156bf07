"""The files in docs/ci: YAML of the right shape, shell that parses, and options that there are."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from pytest_isolation.options import OPTIONS
from pytest_isolation.options.config import from_options
from pytest_isolation.report import FORMATS

TOP = Path(__file__).parents[2] / "docs" / "ci"
TEXT = {"type": "string", "minLength": 1}
SCHEMAS: dict[str, dict[str, Any]] = {
    "github/action.yml": {  # docs.github.com, "Metadata syntax reference"
        "type": "object",
        "required": ["name", "description", "runs"],
        "additionalProperties": False,
        "properties": {
            "name": TEXT,
            "description": TEXT,
            "inputs": {"type": "object", "patternProperties": {"^[a-z_-]+$": {
                "type": "object", "required": ["description"], "additionalProperties": False,
                "properties": {"description": TEXT, "default": {"type": "string"}, "required": {"type": "boolean"}},
            }}},
            "outputs": {"type": "object", "additionalProperties": {
                "type": "object", "required": ["description", "value"], "additionalProperties": False,
                "properties": {"description": TEXT, "value": TEXT},
            }},
            "runs": {
                "type": "object", "required": ["using", "steps"], "additionalProperties": False,
                "properties": {
                    "using": {"const": "composite"},
                    "steps": {"type": "array", "minItems": 1, "items": {
                        "type": "object", "required": ["run", "shell"], "additionalProperties": False,
                        "properties": {
                            "name": TEXT, "run": TEXT, "shell": {"const": "bash"}, "if": TEXT,
                            "env": {"type": "object", "additionalProperties": TEXT},
                        },
                    }},
                },
            },
        },
    },
    "gitlab-ci.yml": {  # docs.gitlab.com, "CI/CD YAML syntax reference"
        "type": "object",
        "patternProperties": {r"^\.[a-z-]+$": {
            "type": "object", "required": ["script"], "additionalProperties": False,
            "properties": {
                "stage": TEXT,
                "variables": {"type": "object", "additionalProperties": {"type": "string"}},
                "script": {"type": "array", "items": TEXT, "minItems": 1},
                "artifacts": {
                    "type": "object", "additionalProperties": False,
                    "properties": {
                        "when": {"enum": ["always", "on_success", "on_failure"]},
                        "paths": {"type": "array", "items": TEXT},
                        "reports": {"type": "object", "additionalProperties": False,
                                    "properties": {"junit": TEXT, "codequality": TEXT}},
                    },
                },
            },
        }},
        "additionalProperties": False,
    },
    "kubernetes-job.yaml": {  # kubernetes.io, Job v1 batch
        "type": "object", "required": ["apiVersion", "kind", "metadata", "spec"], "additionalProperties": False,
        "properties": {
            "apiVersion": {"const": "batch/v1"},
            "kind": {"const": "Job"},
            "metadata": {"type": "object", "required": ["name"]},
            "spec": {
                "type": "object", "required": ["template", "backoffLimit"],
                "properties": {"template": {"type": "object", "required": ["spec"], "properties": {"spec": {
                    "type": "object", "required": ["containers", "restartPolicy"],
                    "properties": {
                        "restartPolicy": {"enum": ["Never", "OnFailure"]},
                        "containers": {"type": "array", "minItems": 1, "items": {
                            "type": "object", "required": ["name", "image"],
                            "properties": {"command": {"type": "array", "items": TEXT},
                                           "args": {"type": "array", "items": TEXT}},
                        }},
                    },
                }}}},
            },
        },
    },
}  # fmt: skip


def document(name: str) -> Any:
    return yaml.safe_load((TOP / name).read_text())


def shell(name: str) -> list[str]:
    """The scripts of a template."""
    found = document(name)
    if name.startswith("github"):
        return [step["run"] for step in found["runs"]["steps"]]
    if name.startswith("gitlab"):
        return ["\n".join(job["script"]) for job in found.values()]
    pod = found["spec"]["template"]["spec"]
    return [one["args"][0] for one in pod["containers"]]


def test_each_file_has_a_schema() -> None:
    assert {str(path.relative_to(TOP)) for path in TOP.rglob("*") if path.is_file()} == set(SCHEMAS)


@pytest.mark.parametrize("name", SCHEMAS)
def test_its_shape(name: str) -> None:
    jsonschema.Draft202012Validator(SCHEMAS[name]).validate(document(name))


@pytest.mark.parametrize("name", SCHEMAS)
def test_its_shell_parses(name: str) -> None:
    program = "bash" if name.startswith("github") else "sh"
    for script in shell(name):
        done = subprocess.run([program, "-n"], input=script, capture_output=True, text=True, timeout=10)
        assert (done.returncode, done.stderr) == (0, ""), script


@pytest.mark.parametrize("name", SCHEMAS)
def test_its_options_are_ours(name: str) -> None:
    known = {option for option, _ in OPTIONS}
    used = {word for script in shell(name) for word in re.findall(r"--(?:isolation|box|inception)[a-z-]*", script)}
    assert used and used <= known
    formats = {word for script in shell(name) for word in re.findall(r"--isolation-report ([a-z]+):", script)}
    assert formats and formats <= set(FORMATS)


def test_no_input_of_the_action_is_written_into_its_shell() -> None:
    """An expression in `run` is replaced before the shell reads it: whoever gives the input would write the script."""
    action = document("github/action.yml")
    for step in action["runs"]["steps"]:
        assert "${{" not in step["run"]
        for name in re.findall(r"\$\{?([A-Z_]+)", step["run"]):
            assert name in step.get("env", {}) or name in ("RUNNER_TEMP", "GITHUB_STEP_SUMMARY"), name
    given = {name for step in action["runs"]["steps"] for name in re.findall(r"inputs\.([a-z]+)", str(step))}
    assert given == set(action["inputs"]), "each input is used, and each that is used is declared"


def test_what_the_action_hands_to_pytest(tmp_path: Path) -> None:
    """The script of its step `measure`, with a pytest that writes down its arguments."""
    step = next(one for one in document("github/action.yml")["runs"]["steps"] if one["name"] == "measure")
    place = tmp_path / "pytest-isolation" / "bin"
    place.mkdir(parents=True)
    for program, text in ((place / "pytest", 'printf "%s\n" "$@" > "$DIRECTORY/said"'), (tmp_path / "sudo", '"$@"')):
        program.write_text(f"#!/bin/bash\n{text}\n")
        program.chmod(0o755)
    given = {
        "BOXES": "docker\ntight=docker:network=none,cap_drop=ALL\n", "REQUIRE": "docker", "EXPECT": "",
        "ARGUMENTS": "--isolation-examples=5\n", "DIRECTORY": str(tmp_path / "out put"), "RUNNER_TEMP": str(tmp_path),
    }  # fmt: skip
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(["bash", "-e", "-c", step["run"]], env={"PATH": path, **given}, check=True, timeout=30)
    words = (tmp_path / "out put" / "said").read_text().splitlines()
    assert words[:7] == [
        "--isolation", "--box", "docker", "--box", "tight=docker:network=none,cap_drop=ALL",
        "--isolation-require", "docker",
    ]  # fmt: skip
    assert "--isolation-expect" not in words and "--isolation-examples=5" in words
    assert f"html:{tmp_path}/out put/isolation.html" in words


def test_the_kubernetes_job_measures_with_options_that_are_read(tmp_path: Path) -> None:
    script = shell("kubernetes-job.yaml")[0]
    (line,) = (one.strip() for one in script.splitlines() if one.strip().startswith("pytest "))
    words = shlex.split(line.replace("$pid", "1").replace("/tmp/", f"{tmp_path}/"))
    names = dict(OPTIONS)
    options: dict[str, Any] = {"isolation": True}
    for option, value in zip(words[2::2], words[3::2], strict=True):
        how = names[option]
        options[how["dest"]] = [value] if how.get("action") == "append" else value
    asked = from_options(options, rootdir=tmp_path, base=tmp_path)
    assert [box.technology for box in asked.boxes] == ["attach"] and asked.profile is not None
