"""The roads of buildah(1) and skopeo(1): what they make is an OCI layout, which umoci(1) unpacks.

umoci, because it keeps all that an archive says: docs/layers.md.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from pytest_isolation.boxes.image import Image
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.roads import Arrival
from pytest_isolation.technologies import program
from pytest_isolation.technologies.roads.engine import SAID, Place, Sender, Way, in_room
from pytest_isolation.technologies.roads.podman import STORE
from pytest_isolation.technologies.roads.registry import registry
from pytest_isolation.technologies.roads.source import TREE, Packed, arrived, make, pack
from pytest_isolation.technologies.room import Refused, Room, room

TRANSPORTS = ("dir", "oci-archive", "docker-archive", "containers-storage", "docker")
"""Those of containers-transports(5) that need no daemon, and no store of OSTree."""


class _Tool(Sender):
    """A program in a room, and roads of it."""

    name: str

    def __init__(self, where: Room, lifetime: Lifetime) -> None:
        super().__init__(partial(in_room, where), lifetime)
        self._room = where

    def _offer(self, *words: str) -> str:
        """`words`: from the program's name."""
        try:
            return self._room.offer(words)
        except Refused as error:
            raise Refused(str(error)[-SAID:]) from None

    def _packed(self, image: Image, at: Place) -> Packed:
        return pack(at.here, image, "pytest-isolation-road:v", labels=self._labels)

    def _unpacked(self, at: Place, name: str, identity: str | None = None) -> Arrival:
        """What is in the layout `name`, whose version is `v`."""
        self._offer("umoci", "raw", "unpack", "--image", f"{at.there / name}:v", str(at.there / "root"))
        tree = arrived(os.fsencode(at.here / "root"))
        if identity is None:
            return Arrival(tree)
        return Arrival(tree, identity=(identity, _configuration(at.here / name)))


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

    def _by(self, image: Image, at: Place, transport: str) -> Arrival:
        packed = self._packed(image, at)
        if transport == "docker":
            with registry(self._lifetime, at.here / "registry") as address:
                return self._there_and_back(at, f"docker://{address}/road:v", packed)
        place = str(at.there / "between")
        if transport == "containers-storage":
            store = "overlay@{root}+{runroot}".format(
                **{key: self._room.directory / name for key, name in STORE.items()}
            )
            place = f"[{store}]localhost/pytest-isolation-road:{at.here.name}"
        elif transport == "docker-archive":
            place += ":pytest-isolation-road:v"
        return self._there_and_back(at, f"{transport}:{place}", packed)

    def _there_and_back(self, at: Place, place: str, packed: Packed) -> Arrival:
        plain = ("--src-tls-verify=false", "--dest-tls-verify=false") if place.startswith("docker://") else ()
        self._copy(*plain[1:], f"oci:{at.there / 'layout'}:v", place)
        self._copy(*plain[:1], place, f"oci:{at.there / 'back'}:v")
        return self._unpacked(at, "back", packed.identity)

    def _copy(self, *words: str) -> None:
        self._offer("skopeo", "--insecure-policy", "copy", "--quiet", *words)


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

    def _push(self, image: Image, at: Place) -> Arrival:
        packed = self._packed(image, at)
        name = self._run("pull", "--quiet", f"oci:{at.there / 'layout'}:v").split()[-1]
        self._run("push", "--quiet", name, f"oci:{at.there / 'made'}:v")
        return self._unpacked(at, "made", packed.identity)

    def _commit(self, image: Image, at: Place) -> Arrival:
        with self._container() as name:
            make(self._room.seen(self._step("mount", name).strip()), image)
            return self._committed(name, at)

    def _put(self, image: Image, at: Place, verb: str) -> Arrival:
        source = at.directory("source")
        if verb == "add":
            (source.here / TREE).write_bytes(image.below(TREE.encode()).to_tar())
        else:
            make(os.fsencode(source.here), image)
        with self._container() as name:
            self._run(verb, "--quiet", name, str(source.there / TREE), f"/{TREE}{'/' * (verb == 'add')}")
            return self._committed(name, at)

    def _committed(self, name: str, at: Place) -> Arrival:
        self._run("commit", "--quiet", name, f"oci:{at.there / 'made'}:v")
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
        return self._offer(*self._buildah, *words)


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
