"""Docker's roads, by its own command line."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from pytest_isolation.boxes.image import Image
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.roads import Arrival
from pytest_isolation.boxes.weakenings import Weakenings
from pytest_isolation.errors import BoxError, Unavailable
from pytest_isolation.technologies import program
from pytest_isolation.technologies.docker.daemon import LABEL, Daemon
from pytest_isolation.technologies.roads.engine import SAID, EngineRoads, Place
from pytest_isolation.technologies.roads.registry import registry
from pytest_isolation.technologies.roads.source import arrived
from pytest_isolation.technologies.room import Refused

TIMEOUT_S = 120


class DockerRoads(EngineRoads):
    """The daemon of this machine, and `docker`."""

    def __init__(self, daemon: Daemon, lifetime: Lifetime, holes: Weakenings = frozenset()) -> None:
        """`holes`: as EngineRoads has it.

        Raises Unavailable where the tree that arrives cannot be read, or there is no command.
        """
        super().__init__(partial(_directory, lifetime), lifetime, holes)
        if not daemon.is_ours or os.geteuid() != 0 or daemon.maps_users(None):
            raise Unavailable(
                "what arrives is read by root beside the daemon, and you are not root, or the daemon is elsewhere or "
                "maps users",
                "run as root on the machine of the daemon",
            )
        self._docker = [program.find("docker", "docker-cli, or docker.io"), "--host", daemon.where]
        self._daemon = daemon
        facts = daemon.facts()
        self.version = f"{facts['version']} {facts['storage_driver']}"
        label = f"LABEL {LABEL}={lifetime.run_id}"
        apart = ("--force-rm", "--network", "none")
        self._ways = {
            "load": ("docker load", self._load),
            "save": ("docker save, docker load", self._save),
            "push": ("docker push, docker pull, by a registry of this machine", self._push),
            "export": (
                "docker export, docker import",
                lambda image, at: self._export(image, at, "--change", label),
            ),
            "commit": ("docker commit", self._commit),
            "build": (
                "docker build: COPY directory",
                lambda image, at: self._build(image, at, "COPY", *apart),
            ),
            "build-add": (
                "docker build: ADD archive.tar",
                lambda image, at: self._build(image, at, "ADD", *apart),
            ),
            "cp-in": ("docker cp into a container", self._copy_in),
            "cp-out": ("docker cp out of a container", self._copy_out),
            "cp-archive": (
                "docker cp --archive out of a container, and into another",
                lambda image, at: self._copy(image, at, "--archive"),
            ),
        }

    def _push(self, image: Image, at: Place) -> Arrival:
        with registry(self._lifetime, at.here / "registry") as address, self._loaded(image, at) as packed:
            there = f"{address}/{packed.tag}"
            with self._named(there):
                self._run("tag", packed.tag, there)
                self._offer("push", "--quiet", there)
                self._remove(there)
                self._remove(packed.tag)
                self._take_back("pull", "--quiet", there)
                return self._seen(there, packed.identity)

    @contextmanager
    def _named(self, tag: str) -> Iterator[str]:
        self._lifetime.register("docker:image", f"{tag} {self._daemon.host or ''}".strip())
        try:
            yield tag
        finally:
            self._remove(tag)

    def _remove(self, tag: str) -> None:
        self._daemon.remove_image(tag)

    def _seen(self, tag: str, identity: str | None = None) -> Arrival:
        with self._container(tag) as name:
            tree = arrived(self._root_of(name))
        if identity is None:
            return Arrival(tree)
        return Arrival(tree, identity=(identity, self._run("image", "inspect", "--format", "{{.Id}}", tag).strip()))

    @contextmanager
    def _container(self, tag: str) -> Iterator[str]:
        """Its process waits for its standard input: it runs until the block ends."""
        name = f"pytest-isolation-road-{secrets.token_hex(6)}"
        self._lifetime.register("docker:container", f"{name} {self._daemon.host or ''}".strip())
        try:
            self._run("run", "--detach", "--interactive", "--name", name, "--label", f"{LABEL}={self._lifetime.run_id}",
                      "--network", "none", "--log-driver", "none", "--pull", "never", tag, "/agent")  # fmt: skip
            yield name
        finally:
            self._daemon.remove_container(name)

    def _root_of(self, name: str) -> bytes:
        pid = int(self._run("inspect", "--format", "{{.State.Pid}}", name))
        return os.fsencode(f"/proc/{pid}/root")

    def _offer(self, *words: str) -> str:
        """As Sender has it; raises BoxError as well when the daemon is gone."""
        env = {**os.environ, "LC_ALL": "C.UTF-8", "DOCKER_BUILDKIT": "0"}  # whose builder has caches of its own
        try:
            done = program.ended([*self._docker, *words], timeout=TIMEOUT_S, env=env)
        except subprocess.TimeoutExpired:
            raise BoxError(f"docker {words[0]} did not end within {TIMEOUT_S} seconds") from None
        if done.returncode:
            said = f"docker {words[0]}: {' '.join(done.stderr.split())[-SAID:] or done.returncode}"
            if program.ended([*self._docker, "version"], timeout=TIMEOUT_S).returncode:
                raise BoxError(f"the daemon does not answer any more: {said}")
            raise Refused(said)
        return str(done.stdout)


@contextmanager
def _directory(lifetime: Lifetime) -> Iterator[Place]:
    """A place that the daemon of this machine reaches as this process does."""
    made = lifetime.new_directory("road")
    try:
        yield Place(made, made)
    finally:
        lifetime.remove_directory(made)
