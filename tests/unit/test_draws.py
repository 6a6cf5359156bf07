"""What Hypothesis draws for a built-in check is the strategies' own: not what happens to be imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

DRAWN = """
import sys
from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st
from pytest_isolation.guarantees.property import draw_of_strategies_alone

sys.path.insert(0, sys.argv[1])
import constants_of_the_users
if sys.argv[2] == "alone":
    draw_of_strategies_alone()

@seed(1)
@settings(max_examples=200, phases=[Phase.generate], database=None)
@given(st.integers(7_310_007_000_000, 7_310_007_999_999))
def draws(number):
    if number == 7_310_007_310_007:
        print("drawn")

draws()
"""


def test_no_constant_of_a_module_is_drawn(tmp_path: Path) -> None:
    """Ours are such modules in a checkout, and what is imported differs from process to process."""
    (tmp_path / "constants_of_the_users.py").write_text("NUMBER = 7_310_007_310_007\n")
    (tmp_path / "draws.py").write_text(DRAWN)

    def said(how: str) -> str:
        command = [sys.executable, "draws.py", str(tmp_path), how]
        return subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    assert "drawn" in said("as usual"), "the control: this Hypothesis draws no constants of modules"
    assert "drawn" not in said("alone")
