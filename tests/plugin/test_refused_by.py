"""--isolation-why in a whole run: what a device group refuses, a missing capability, and the kernel of everybody."""

from __future__ import annotations

import json
import os
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from tests.runs import run


@pytest.mark.skipif(os.geteuid() != 0, reason="without root no hole opens a device")
def test_a_whole_run(tmp_path: Path) -> None:
    done = run(
        tmp_path, "--isolation", "--box", "namespaces", "--isolation-only",
        "dev.kmsg-closed,time.settime-denied,sec.unshare-refused", "--isolation-why", "dev.*,time.*,sec.*",
        "--isolation-report", "md:told.md",
    )  # fmt: skip
    schema = json.loads((files("pytest_isolation.report") / "schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(done.report)
    rows = {row["guarantee"]: (row["refused_by"], row.get("opened_by")) for row in done.report["results"]}
    assert rows == {
        "dev.kmsg-closed": (["device-group"], ["drop-devices"]),
        "time.settime-denied": (["capability"], ["grant-sys-time"]),
        "sec.unshare-refused": (None, None),  # nothing refuses it
    }
    done.said("which layer refuses", "capability: time.settime-denied (opened by grant-sys-time)")
    assert "| namespaces | device-group | dev.kmsg-closed | drop-devices |" in (tmp_path / "told.md").read_text()
