"""What a box may leave in a directory that it was handed, and what it then is for the host."""

import stat
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Guarantee, Volume, family, severity, weaken
from pytest_isolation.agent.client import Proc, Reply
from pytest_isolation.agent.constants import AT, AT_FDCWD
from pytest_isolation.agent.memory import In
from pytest_isolation.boxes.weakenings import Weakening
from pytest_isolation.guarantees.severity import Consequence
from pytest_isolation.strategies import tokens

TARGET = "/volume"
MODES = (0o4755, 0o4777, 0o6711)
DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7)}
"""Devices that everybody has and that do nothing: their nodes give nobody anything."""
VFS_CAP_REVISIONS, VFS_CAP_REVISION_2, VFS_CAP_REVISION_3 = 0xFF00_0000, 0x0200_0000, 0x0300_0000
CAP_NET_BIND_SERVICE = 1 << 10


def _made(promise: Guarantee, proc: Proc, path: str) -> None:
    opened = promise.prepared(proc.openat(AT_FDCWD, path, 0o301, 0o600), "a file in the directory")
    proc.close(opened.value)


def _set_user_id(promise: Guarantee, proc: Proc, path: str, which: int) -> Reply:
    _made(promise, proc, path)
    return proc.fchmodat(AT_FDCWD, path, MODES[which])


def _device(promise: Guarantee, proc: Proc, path: str, which: int) -> Reply:
    major, minor = list(DEVICES.values())[which]
    return proc.mknodat(AT_FDCWD, path, stat.S_IFCHR | 0o666, major << 8 | minor)


def _capable(promise: Guarantee, proc: Proc, path: str, which: int) -> Reply:
    _made(promise, proc, path)
    value = struct.pack("<5I", VFS_CAP_REVISION_2 | which % 2, CAP_NET_BIND_SERVICE, 0, 0, 0)
    return proc.call("setxattr", path, "security.capability", In(value), len(value), 0)


def _owned(promise: Guarantee, proc: Proc, path: str, which: int) -> Reply:
    """By whoever makes it; root of a box makes it as root there."""
    flags = 0o301 if which else 0o302
    opened = proc.openat(AT_FDCWD, path, flags, 0o600)
    if opened.ok:
        proc.close(opened.value)
    return opened


@dataclass(frozen=True)
class Found:
    """A file of the volume's, as the host has it."""

    user: int
    mode: int
    capabilities: bytes

    @property
    def permits(self) -> bool:
        """To a process of the host's own user namespace: security.capability, capabilities(7)."""
        if len(self.capabilities) < 20:
            return False
        revision = int.from_bytes(self.capabilities[:4], "little") & VFS_CAP_REVISIONS
        root = int.from_bytes(self.capabilities[20:24], "little") if revision == VFS_CAP_REVISION_3 else 0
        return root == 0


@dataclass(frozen=True)
class Kind:
    slug: str
    name: str
    reach: Consequence
    """Who gave the directory gave what is done in it: it takes somebody else to use what lies there."""
    why: str
    holes: tuple[Weakening, ...]
    leave: Callable[[Guarantee, Proc, str, int], Reply]
    is_one: Callable[[Found], bool]


KINDS = (
    Kind(
        "setuid-program", "program that runs as root of the host for whoever starts it",
        severity.surface("leaves setuid programs of root's on the host"),
        "a user of the host runs it, and is root there",
        (weaken.share("user"),), _set_user_id, lambda found: found.user == 0 and bool(found.mode & stat.S_ISUID),
    ),
    Kind(
        "device", "device node", severity.surface("leaves device nodes on the host"),
        "the group of the box says which devices it may use; who finds the node on the host is in no such group",
        (weaken.share("user"), weaken.grant("MKNOD")), _device, lambda found: stat.S_ISCHR(found.mode),
    ),
    Kind(
        "capable-program", "program with a capability for whoever starts it",
        severity.surface("leaves programs with capabilities on the host"),
        "no mode of the file shows it, and a copy may keep it",
        (weaken.share("user"), weaken.grant("SETFCAP")), _capable, lambda found: found.permits,
    ),
    Kind(
        "roots-file", "file of root's", severity.use("leaves files of root's on the host"),
        "whose directory it is can neither read nor change it, and backs up or removes it as root alone",
        (weaken.share("user"),), _owned, lambda found: found.user == 0,
    ),
)  # fmt: skip

left = family(
    "vol.{entry.slug}-not-left",
    over=KINDS,
    claim="what a box leaves in a directory that it may write to is no {entry.name} on the host",
    sources=(
        "man:user_namespaces(7)",
        "man:mount(8) nosuid, nodev",
        "https://docs.docker.com/engine/storage/bind-mounts/#considerations-and-constraints",
    ),
    severity=lambda entry: entry.reach,
    falsified_by=lambda entry: entry.holes,
    box={"volumes": (Volume(target=TARGET),)},
    needs_root=True,
    distinct="{entry.why}",
)


@left
@given(name=tokens(), which=st.integers(0, 2))
def test_host_finds_none(box: Box, promise: Guarantee, entry: Kind, name: str, which: int) -> None:
    """The file is empty, its directory open to nobody but root, and it is gone after the example."""
    path: Path = box.parts.volumes[TARGET] / name
    try:
        reply = entry.leave(promise, box.proc, f"{TARGET}/{name}", which)
        found = _found(box, path)
        promise.tried(reply)
        promise.held("isolated" if reply.ok else "refused")
        promise.require(
            found is None or not entry.is_one(found),
            reply,
            **({"user": found.user, "mode": oct(found.mode)} if found else {}),
        )
    finally:
        box.outside.proc.unlinkat(AT_FDCWD, path)


def _found(box: Box, path: Path) -> Found | None:
    told = box.outside.proc.statx(AT_FDCWD, path, AT.SYMLINK_NOFOLLOW).data
    if not told:
        return None
    user, mode = struct.unpack_from("<I4xH", told, 20)
    return Found(user, mode, box.outside.proc.lgetxattr(path, "security.capability").data)
