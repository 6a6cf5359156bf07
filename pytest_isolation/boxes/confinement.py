"""What the host's kernel says of a box's first process: facts that any technology's results depend on."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pytest_isolation.boxes.procfs import status_of, text_of

if TYPE_CHECKING:
    from pytest_isolation.boxes.handle import BoxHandle


def confinement(parts: BoxHandle) -> dict[str, Any]:
    """`capabilities` (effective: all, none or how many), `seccomp_filters`, `no_new_privileges`, `lsm_label`.

    Empty where the host has no number for that process.  Source: proc_pid_status(5), proc_pid_attr(5).
    """
    if parts.init_pid is None or not parts.shares_kernel:
        return {}
    place = parts.host.path("/proc", str(parts.init_pid))
    try:
        fields = status_of(place)
    except OSError:
        return {}
    found: dict[str, Any] = {
        "capabilities": _counted(int(fields["CapEff"], 16)),
        "seccomp_filters": int(fields.get("Seccomp_filters", 0)),  # since Linux 5.9
        "no_new_privileges": fields["NoNewPrivs"] == "1",
    }
    with suppress(OSError):
        if label := text_of(place / "attr/current").strip("\0\n "):
            found["lsm_label"] = label
    return found


def _counted(capabilities: int) -> str:
    number = capabilities.bit_count()
    # Those a kernel knows are numbered from 0 without a gap.
    return "all" if number and capabilities + 1 == 1 << number else str(number or "none")
