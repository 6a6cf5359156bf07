"""containerd: a daemon of our own, `ctr images import`, and a snapshot on the one that this made.

Not by `ctr images mount`: that of 1.6 has an option `--snapshotter`, and takes overlayfs whatever it says.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager

from pytest_isolation.errors import BoxError, Unavailable
from pytest_isolation.suite.layers.engines.engine import Stored
from pytest_isolation.technologies import program
from pytest_isolation.technologies.room import Room, room

PATIENCE_S = 30


class Containerd:
    """containerd, with one of its snapshotters."""

    def __init__(self, where: Room, snapshotter: str) -> None:
        self._room, self._snapshotter = where, snapshotter
        self.version = program.version("containerd", "containerd").split()[2]

        self._ctr = ["ctr", "--address", str(where.directory / "socket")]

    def run(self, *words: str) -> str:
        """`ctr WORDS`: what it wrote.  Raises BoxError."""
        return self._room.run([*self._ctr, *words])

    @contextmanager
    def unpacked(self, stored: Stored) -> Iterator[bytes]:
        """As Engine.unpacked."""
        snapshotter = ("--snapshotter", self._snapshotter)
        key = f"read-{secrets.token_hex(6)}"
        name, root = f"docker.io/library/{stored.tag}", self._room.directory / key
        self._room.path(key).mkdir()
        try:
            self._room.offer([*self._ctr, "images", "import", *snapshotter, str(stored.archive)])
            # Not `view`: what that makes is rubbish to the daemon, which collects it while we read.
            mount = self.run("snapshots", *snapshotter, "prepare", "--target", str(root), key, _chain(stored))
            self._room.run(shlex.split(mount))  # the command that mounts it, as it is printed
            try:
                yield self._room.seen(root)
            finally:
                self._room.run(["umount", str(root)])
                self.run("snapshots", *snapshotter, "rm", key)
        finally:
            self.run("images", "rm", "--sync", name)
            self._room.path(key).rmdir()


def _chain(stored: Stored) -> str:
    """The name of the snapshot of all layers (oci:image-spec config.md, Layer ChainID)."""
    (saved,) = json.loads((stored.layout / "manifest.json").read_text(encoding="utf-8"))
    first, *others = json.loads((stored.layout / saved["Config"]).read_text(encoding="utf-8"))["rootfs"]["diff_ids"]
    chain = str(first)
    for digest in others:
        chain = "sha256:" + hashlib.sha256(f"{chain} {digest}".encode()).hexdigest()
    return chain


@contextmanager
def ready(snapshotter: str) -> Iterator[Containerd]:
    """`snapshotter`: overlayfs or native."""
    for name in ("containerd", "ctr"):
        program.find(name, "containerd")
    with room() as where:
        settings = where.directory / "config.toml"
        # The CRI plugin wants a network's configuration, and none of its services is asked for.
        where.path("config.toml").write_text(
            'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n', encoding="utf-8"
        )
        words = ["--config", str(settings), "--address", str(where.directory / "socket")]
        words += ["--root", str(where.directory / "store"), "--state", str(where.directory / "state")]
        with where.running(["containerd", *words], where.path("log")):
            engine = Containerd(where, snapshotter)
            _wait(engine)
            yield engine


def _wait(engine: Containerd) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            engine.run("version")
            return
        except BoxError as error:
            if time.monotonic() > deadline:
                raise Unavailable(f"containerd does not answer: {error}", "try `containerd` by hand") from None
        time.sleep(0.1)
