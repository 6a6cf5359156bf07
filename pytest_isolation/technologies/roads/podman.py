"""Podman's roads, and buildah's and skopeo's over the same store: one of our own, which nobody else sees."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial

from pytest_isolation.boxes.image import Image
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.roads import Arrival
from pytest_isolation.boxes.weakenings import Weakenings
from pytest_isolation.errors import BoxError
from pytest_isolation.technologies import program
from pytest_isolation.technologies.docker.daemon import LABEL
from pytest_isolation.technologies.roads.engine import SAID, EngineRoads, Place, in_room
from pytest_isolation.technologies.roads.registry import registry
from pytest_isolation.technologies.roads.source import arrived
from pytest_isolation.technologies.room import Refused, Room, room

STORE = {"root": "storage", "runroot": "run"}
WITHOUT_TLS = "--tls-verify=false"


class PodmanRoads(EngineRoads):
    """Podman with a store of its own, whose driver is overlay."""

    home = "docker.io/library/"

    def __init__(self, where: Room, lifetime: Lifetime, holes: Weakenings = frozenset()) -> None:
        """`holes`: as EngineRoads has it."""
        super().__init__(partial(in_room, where), lifetime, holes)
        self._room = where
        self.version = f"{program.version('podman', 'podman').rpartition(' ')[2]} overlay"
        self._store = ["--storage-driver=overlay", *(f"--{key}={where.directory / at}" for key, at in STORE.items())]
        self._ways = {
            "load": ("podman load", self._load),
            "save": (
                "podman save, podman load",
                lambda image, at: self._save(image, at, "--quiet", "--format", "docker-archive"),
            ),
            "save-oci": (
                "podman save --format oci-archive, podman load",
                lambda image, at: self._save(image, at, "--quiet", "--format", "oci-archive"),
            ),
            "push": ("podman push, podman pull, by a registry of this machine", self._push),
            "push-dir": ("podman push to dir:, podman pull", lambda image, at: self._push_to(image, at, "dir")),
            "push-oci": ("podman push to oci:, podman pull", lambda image, at: self._push_to(image, at, "oci")),
            "export": ("podman export, podman import", lambda image, at: self._export(image, at, "--quiet")),
            "commit": ("podman commit", lambda image, at: self._commit(image, at, "--quiet")),
            "build": (
                "podman build: COPY directory",
                lambda image, at: self._build(image, at, "COPY", "--pull-never"),
            ),
            "build-add": (
                "podman build: ADD archive.tar",
                lambda image, at: self._build(image, at, "ADD", "--pull-never"),
            ),
            "cp-in": ("podman cp into a container", self._copy_in),
            "cp-in-as-is": (
                "podman cp --archive=false into a container",
                lambda image, at: self._copy_in(image, at, "--archive=false"),
            ),
            "cp-out": ("podman cp out of a container", self._copy_out),
            "cp-archive": (
                "podman cp --archive out of a container, and into another",
                lambda image, at: self._copy(image, at, "--archive"),
            ),
        }

    def _push(self, image: Image, at: Place) -> Arrival:
        with registry(self._lifetime, at.here / "registry") as address:
            with self._loaded(image, at) as packed:
                there = f"{address}/{packed.tag.removeprefix(self.home)}"
                self._offer("push", "--quiet", WITHOUT_TLS, packed.tag, f"docker://{there}")
            with self._named(there):
                self._take_back("pull", "--quiet", WITHOUT_TLS, f"docker://{there}")
                return self._seen(there, packed.identity)

    def _push_to(self, image: Image, at: Place, transport: str) -> Arrival:
        there = f"{transport}:{at.there / 'pushed'}" + ":v" * (transport == "oci")
        with self._loaded(image, at) as packed:
            self._offer("push", "--quiet", packed.tag, there)
        name = self._take_back("pull", "--quiet", there).split()[-1]
        with self._named(name):
            return self._seen(name, packed.identity)

    @contextmanager
    def _named(self, tag: str) -> Iterator[str]:
        try:
            yield tag
        finally:
            with suppress(BoxError):  # it was not made, or is gone
                self._remove(tag)

    def _remove(self, tag: str) -> None:
        self._run("image", "rm", "--force", tag)

    def _seen(self, tag: str, identity: str | None = None) -> Arrival:
        tree = arrived(self._room.seen(self._run("image", "mount", tag).strip()))
        self._run("image", "unmount", "--force", tag)
        if identity is None:
            return Arrival(tree)
        found = self._run("image", "inspect", "--format", "{{.Id}}", tag).strip()
        return Arrival(tree, identity=(identity, f"sha256:{found}"))

    @contextmanager
    def _container(self, tag: str) -> Iterator[str]:
        """It is not started: its files are there."""
        name = f"pytest-isolation-road-{secrets.token_hex(6)}"
        self._run("create", "--name", name, "--label", f"{LABEL}={self._lifetime.run_id}", "--network", "none",
                  "--log-driver", "none", "--pull", "never", tag, "/agent")  # fmt: skip
        try:
            yield name
        finally:
            self._run("rm", "--force", name)

    def _root_of(self, name: str) -> bytes:
        """Mounted until the container goes."""
        return self._room.seen(self._run("mount", name).strip())

    def _offer(self, *words: str) -> str:
        try:
            return self._room.offer(["podman", *self._store, f"--tmpdir={self._room.directory / 'tmp'}", *words])
        except Refused as error:
            raise Refused(f"podman {words[0]}: {str(error)[-SAID:]}") from None


@contextmanager
def roads(lifetime: Lifetime, holes: Weakenings = frozenset()) -> Iterator[PodmanRoads]:
    """`holes`: losses on purpose.  Raises Unavailable where there is no Podman or no room."""
    program.find("podman", "podman")
    with room() as where:
        yield PodmanRoads(where, lifetime, holes)
