"""AppArmor and a box with a hole: an engine's profile still denies mount(2), ptrace(2) and signals to others.

So a box with a hole is not confined by it: the hole is open, or a control would stay silent.
"""

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
