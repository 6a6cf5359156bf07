"""Podman's roads, and buildah's and skopeo's over the same store: one of our own, which nobody else sees."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace

from pytest_isolation.boxes.image import Image
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.roads import Arrival
from pytest_isolation.boxes.weakenings import Weakenings
from pytest_isolation.errors import BoxError
from pytest_isolation.technologies import program
from pytest_isolation.technologies.docker.daemon import LABEL
from pytest_isolation.technologies.roads.registry import registry
from pytest_isolation.technologies.roads.source import TREE, Lost, Packed, arrived, make, pack
from pytest_isolation.technologies.room import Refused, Room, room

STORE = {"root": "storage", "runroot": "run"}
WITHOUT_TLS = "--tls-verify=false"


class PodmanRoads:
    """Podman with a store of its own, whose driver is overlay."""

    def __init__(self, where: Room, lifetime: Lifetime, holes: Weakenings = frozenset()) -> None:
        """`holes`: with lossy("save-identity"), what is loaded is another image than the one whose ID is told."""
        self._room, self._lifetime, self._holes = where, lifetime, holes
        self.version = f"{program.version('podman', 'podman').rpartition(' ')[2]} overlay"
        self._store = ["--storage-driver=overlay", *(f"--{key}={where.directory / at}" for key, at in STORE.items())]
        self._ways: Mapping[str, tuple[str, Callable[[Image, str], Arrival]]] = {
            "load": ("podman load", self._load),
            "save": ("podman save, podman load", lambda image, at: self._save(image, at, "docker-archive")),
            "save-oci": (
                "podman save --format oci-archive, podman load",
                lambda image, at: self._save(image, at, "oci-archive"),
            ),
            "push": ("podman push, podman pull, by a registry of this machine", self._push),
            "push-dir": ("podman push to dir:, podman pull", lambda image, at: self._push_to(image, at, "dir")),
            "push-oci": ("podman push to oci:, podman pull", lambda image, at: self._push_to(image, at, "oci")),
            "export": ("podman export, podman import", self._export),
            "commit": ("podman commit", self._commit),
            "build": ("podman build: COPY directory", lambda image, at: self._build(image, at, "COPY")),
            "build-add": ("podman build: ADD archive.tar", lambda image, at: self._build(image, at, "ADD")),
            "cp-in": ("podman cp into a container", self._copy_in),
            "cp-in-as-is": (
                "podman cp --archive=false into a container",
                lambda image, at: self._copy_in(image, at, "--archive=false"),
            ),
            "cp-out": ("podman cp out of a container", self._copy_out),
            "cp-archive": ("podman cp --archive out of a container, and into another", self._copy),
        }  # fmt: skip

    @property
    def roads(self) -> Mapping[str, str]:
        """As Roads.roads."""
        return {road: words for road, (words, _) in self._ways.items()}

    def send(self, road: str, image: Image) -> Arrival:
        """As Roads.send."""
        at = f"road-{secrets.token_hex(4)}"
        self._room.path(at).mkdir()
        try:
            return self._ways[road][1](image, at)
        except Refused as error:
            return Arrival({}, refused=str(error))
        except Lost:
            return Arrival({})

    # -- roads of images ------------------------------------------------------------------

    def _load(self, image: Image, at: str) -> Arrival:
        with self._loaded(image, at) as packed:
            return self._seen(packed.tag, packed.identity)

    def _save(self, image: Image, at: str, kind: str) -> Arrival:
        saved = str(self._room.directory / at / "saved.tar")
        with self._loaded(image, at) as packed:
            self._offer("save", "--quiet", "--format", kind, "--output", saved, packed.tag)
            self._remove(packed.tag)
            self._take_back("load", "--quiet", "--input", saved)
            return self._seen(packed.tag, packed.identity)

    def _push(self, image: Image, at: str) -> Arrival:
        with registry(self._lifetime, self._room.path(at) / "registry") as address:
            with self._loaded(image, at) as packed:
                there = f"{address}/{packed.tag.partition('/')[2]}"
                self._offer("push", "--quiet", WITHOUT_TLS, packed.tag, f"docker://{there}")
            with self._removed(there):
                self._take_back("pull", "--quiet", WITHOUT_TLS, f"docker://{there}")
                return self._seen(there, packed.identity)

    def _push_to(self, image: Image, at: str, transport: str) -> Arrival:
        there = f"{transport}:{self._room.directory / at / 'pushed'}" + ":v" * (transport == "oci")
        with self._loaded(image, at) as packed:
            self._offer("push", "--quiet", packed.tag, there)
        name = self._take_back("pull", "--quiet", there).split()[-1]
        with self._removed(name):
            return self._seen(name, packed.identity)

    def _export(self, image: Image, at: str) -> Arrival:
        exported = str(self._room.directory / at / "exported.tar")
        with self._loaded(image, at) as packed, self._container(packed.tag) as name:
            self._offer("export", "--output", exported, name)
        with self._removed(f"{packed.tag}-imported") as tag:
            self._take_back("import", "--quiet", exported, tag)
            return self._seen(tag)

    # -- roads of files -------------------------------------------------------------------

    def _commit(self, image: Image, at: str) -> Arrival:
        with self._loaded(Image(), at) as packed, self._removed(f"{packed.tag}-committed") as tag:
            with self._container(packed.tag) as name:
                make(self._root_of(name), image)
                self._offer("commit", "--quiet", name, tag)
            return self._seen(tag)

    def _build(self, image: Image, at: str, verb: str) -> Arrival:
        context = self._room.path(at) / "context"
        context.mkdir()
        what, slash = TREE, ""
        if verb == "ADD":
            what, slash = "tree.tar", "/"
            (context / what).write_bytes(image.below(TREE.encode()).to_tar())
        else:
            make(os.fsencode(context), image)
        with self._loaded(Image(), at) as packed, self._removed(f"{packed.tag}-built") as tag:
            written = f"FROM {packed.tag}\n{verb} {what} /{TREE}{slash}\n"
            (context.parent / "Containerfile").write_text(written, encoding="utf-8")
            inside = self._room.directory / at
            self._offer("build", "--quiet", "--no-cache", "--pull-never", "--tag", tag,
                        "--file", str(inside / "Containerfile"), str(inside / "context"))  # fmt: skip
            return self._seen(tag)

    def _copy_in(self, image: Image, at: str, *options: str) -> Arrival:
        source = self._room.path(at) / "source"
        source.mkdir()
        make(os.fsencode(source), image)
        return self._into(f"{at}/source", at, *options)

    def _copy_out(self, image: Image, at: str, *options: str) -> Arrival:
        for name in ("target", "like"):
            (self._room.path(at) / name).mkdir()
        make(os.fsencode(self._room.path(at) / "like"), image)  # for its words, where such a tree cannot arrive there
        with self._loaded(image, at) as packed, self._container(packed.tag) as name:
            self._offer("cp", *options, f"{name}:/{TREE}", str(self._room.directory / at / "target"))
        return Arrival(arrived(os.fsencode(self._room.path(at) / "target")))

    def _copy(self, image: Image, at: str) -> Arrival:
        self._copy_out(image, at, "--archive=true")
        (self._room.path(at) / "second").mkdir()
        return self._into(f"{at}/target", f"{at}/second", "--archive=true")

    def _into(self, source: str, at: str, *options: str) -> Arrival:
        with self._loaded(Image(), at) as packed, self._container(packed.tag) as name:
            self._offer("cp", *options, str(self._room.directory / source / TREE), f"{name}:/")
            return Arrival(arrived(self._root_of(name)))

    # -- what all of them do --------------------------------------------------------------

    @contextmanager
    def _loaded(self, image: Image, at: str) -> Iterator[Packed]:
        tag = f"pytest-isolation-road:{secrets.token_hex(6)}"
        packed = pack(self._room.path(at), image, tag, labels={LABEL: self._lifetime.run_id}, holes=self._holes)
        packed = replace(packed, tag=f"docker.io/library/{tag}")  # the name that it has here
        with self._removed(packed.tag):
            take = self._offer if image.entries else self._run
            take("load", "--quiet", "--input", str(self._room.directory / at / packed.archive.name))
            yield packed

    @contextmanager
    def _removed(self, tag: str) -> Iterator[str]:
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
        """A container of the image, which is not started: its files are there."""
        name = f"pytest-isolation-road-{secrets.token_hex(6)}"
        self._run("create", "--name", name, "--label", f"{LABEL}={self._lifetime.run_id}", "--network", "none",
                  "--log-driver", "none", "--pull", "never", tag, "/agent")  # fmt: skip
        try:
            yield name
        finally:
            self._run("rm", "--force", name)

    def _root_of(self, name: str) -> bytes:
        """The container's root as this process reaches it, mounted until the container goes."""
        return self._room.seen(self._run("mount", name).strip())

    def _run(self, *words: str) -> str:
        """What `podman WORDS` wrote, which is given no tree.  Raises BoxError."""
        try:
            return self._offer(*words)
        except Refused as error:
            raise BoxError(str(error)) from None

    def _take_back(self, *words: str) -> str:
        """The same of what Podman made of the tree itself.  Raises Lost when it does not take that, BoxError."""
        try:
            return self._offer(*words)
        except Refused as error:
            raise Lost(str(error)) from None

    def _offer(self, *words: str) -> str:
        """The same of a command that is given the tree.  Raises Refused when it fails, BoxError when it hangs."""
        try:
            return self._room.offer(["podman", *self._store, f"--tmpdir={self._room.directory / 'tmp'}", *words])
        except Refused as error:
            raise Refused(f"podman {words[0]}: {str(error)[-600:]}") from None


@contextmanager
def roads(lifetime: Lifetime, holes: Weakenings = frozenset()) -> Iterator[PodmanRoads]:
    """`holes`: losses on purpose.  Raises Unavailable where there is no Podman or no room."""
    program.find("podman", "podman")
    with room() as where:
        yield PodmanRoads(where, lifetime, holes)
