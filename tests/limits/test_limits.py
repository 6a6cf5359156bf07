"""Each technology that is here has the kernel told what it was told when that was measured."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pytest_isolation import cli
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.wording import kernel_has
from pytest_isolation.suite.limits.bites import bites
from pytest_isolation.suite.limits.measure import TECHNOLOGIES, Measured, measure, outcome
from pytest_isolation.suite.limits.render import SCHEMA, as_json
from pytest_isolation.technologies import technology
from pytest_isolation.technologies.docker.daemon import LABEL, connect
from pytest_isolation.technologies.qemu.size import OPTIONS
from pytest_isolation.technologies.wording import wording_of
from tests.support import REQUIRED, need, skip_unless_measured_with

MEASURED = json.loads((Path(__file__).parents[1] / "data" / "limits.json").read_text(encoding="utf-8"))
FACTS = ("control_groups", "processors", "may_raise")
"""What of the machine decides, beside an engine's version."""
FEW = ("memory-swap", "pids", "cpuset-cpus", "nofile")
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="limits are set on control groups, which are root's here")


@pytest.mark.long("limits")
@pytest.mark.parametrize("name", TECHNOLOGIES)
def test_the_kernel_is_told_what_it_was_told_before(name: str) -> None:
    known = OPTIONS if name == "qemu" else wording_of(technology(name))
    asked = [limit for limit in FEW if limit in known] or list(known)
    found: dict[str, Measured] = {}
    measure([name], asked, tell=lambda said: None, into=found)
    if found[name].missing:
        assert name not in REQUIRED, found[name].missing
        pytest.skip(found[name].missing)
    document = as_json(found)
    recorded, now = MEASURED["technologies"][name], document["technologies"][name]
    assert now["limits"].keys() == set(asked)
    there, here = ([one["version"], *map(of.get, FACTS)] for one, of in ((recorded, MEASURED), (now, document)))
    skip_unless_measured_with(there, here)
    for limit, texts in now["limits"].items():
        for text, became in texts.items():
            before = recorded["limits"][limit][text]
            same = [one.get("kernel") for one in (before, became)]
            assert same[0] == same[1], (limit, text, before, became)
            assert not became.get("bites", "yes").startswith("no"), (limit, text, became)


@pytest.mark.parametrize("name", ["docker", "podman", "runc", "crun", "lxc", "nspawn", "cri"])
def test_a_limit_in_words_is_the_kernels(name: str, run: Lifetime) -> None:
    spec, made = need(name), technology(name)
    own = int(Path("/proc/self/oom_score_adj").read_text(encoding="utf-8"))
    text = str(max(321, own))  # our containerd gives no score below its own
    became = outcome(made, spec, "oom-score-adj", text, run)
    assert became.kernel == text, became
    assert outcome(made, spec, "oom-score-adj", "many", run).kernel == ""


def test_what_does_not_bite_is_told(run: Lifetime) -> None:
    """A box that has no limit, and is said to have one."""
    with technology("runc").launch(need("runc"), run) as box:
        assert kernel_has(box.parts, "pids") == "none"
        assert bites(box, "pids", "16") == "no: 24 processes were made"
        assert bites(box, "nofile", "64:64").startswith("no: ")


def test_a_box_that_is_refused_leaves_nothing(run: Lifetime) -> None:
    became = outcome(technology("docker"), need("docker"), "memory", "1m", run)
    assert "docker create" in became.refused
    assert not connect(None).api.containers(all=True, filters={"label": f"{LABEL}={run.run_id}"})


def test_the_command_writes_what_it_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    need("runc")
    words = ["limits", "--technology", "runc", "--limit", "oom-score-adj"]
    assert cli.main([*words, "--format", "json", "-o", str(tmp_path / "found.json")]) == 0
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert (found["schema"], found["interrupted"]) == (SCHEMA, False)
    assert found["technologies"]["runc"]["limits"]["oom-score-adj"]["321"] == {"kernel": "321"}
    assert cli.main(words) == 0
    assert "  oom-score-adj, usually " in capsys.readouterr().out
