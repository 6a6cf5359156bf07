"""The scripts that read a kernel's configuration, beside what was tried: they agree, or the docs say why not."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.host_support.images import images
from tests.runs import Done

ITEMS = tomllib.loads((Path(__file__).parents[1] / "data" / "check-scripts.toml").read_text())
DOCS = Path(__file__).parents[2] / "docs" / "host-support.md"
MOBY = Path("/usr/share/docker.io/contrib/check-config.sh")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the scripts ask what root gets")


def said(script: str, config: Path | None) -> dict[str, bool]:
    """Item -> whether the script says that it is there; `config`: a kernel's, else the running one's."""
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
    if config is not None:
        environment["CONFIG"] = str(config)
    command = ["bash", str(MOBY)] if script == "moby" else [str(shutil.which("lxc-checkconfig"))]
    text = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60).stdout
    shape = r"^\s*- CONFIG_(\w+): (enabled|missing)" if script == "moby" else r"^([^:\n]+): (enabled|missing)"
    return {item: word == "enabled" for item, word in re.findall(shape, COLOUR.sub("", text), re.MULTILINE)}


def disagreements(script: str, config: Path | None, rows: dict[str, dict[str, Any]]) -> list[tuple[str, str, str]]:
    """(item, feature, what was found) where the script and the trial differ."""
    found = said(script, config)
    shared = [(item, feature) for item, feature in ITEMS[script].items() if item in found]
    assert len(shared) >= 25, found
    return [
        (item, feature, f"{rows[feature]['status']}: {rows[feature]['cause']}")
        for item, feature in shared
        if found[item] != (rows[feature]["status"] == "works")
    ]


def explained() -> dict[tuple[str, str], str]:
    """(item, feature) -> why they differ, from the table in the docs."""
    rows = re.findall(r"^\| (?:moby|lxc|both) \| `([^`]+)` \| `([^`]+)` \| (.+) \|$", DOCS.read_text(), re.MULTILINE)
    return {(item.removeprefix("CONFIG_"), feature): why for item, feature, why in rows}


@pytest.mark.parametrize("script", ["moby", "lxc"])
@pytest.mark.parametrize(
    "kernel",
    ["running", *(pytest.param(image, marks=pytest.mark.long("kernels")) for image in images())],
    ids=lambda path: path.rpartition("/")[2],
)
def test_they_agree_or_the_docs_say_why(script: str, kernel: str, run_on: Callable[[str], Done]) -> None:
    if script == "moby" and not MOBY.exists():
        pytest.skip("Debian's docker.io is not installed, which has the script")
    if script == "lxc" and not shutil.which("lxc-checkconfig"):
        pytest.skip("lxc is not installed, which has the script")
    config = None if kernel == "running" else Path(kernel.replace("vmlinuz", "config"))
    found = run_on(kernel).report["support"]
    rows = {row["feature"]: row for row in found if (row["kernel"], row["as"]) == (kernel, "root")}
    unexplained = [
        f"{item} ({feature}) {found}"
        for item, feature, found in disagreements(script, config, rows)
        if (item.removeprefix("CONFIG_"), feature) not in explained()
    ]
    assert not unexplained, "\n".join(unexplained)


def test_every_item_names_a_feature_there_is(run_on: Callable[[str], Done]) -> None:
    features = {row["feature"] for row in run_on("running").report["support"]}
    assert {feature for items in ITEMS.values() for feature in items.values()} <= features
