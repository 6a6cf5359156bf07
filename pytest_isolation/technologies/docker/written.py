"""What a Docker volume, device, mount, ulimit or filter is when it is written as text, as the docker command takes it.

Each reader raises UsageError with the value and an example; the daemon would refuse it later, once for every row.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from pytest_isolation.boxes.weakenings import CAPABILITIES
from pytest_isolation.boxes.words import choice
from pytest_isolation.errors import UsageError

MODES = (
    "ro", "rw", "z", "Z", "nocopy", "shared", "rshared", "slave", "rslave", "private", "rprivate", "consistent",
    "cached", "delegated",
)  # fmt: skip
ULIMITS = (
    "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio",
    "rttime", "sigpending", "stack",
)  # fmt: skip
"""Those Docker knows (docker/go-units, ulimit.go)."""
MOUNT_KEYS = {"type": "type", "source": "source", "src": "source", "target": "target", "dst": "target",
              "destination": "target", "readonly": "read_only", "ro": "read_only",
              "bind-propagation": "propagation"}  # fmt: skip
MOUNT_TYPES = ("bind", "volume", "tmpfs", "npipe")


SIZE = r"-?[0-9]+[bkmgt]?", "a number of bytes, with k, m or g behind it: 64m"
TEXTS = {
    "mem_limit": SIZE,
    "memswap_limit": SIZE,
    "mem_reservation": SIZE,
    "kernel_memory": SIZE,
    "shm_size": SIZE,
    "cpuset_cpus": (r"[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*", "processors by their numbers: 0-1"),
    "cpuset_mems": (r"[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*", "memory nodes by their numbers: 0"),
    "pid_mode": (r"host|container:.+|", "host or container:NAME"),
    "ipc_mode": (r"none|private|shareable|host|container:.+|", "none, private, shareable, host or container:NAME"),
    "uts_mode": (r"host|", "host"),
    "userns_mode": (r"host|", "host"),
    "cgroupns": (r"host|private", "host or private"),
}
"""Keyword -> what its text is to be, as a regular expression and in words."""


def text(key: str, given: str) -> str:
    """One of TEXTS."""
    pattern, expected = TEXTS[key]
    if not re.fullmatch(pattern, given, re.IGNORECASE):
        raise UsageError(f"docker: {key} is {given!r}; expected {expected}")
    return given


def capability(text: str) -> str:
    """As capabilities(7) has it, with or without CAP_; ALL is all of them."""
    plain = text.upper().removeprefix("CAP_")
    if plain not in (*CAPABILITIES, "ALL"):
        raise UsageError(f"docker: {text!r} is no capability; {choice(plain, (*CAPABILITIES, 'ALL'))}")
    return text


def volume(text: str) -> str:
    """HOST:BOX[:MODE], or BOX alone for a volume without a name."""
    parts = text.split(":")
    target, modes = parts[1 if len(parts) > 1 else 0], parts[2].split(",") if len(parts) > 2 else []
    if len(parts) > 3 or not target.startswith("/") or not parts[0] or "\0" in text:
        raise UsageError(f"docker: volumes has {text!r}; expected HOST:BOX[:MODE], for example /srv/data:/data:ro")
    if len(parts) > 1 and "/" in parts[0] and not parts[0].startswith("/"):
        raise UsageError(
            f"docker: volumes has {text!r}; expected a path of the host that begins with /, or a volume's name"
        )
    for mode in modes:
        if mode not in MODES:
            raise UsageError(f"docker: volumes has {text!r}, with the mode {mode!r}; {choice(mode, MODES)}")
    return text


def device(text: str) -> str:
    """HOST[:BOX[:rwm]]."""
    parts = text.split(":")
    allowed = parts[2] if len(parts) > 2 else "rwm"
    if (
        len(parts) > 3
        or not all(part.startswith("/") for part in parts[:2])
        or not re.fullmatch(r"[rwm]{1,3}", allowed)
        or "\0" in text
    ):
        raise UsageError(f"docker: devices has {text!r}; expected HOST[:BOX[:rwm]], for example /dev/null:/dev/mine:r")
    return text


def ulimit(text: str) -> dict[str, Any]:
    """NAME=SOFT[:HARD]."""
    match = re.fullmatch(r"([a-z]+)=(-?[0-9]+)(?::(-?[0-9]+))?", text)
    if match is None:
        raise UsageError(f"docker: ulimits has {text!r}; expected NAME=SOFT:HARD, for example nofile=1024:2048")
    if match[1] not in ULIMITS:
        raise UsageError(f"docker: ulimits has {text!r}; {choice(match[1], ULIMITS)}")
    soft, hard = int(match[2]), int(match[3] or match[2])
    if hard != -1 and (soft == -1 or soft > hard):
        raise UsageError(f"docker: ulimits has {text!r}: {soft} is above {hard}; expected the smaller one first")
    return {"Name": match[1], "Soft": soft, "Hard": hard}


def mount(text: str) -> dict[str, Any]:
    """type=bind,source=HOST,target=BOX[,readonly], as `docker run --mount`."""
    example = "for example 'type=bind,source=/srv/data,target=/data,readonly'"
    found: dict[str, Any] = {"type": "volume"}
    for part in text.split(","):
        key, equals, value = part.partition("=")
        if key not in MOUNT_KEYS:
            raise UsageError(f"docker: mounts has {text!r}, with the key {key!r}; {choice(key, MOUNT_KEYS)}, {example}")
        name = MOUNT_KEYS[key]
        if name == "read_only":
            found[name] = value in ("", "true", "1")
        elif equals and value:
            found[name] = value
        else:
            raise UsageError(f"docker: mounts has {text!r}; {key} has no value, {example}")
    if found["type"] not in MOUNT_TYPES:
        raise UsageError(f"docker: mounts has {text!r}; {choice(found['type'], MOUNT_TYPES)}, {example}")
    if not str(found.get("target", "")).startswith("/"):
        raise UsageError(f"docker: mounts has {text!r}; expected a target that begins with /, {example}")
    if found["type"] == "bind" and not str(found.get("source", "")).startswith("/"):
        raise UsageError(f"docker: mounts has {text!r}; expected a source that begins with /, {example}")
    from docker.types import Mount

    return dict(Mount(source=found.pop("source", None), **found))


def security(text: str) -> str:
    """An option of --security-opt.  A filter is given by its path, as to the docker command: the daemon wants the text.

    Raises UsageError for one that cannot be read.
    """
    name, _, value = text.partition("=")
    if name != "seccomp" or value in ("", "unconfined", "builtin") or value.lstrip().startswith("{"):
        return text
    try:
        profile = Path(value).read_text(encoding="utf-8")
        json.loads(profile)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"docker: security_opt={text}: {value} is no profile of seccomp: {error}; expected unconfined, or the path "
            "of a profile in JSON"
        ) from None
    return f"seccomp={profile}"
