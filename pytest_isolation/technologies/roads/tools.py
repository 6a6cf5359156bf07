"""The roads of buildah(1) and skopeo(1): what they make is an OCI layout, which umoci(1) unpacks.

umoci, because it keeps all that an archive says: docs/layers.md.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pytest_isolation.boxes.image import Image
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.roads import Arrival
from pytest_isolation.technologies import program
from pytest_isolation.technologies.docker.daemon import LABEL
from pytest_isolation.technologies.roads.podman import STORE
from pytest_isolation.technologies.roads.registry import registry
from pytest_isolation.technologies.roads.source import TREE, Packed, arrived, make, pack
from pytest_isolation.technologies.room import Refused, Room, room

Way = Callable[[Image, str], Arrival]
TRANSPORTS = ("dir", "oci-archive", "docker-archive", "containers-storage", "docker")
"""Those of containers-transports(5) that need no daemon, and no store of OSTree."""


class _Tool:
    """A program in a room, and roads of it."""

    name: str

    def __init__(self, where: Room, lifetime: Lifetime) -> None:
        self._room, self._lifetime = where, lifetime
        self._ways: Mapping[str, tuple[str, Way]] = {}

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
            return Arrival({}, refused=str(error)[-600:])

    def _packed(self, image: Image, at: str) -> Packed:
        return pack(self._room.path(at), image, "pytest-isolation-road:v", labels={LABEL: self._lifetime.run_id})

    def _inside(self, at: str, name: str) -> str:
        return str(self._room.directory / at / name)

    def _unpacked(self, at: str, name: str, identity: str | None = None) -> Arrival:
        """What is in the layout `name`, whose version is `v`."""
        self._room.offer(["umoci", "raw", "unpack", "--image", f"{self._inside(at, name)}:v", self._inside(at, "root")])
        tree = arrived(os.fsencode(self._room.path(at) / "root"))
        if identity is None:
            return Arrival(tree)
        return Arrival(tree, identity=(identity, _configuration(self._room.path(at) / name)))


def _configuration(layout: Path) -> str:
    """The digest of the configuration of the layout's one image."""
    (manifest,) = json.loads((layout / "index.json").read_text(encoding="utf-8"))["manifests"]
    blob = layout / "blobs" / str(manifest["digest"]).replace(":", "/")
    return str(json.loads(blob.read_text(encoding="utf-8"))["config"]["digest"])


class SkopeoRoads(_Tool):
    """`skopeo copy` by a transport, and back into an OCI layout."""

    name = "skopeo"

    def __init__(self, where: Room, lifetime: Lifetime) -> None:
        super().__init__(where, lifetime)
        self.version = program.version("skopeo", "skopeo").split()[2]
        self._ways = {transport: self._way(transport) for transport in TRANSPORTS}

    def _way(self, transport: str) -> tuple[str, Way]:
        words = f"skopeo copy oci: {transport}:, and back"
        return words, lambda image, at: self._by(image, at, transport)

    def _by(self, image: Image, at: str, transport: str) -> Arrival:
        packed = self._packed(image, at)
        if transport == "docker":
            with registry(self._lifetime, self._room.path(at) / "registry") as address:
                return self._there_and_back(at, f"docker://{address}/road:v", packed)
        place = self._inside(at, "between")
        if transport == "containers-storage":
            store = "overlay@{root}+{runroot}".format(
                **{key: self._room.directory / name for key, name in STORE.items()}
            )
            place = f"[{store}]localhost/pytest-isolation-road:{at}"
        elif transport == "docker-archive":
            place += ":pytest-isolation-road:v"
        return self._there_and_back(at, f"{transport}:{place}", packed)

    def _there_and_back(self, at: str, place: str, packed: Packed) -> Arrival:
        plain = ("--src-tls-verify=false", "--dest-tls-verify=false") if place.startswith("docker://") else ()
        self._copy(*plain[1:], f"oci:{self._inside(at, 'layout')}:v", place)
        self._copy(*plain[:1], place, f"oci:{self._inside(at, 'back')}:v")
        return self._unpacked(at, "back", packed.identity)

    def _copy(self, *words: str) -> None:
        self._room.offer(["skopeo", "--insecure-policy", "copy", "--quiet", *words])


class BuildahRoads(_Tool):
    """`buildah copy`, `add` and `commit`, over a store of its own."""

    name = "buildah"

    def __init__(self, where: Room, lifetime: Lifetime) -> None:
        super().__init__(where, lifetime)
        self.version = program.version("buildah", "buildah").split()[2]
        store = [f"--{key}={where.directory / name}" for key, name in STORE.items()]
        self._buildah = ["buildah", "--storage-driver=overlay", *store]
        self._ways = {
            "push": ("buildah pull oci:, push oci:", self._push),
            "commit": ("files in the root that buildah mount shows, buildah commit", self._commit),
            "copy": ("buildah copy, commit", lambda image, at: self._put(image, at, "copy")),
            "add": ("buildah add archive.tar, commit", lambda image, at: self._put(image, at, "add")),
        }

    def _push(self, image: Image, at: str) -> Arrival:
        packed = self._packed(image, at)
        name = self._run("pull", "--quiet", f"oci:{self._inside(at, 'layout')}:v").split()[-1]
        self._run("push", "--quiet", name, f"oci:{self._inside(at, 'made')}:v")
        return self._unpacked(at, "made", packed.identity)

    def _commit(self, image: Image, at: str) -> Arrival:
        with self._container() as name:
            make(self._room.seen(self._step("mount", name).strip()), image)
            return self._committed(name, at)

    def _put(self, image: Image, at: str, verb: str) -> Arrival:
        source = self._room.path(at) / "source"
        source.mkdir()
        if verb == "add":
            (source / TREE).write_bytes(image.below(TREE.encode()).to_tar())
        else:
            make(os.fsencode(source), image)
        with self._container() as name:
            self._run(verb, "--quiet", name, self._inside(at, f"source/{TREE}"), f"/{TREE}{'/' * (verb == 'add')}")
            return self._committed(name, at)

    def _committed(self, name: str, at: str) -> Arrival:
        self._run("commit", "--quiet", name, f"oci:{self._inside(at, 'made')}:v")
        return self._unpacked(at, "made")

    @contextmanager
    def _container(self) -> Iterator[str]:
        name = self._step("from", "scratch").strip()
        try:
            yield name
        finally:
            self._step("rm", name)

    def _step(self, *words: str) -> str:
        """What `buildah WORDS` wrote, which is given no tree.  Raises BoxError."""
        return self._room.run([*self._buildah, *words])

    def _run(self, *words: str) -> str:
        return self._room.offer([*self._buildah, *words])


@contextmanager
def skopeo(lifetime: Lifetime) -> Iterator[SkopeoRoads]:
    """Raises Unavailable."""
    program.find("skopeo", "skopeo")
    program.find("umoci", "umoci")
    with room() as where:
        yield SkopeoRoads(where, lifetime)


@contextmanager
def buildah(lifetime: Lifetime) -> Iterator[BuildahRoads]:
    """Raises Unavailable."""
    program.find("buildah", "buildah")
    program.find("umoci", "umoci")
    with room() as where:
        yield BuildahRoads(where, lifetime)
