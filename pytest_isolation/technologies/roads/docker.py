"""Docker's roads, by its own command line."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pytest_isolation.boxes.image import Image
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.roads import Arrival
from pytest_isolation.boxes.weakenings import Weakenings
from pytest_isolation.errors import BoxError, Unavailable
from pytest_isolation.technologies import program
from pytest_isolation.technologies.docker.daemon import LABEL, Daemon
from pytest_isolation.technologies.roads.registry import registry
from pytest_isolation.technologies.roads.source import TREE, Lost, Packed, arrived, make, pack
from pytest_isolation.technologies.room import Refused

TIMEOUT_S = 120
COPIED = "FROM {base}\n{verb} {what} /" + TREE + "{slash}\n"
"""One step: the image that it makes has the label of its base, and no other is made on the way."""


class DockerRoads:
    """The daemon of this machine, and `docker`."""

    def __init__(self, daemon: Daemon, lifetime: Lifetime, holes: Weakenings = frozenset()) -> None:
        """`holes`: with lossy("save-identity"), what is loaded is another image than the one whose ID is told.

        Raises Unavailable where the tree that arrives cannot be read, or there is no command.
        """
        if not daemon.is_ours or os.geteuid() != 0 or daemon.maps_users(None):
            raise Unavailable(
                "what arrives is read by root beside the daemon, and you are not root, or the daemon is elsewhere or "
                "maps users",
                "run as root on the machine of the daemon",
            )
        self._docker = [program.find("docker", "docker-cli, or docker.io"), "--host", daemon.where]
        self._daemon, self._lifetime, self._holes = daemon, lifetime, holes
        facts = daemon.facts()
        self.version = f"{facts['version']} {facts['storage_driver']}"
        self._ways: Mapping[str, tuple[str, Callable[[Image, Path], Arrival]]] = {
            "load": ("docker load", self._load),
            "save": ("docker save, docker load", self._save),
            "push": ("docker push, docker pull, by a registry of this machine", self._push),
            "export": ("docker export, docker import", self._export),
            "commit": ("docker commit", self._commit),
            "build": ("docker build: COPY directory", lambda image, at: self._build(image, at, "COPY")),
            "build-add": ("docker build: ADD archive.tar", lambda image, at: self._build(image, at, "ADD")),
            "cp-in": ("docker cp into a container", self._copy_in),
            "cp-out": ("docker cp out of a container", self._copy_out),
            "cp-archive": ("docker cp --archive out of a container, and into another", self._copy),
        }  # fmt: skip

    @property
    def roads(self) -> Mapping[str, str]:
        """As Roads.roads."""
        return {road: words for road, (words, _) in self._ways.items()}

    def send(self, road: str, image: Image) -> Arrival:
        """As Roads.send."""
        at = self._lifetime.new_directory("road")
        try:
            return self._ways[road][1](image, at)
        except Refused as error:
            return Arrival({}, refused=str(error))
        except Lost:
            return Arrival({})
        finally:
            self._lifetime.remove_directory(at)

    # -- roads of images ------------------------------------------------------------------

    def _load(self, image: Image, at: Path) -> Arrival:
        with self._loaded(image, at) as packed:
            return self._seen(packed.tag, packed.identity)

    def _save(self, image: Image, at: Path) -> Arrival:
        with self._loaded(image, at) as packed:
            self._offer("save", "--output", str(at / "saved.tar"), packed.tag)
            self._daemon.remove_image(packed.tag)
            self._take_back("load", "--quiet", "--input", str(at / "saved.tar"))
            return self._seen(packed.tag, packed.identity)

    def _push(self, image: Image, at: Path) -> Arrival:
        with registry(self._lifetime, at / "registry") as address, self._loaded(image, at) as packed:
            there = f"{address}/{packed.tag}"
            with self._tagged(there):
                self._run("tag", packed.tag, there)
                self._offer("push", "--quiet", there)
                self._daemon.remove_image(there)
                self._daemon.remove_image(packed.tag)
                self._take_back("pull", "--quiet", there)
                return self._seen(there, packed.identity)

    def _export(self, image: Image, at: Path) -> Arrival:
        with self._loaded(image, at) as packed:
            with self._container(packed.tag) as (name, _):
                self._offer("export", "--output", str(at / "exported.tar"), name)
            with self._tagged(f"{packed.tag}-imported") as tag:
                label = f"LABEL {LABEL}={self._lifetime.run_id}"
                self._take_back("import", "--change", label, str(at / "exported.tar"), tag)
                return self._seen(tag)

    # -- roads of files -------------------------------------------------------------------

    def _commit(self, image: Image, at: Path) -> Arrival:
        with self._loaded(Image(), at) as packed, self._tagged(f"{packed.tag}-committed") as tag:
            with self._container(packed.tag) as (name, pid):
                make(os.fsencode(f"/proc/{pid}/root"), image)
                self._offer("commit", name, tag)
            return self._seen(tag)

    def _build(self, image: Image, at: Path, verb: str) -> Arrival:
        with self._loaded(Image(), at) as packed, self._tagged(f"{packed.tag}-built") as tag:
            context = at / "context"
            context.mkdir()
            what, slash = TREE, ""
            if verb == "ADD":
                what, slash = "tree.tar", "/"
                (context / what).write_bytes(image.below(TREE.encode()).to_tar())
            else:
                make(os.fsencode(context), image)
            written = COPIED.format(base=packed.tag, verb=verb, what=what, slash=slash)
            (at / "Dockerfile").write_text(written, encoding="utf-8")
            self._offer("build", "--quiet", "--no-cache", "--force-rm", "--network", "none", "--tag", tag,
                        "--file", str(at / "Dockerfile"), str(context), env={"DOCKER_BUILDKIT": "0"})  # fmt: skip
            return self._seen(tag)

    def _copy_in(self, image: Image, at: Path) -> Arrival:
        source = at / "source"
        source.mkdir()
        make(os.fsencode(source), image)
        return self._into(source, at)

    def _copy_out(self, image: Image, at: Path, *options: str) -> Arrival:
        target, like = at / "target", at / "like"
        target.mkdir()
        like.mkdir()
        make(os.fsencode(like), image)  # for its words, where such a tree cannot arrive there
        with self._loaded(image, at) as packed, self._container(packed.tag) as (name, _):
            self._offer("cp", *options, f"{name}:/{TREE}", str(target))
        return Arrival(arrived(os.fsencode(target)))

    def _copy(self, image: Image, at: Path) -> Arrival:
        first, second = at / "first", at / "second"
        first.mkdir()
        second.mkdir()
        self._copy_out(image, first, "--archive")
        return self._into(first / "target", second, "--archive")

    def _into(self, source: Path, at: Path, *options: str) -> Arrival:
        with self._loaded(Image(), at) as packed, self._container(packed.tag) as (name, pid):
            self._offer("cp", *options, str(source / TREE), f"{name}:/")
            return Arrival(arrived(os.fsencode(f"/proc/{pid}/root")))

    # -- what all of them do --------------------------------------------------------------

    @contextmanager
    def _loaded(self, image: Image, at: Path) -> Iterator[Packed]:
        with self._tagged(f"pytest-isolation-road:{secrets.token_hex(6)}") as tag:
            packed = pack(at, image, tag, labels={LABEL: self._lifetime.run_id}, holes=self._holes)
            take = self._offer if image.entries else self._run
            take("load", "--quiet", "--input", str(packed.archive))
            yield packed

    @contextmanager
    def _tagged(self, tag: str) -> Iterator[str]:
        """A name of an image that is about to be made; the image goes after the block."""
        self._lifetime.register("docker:image", f"{tag} {self._daemon.host or ''}".strip())
        try:
            yield tag
        finally:
            self._daemon.remove_image(tag)

    def _seen(self, tag: str, identity: str | None = None) -> Arrival:
        with self._container(tag) as (_, pid):
            tree = arrived(os.fsencode(f"/proc/{pid}/root"))
        if identity is None:
            return Arrival(tree)
        return Arrival(tree, identity=(identity, self._run("image", "inspect", "--format", "{{.Id}}", tag).strip()))

    @contextmanager
    def _container(self, tag: str) -> Iterator[tuple[str, int]]:
        """A container of the image: its name, and the pid of its process, which waits for its standard input."""
        name = f"pytest-isolation-road-{secrets.token_hex(6)}"
        self._lifetime.register("docker:container", f"{name} {self._daemon.host or ''}".strip())
        try:
            self._run("run", "--detach", "--interactive", "--name", name, "--label", f"{LABEL}={self._lifetime.run_id}",
                      "--network", "none", "--log-driver", "none", "--pull", "never", tag, "/agent")  # fmt: skip
            yield name, int(self._run("inspect", "--format", "{{.State.Pid}}", name))
        finally:
            self._daemon.remove_container(name)

    def _run(self, *words: str) -> str:
        """What `docker WORDS` wrote, which is given no tree.  Raises BoxError."""
        try:
            return self._offer(*words)
        except Refused as error:
            raise BoxError(str(error)) from None

    def _take_back(self, *words: str) -> None:
        """The same of what Docker made of the tree itself.  Raises Lost when it does not take that, BoxError."""
        try:
            self._offer(*words)
        except Refused as error:
            raise Lost(str(error)) from None

    def _offer(self, *words: str, env: Mapping[str, str] | None = None) -> str:
        """The same of a command that is given the tree.

        Raises Refused with what it said when it failed, BoxError when it hangs or the daemon is gone.
        """
        try:
            done = program.ended(
                [*self._docker, *words], timeout=TIMEOUT_S, env={**os.environ, "LC_ALL": "C.UTF-8", **(env or {})}
            )
        except subprocess.TimeoutExpired:
            raise BoxError(f"docker {words[0]} did not end within {TIMEOUT_S} seconds") from None
        if done.returncode:
            said = f"docker {words[0]}: {' '.join(done.stderr.split())[-600:] or done.returncode}"
            if program.ended([*self._docker, "version"], timeout=TIMEOUT_S).returncode:
                raise BoxError(f"the daemon does not answer any more: {said}")
            raise Refused(said)
        return str(done.stdout)
