"""A stack of one service, in a machine of its own: the way a submission that nobody trusts is audited.

The reference itself would take an hour to build there without KVM.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.inception.live.judge import ASKS
from tests.inception.building import small_stack
from tests.inception.test_run import DATE, run
from tests.inception.test_started import machine
from tests.support import need


@pytest.mark.long(seconds=500)
def test_a_small_stack(built: Lifetime, tmp_path: Path) -> None:
    need("qemu")
    top = tmp_path / "small"
    small_stack(top, built)
    before = machine()
    done = run(
        tmp_path, "pytest", f"--inception={top}", *DATE, "--inception-login", "student", "--isolation-report",
        "json:r.json", "--inception-live", timeout=900,
    )  # fmt: skip
    found = json.loads((tmp_path / "r.json").read_text())["inception"]
    rows = {row["rule"]: row["verdict"] for row in found if row["rule"] in ASKS}
    without = dict.fromkeys(("L03", "L13", "L14"), "unclear")  # it has no WordPress
    assert rows == dict.fromkeys(ASKS, "pass") | without, done.stdout + done.stderr
    assert machine() == before
