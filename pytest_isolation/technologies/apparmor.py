"""AppArmor and a box that was given more: the default profile of an engine denies mount(2) whatever it may else."""

from __future__ import annotations

from functools import cache
from pathlib import Path

ENABLED = Path("/sys/module/apparmor/parameters/enabled")


@cache
def confines() -> bool:
    """Whether this kernel has AppArmor on, so that engines give their containers a profile by default."""
    try:
        return ENABLED.read_text(encoding="ascii").strip() == "Y"
    except OSError:
        return False
