"""A stack of one service, in a machine of its own: the way a submission that nobody trusts is audited.

The reference itself would take an hour to build there without KVM.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.inception import contained
from pytest_isolation.inception.live.judge import ASKS
from tests.inception.building import small_stack
from tests.inception.test_run import DATE, run
from tests.inception.test_started import machine
from tests.support import need

MEASURED = ("pid.signal-out-refused", "mnt.host-secret-unreadable", "net.raw-socket")
"""Two that hold in any container of Docker's, and one that does not hold where nothing is dropped."""


@pytest.mark.long(seconds=700)
def test_a_small_stack(built: Lifetime, tmp_path: Path) -> None:
    need("qemu")
    top = tmp_path / "small"
    small_stack(top, built)
    before = machine()
    done = run(
        tmp_path, "pytest", f"--inception={top}", *DATE, "--inception-login", "student", "--isolation-report",
        "json:r.json", "--inception-live", "--isolation-only", ",".join(MEASURED), timeout=1800,
    )  # fmt: skip
    found = json.loads((tmp_path / "r.json").read_text())["inception"]
    rows = {row["rule"]: row["verdict"] for row in found if row["rule"] in ASKS}
    without = dict.fromkeys(("L03", "L13", "L14"), "unclear")  # it has no WordPress
    assert rows == dict.fromkeys(ASKS, "pass") | without, done.stdout + done.stderr
    assert machine() == before
    of_stack(json.loads((tmp_path / "r.json").read_text()), str(top))


def of_stack(report: dict[str, Any], top: str) -> None:
    """What the machine's containers guarantee: the same section as on this machine's Docker, asked there."""
    (box,) = report["boxes"]
    assert (box["name"], box["available"], box["submission"]) == ("nginx", True, top), box
    verdicts = {row["guarantee"]: row["verdict"] for row in report["results"]}
    assert verdicts == dict.fromkeys(MEASURED, "holds") | {"net.raw-socket": "violated"}
    rows = [row for row in report["inception"] if row["rule"].startswith("I")]
    assert {row["rule"] for row in rows} == set(contained.WHY) - {"I13", "I14"}, "domains that were not asked for"
    assert "unclear" not in {row["verdict"] for row in rows}, rows
    found = {row["found"] for row in rows}
    assert "nginx: the first process is root, the same root as the machine's" in found
    assert "nginx: the machine itself answers by the gateway, on port 443" in found, "and not the audit's way in"
