"""What a box is asked to have it has, or its technology refuses before the start: nothing is passed over.

Every technology by every keyword that all boxes have.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from pytest_isolation import Box, Unavailable, Unsupported
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.agent.shortcuts import read
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.options.boxes import parse
from pytest_isolation.technologies import BUILT_IN, technology
from tests.support import need

EROFS = 30


def _interfaces(box: Box) -> list[bytes]:
    return [line.split(b":")[0].strip() for line in read(box.proc, "/proc/net/dev").data.splitlines()[2:]]


def _hostname(box: Box) -> bytes:
    return box.proc.uname().data[65:130].rstrip(b"\0")


HAS: dict[str, tuple[str, Callable[[Box], bool]]] = {
    "network": ("none", lambda box: _interfaces(box) in ([b"lo"], [])),
    "read_only": ("true", lambda box: box.proc.mkdirat(AT_FDCWD, "/new").errno == EROFS),
    "hostname": ("another", lambda box: _hostname(box) == b"another"),
    "uid": ("1234", lambda box: box.proc.getuid().value == 1234),
    "gid": ("1234", lambda box: box.proc.getgid().value == 1234),
    "workdir": ("/tmp", lambda box: box.proc.getcwd(64).data.rstrip(b"\0") == b"/tmp"),
}
"""Limits are test_limits_asked.py's."""
COMMAND = '"env {agent}"'
LIMITED = {"memory": "256M", "pids": "200", "cpus": "0.5"}
WHERE_NO_LIMIT_IS = ("host", "chroot", "command", "attach", "channel")


def _text(name: str, key: str, value: str) -> str:
    first = {"command": f"{COMMAND},", "attach": f"pid={os.getpid()},", "channel": "sh,", "preset": "unshare,"}.get(
        name, ""
    )
    written = {"nested": "bubblewrap@nspawn"}.get(name, name)
    return f"{written}:{first}{key}={value}"


@pytest.mark.parametrize("key", HAS)
@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_it_has_it_or_is_refused(run: Lifetime, name: str, key: str) -> None:
    value, has = HAS[key]
    spec = parse(_text(name, key, value))
    try:
        technology(name).check_available(spec)
    except (Unavailable, Unsupported) as refused:
        assert name == "crun" or key in str(refused) or f"{key}={value}" in str(refused), refused
        return
    with technology(name).launch(spec, run) as box:
        assert has(box)


@pytest.mark.parametrize("key", LIMITED)
@pytest.mark.parametrize("name", WHERE_NO_LIMIT_IS)
def test_a_limit_is_refused_where_nothing_keeps_one(name: str, key: str) -> None:
    with pytest.raises((Unavailable, Unsupported), match=key):
        technology(name).check_available(parse(_text(name, key, LIMITED[key])))


@pytest.mark.parametrize(
    "text", ["host:image=debian", "cgroup:image=debian", "qemu:image=debian", "qemu:network=bridge", "qemu:cpus=2"]
)
def test_what_is_no_keyword_of_it_is_refused_before_the_start(text: str) -> None:
    spec = parse(text)
    if spec.technology == "qemu":
        need("qemu")
    with pytest.raises((Unavailable, Unsupported), match=r"image|network|cpus"):
        technology(spec.technology).check_available(spec)
