"""Are two processes confined alike?  What the host's /proc says of both, side by side.

What cannot be seen there: the securebits, and the session keyring (UNSEEN).
"""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pytest_isolation.boxes.handle import HOLDS, VIOLATED, Discrepancy
from pytest_isolation.boxes.procfs import text_of
from pytest_isolation.technologies.attach import target

CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
LIMITS = {
    "cpu time": resource.RLIMIT_CPU, "file size": resource.RLIMIT_FSIZE, "data size": resource.RLIMIT_DATA,
    "stack size": resource.RLIMIT_STACK, "core file size": resource.RLIMIT_CORE,
    "resident set": resource.RLIMIT_RSS, "processes": resource.RLIMIT_NPROC, "open files": resource.RLIMIT_NOFILE,
    "locked memory": resource.RLIMIT_MEMLOCK, "address space": resource.RLIMIT_AS, "file locks": 10,
    "pending signals": resource.RLIMIT_SIGPENDING, "msgqueue size": resource.RLIMIT_MSGQUEUE,
    "nice priority": resource.RLIMIT_NICE, "realtime priority": resource.RLIMIT_RTPRIO,
    "realtime timeout": resource.RLIMIT_RTTIME,
}  # fmt: skip
"""As /proc/PID/limits calls them: prlimit(2) reads another user's with CAP_SYS_RESOURCE only."""
BOTH = HOLDS | VIOLATED
KEYRING = "session keyring"
UNSEEN = Discrepancy(
    f"its {KEYRING} cannot be read, and our process has a new one (session-keyring(7))",
    rests_on=KEYRING,
    invalidates=HOLDS,
)
"""A box whose processes have the keyring of whoever started it is in possession of keys that our process is not."""


def view(pid: int) -> dict[str, Any]:
    """Everything that confines `pid`, by a name a reader understands.  Raises OSError."""
    status = target.status(pid)
    place = Path(f"/proc/{pid}")
    root = os.stat(place / "root")
    return {
        **{f"{kind} namespace": name for kind, name in target.namespaces(pid).items()},
        "root directory": (root.st_dev, root.st_ino),
        "control groups": sorted(text_of(place / "cgroup").splitlines()),
        **{field: int(status[field], 16) for field in CAPABILITIES},
        "user ids": status["Uid"].split(),
        "group ids": status["Gid"].split(),
        "groups": sorted(status["Groups"].split()),
        "no_new_privs": status["NoNewPrivs"],
        "seccomp": (status.get("Seccomp"), status.get("Seccomp_filters")),
        "LSM label": label(pid),
        "umask": status["Umask"],
        "personality": text_of(place / "personality").strip(),
        "oom_score_adj": text_of(place / "oom_score_adj").strip(),
        "limits": limits(pid),
        "scheduling": (os.sched_getscheduler(pid), os.getpriority(os.PRIO_PROCESS, pid), os.sched_getaffinity(pid)),
        "memory nodes": status.get("Mems_allowed"),
    }


def limits(pid: int) -> dict[str, tuple[int, int]]:
    """Name -> soft and hard; RLIM_INFINITY for unlimited."""
    found = {}
    for line in text_of(Path(f"/proc/{pid}/limits")).splitlines()[1:]:
        name, soft, hard = line[4:26].strip(), *line[26:].split()[:2]
        found[name] = (_amount(soft), _amount(hard))
    return found


def _amount(text: str) -> int:
    return resource.RLIM_INFINITY if text == "unlimited" else int(text)


def label(pid: int) -> str:
    """Of SELinux, AppArmor or Smack; empty without one."""
    try:
        return text_of(Path(f"/proc/{pid}/attr/current")).strip("\0\n")
    except OSError:
        return ""


def compare(theirs: dict[str, Any], ours: dict[str, Any], because: dict[str, str]) -> Iterator[Discrepancy]:
    """Each way in which we are not as they are; `because` has reasons that are known, by the same names.

    Whether we are freer decides which verdicts it invalidates: freer than the box, what we break the box may not;
    less free, what holds for us may not hold for the box.
    """
    for name, value in theirs.items():
        if ours[name] == value:
            continue
        said = because.get(name, f"{_text(name, value)}, and ours {_text(name, ours[name])}")
        what = f"its {name} could not be reproduced: {said}"
        if name in CAPABILITIES:
            if ours[name] & ~value:
                yield Discrepancy(what, invalidates=VIOLATED)
            if value & ~ours[name]:
                yield Discrepancy(what, invalidates=HOLDS)
        elif name in ("seccomp", "no_new_privs"):
            yield Discrepancy(what, invalidates=VIOLATED)
        else:
            yield Discrepancy(what, rests_on=name, invalidates=BOTH)


def _text(name: str, value: Any) -> str:
    if name in CAPABILITIES:
        return f"{value:#x}"
    if name == "limits":
        return ", ".join(f"{limit} {soft}:{hard}" for limit, (soft, hard) in value.items())
    return str(value) or "none"
