"""Each engine that is here sends one tree over each of its roads, and loses what it lost when that was measured."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pytest_isolation.suite.roads.measure import Measured, drawn, engines, measure
from pytest_isolation.suite.roads.render import as_json
from tests.support import REQUIRED, skip_unless_measured_with

MEASURED = json.loads((Path(__file__).parents[1] / "data" / "roads.json").read_text(encoding="utf-8"))


BY_A_REGISTRY = ("push", "docker")


@pytest.mark.long("roads")
@pytest.mark.parametrize("name", sorted(engines()))
def test_an_engine_loses_what_it_lost_before(name: str) -> None:
    found: dict[str, Measured] = {}
    measure([name], drawn(2, 0), tell=lambda said: None, into=found)
    if found[name].missing:
        assert name not in REQUIRED, found[name].missing
        pytest.skip(found[name].missing)
    recorded = MEASURED["engines"][name]
    now = as_json(found, 2, 0)["engines"][name]
    assert now["roads"].keys() == recorded["roads"].keys()
    for road, told in now["roads"].items():
        if road in BY_A_REGISTRY and shutil.which("docker-registry") is None:
            assert "docker-registry" in told["missing"]
            continue
        assert "aspects" in told, told
        # Roads of images keep what an archive says, in any version; what is lost on others is this version's.
        if road in ("save", "save-oci", "push", "push-dir", "push-oci", "dir", "oci-archive", "docker", "load"):
            assert [aspect for aspect, kept in told["aspects"].items() if kept != "kept"] == ["holes"], road
    skip_unless_measured_with(recorded["version"], now["version"])
    for road, told in now["roads"].items():
        # The two trees are of the ten: what they lose, those lost.
        for aspect, kept in told.get("aspects", {}).items():
            assert kept == "kept" or recorded["roads"][road]["aspects"][aspect] != "kept", (road, aspect)
