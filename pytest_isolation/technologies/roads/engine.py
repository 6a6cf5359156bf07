"""What is done alike on all roads: a place for each tree that is sent, and what is said of one that does not arrive."""

from __future__ import annotations

import os
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pytest_isolation.boxes.image import Image
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.roads import Arrival
from pytest_isolation.boxes.weakenings import Weakenings
from pytest_isolation.errors import BoxError
from pytest_isolation.technologies.docker.daemon import LABEL
from pytest_isolation.technologies.roads.source import TREE, Lost, Packed, arrived, make, pack
from pytest_isolation.technologies.room import Refused, Room

SAID = 600
"""Letters that are kept of what an engine said: its end has the reason."""


@dataclass(frozen=True, slots=True)
class Place:
    """A directory for one tree on one road, or what is in it."""

    here: Path
    """As this process reaches it."""
    there: Path
    """As the engine does."""

    def __truediv__(self, name: str) -> Place:
        return Place(self.here / name, self.there / name)

    def directory(self, name: str) -> Place:
        """One that is made in it."""
        (self.here / name).mkdir()
        return self / name


Way = Callable[[Image, Place], Arrival]


Places = Callable[[], AbstractContextManager[Place]]
"""Makes a place, which nobody needs after the block."""


@contextmanager
def in_room(where: Room) -> Iterator[Place]:
    """A place that goes with its room."""
    yield Place(where.path("."), where.directory).directory(f"road-{secrets.token_hex(4)}")


class Sender(ABC):
    """Roads by name, each with the commands that it takes: boxes/roads.py, Roads."""

    version: str

    def __init__(self, places: Places, lifetime: Lifetime) -> None:
        self._places, self._lifetime = places, lifetime
        self._ways: Mapping[str, tuple[str, Way]] = {}

    @property
    def roads(self) -> Mapping[str, str]:
        """As Roads.roads."""
        return {road: words for road, (words, _) in self._ways.items()}

    def send(self, road: str, image: Image) -> Arrival:
        """As Roads.send."""
        with self._places() as at:
            try:
                return self._ways[road][1](image, at)
            except Refused as error:
                return Arrival({}, refused=str(error))
            except Lost:
                return Arrival({})

    @property
    def _labels(self) -> Mapping[str, str]:
        return {LABEL: self._lifetime.run_id}

    @abstractmethod
    def _offer(self, *words: str) -> str:
        """What the program wrote, given these words and the tree.

        Raises Refused with the end of what it said when it failed, BoxError when it hangs.
        """


class EngineRoads(Sender):
    """Those of an engine that has a command line as Docker's: what differs is its own."""

    home = ""
    """What the engine puts before the name of an image that it loads."""

    def __init__(self, places: Places, lifetime: Lifetime, holes: Weakenings) -> None:
        """`holes`: with lossy("save-identity"), what is loaded is another image than the one whose ID is told."""
        super().__init__(places, lifetime)
        self._holes = holes

    # -- what an engine has of its own -----------------------------------------------------

    @abstractmethod
    def _named(self, tag: str) -> AbstractContextManager[str]:
        """A name of an image that is about to be made; the image goes after the block."""

    @abstractmethod
    def _remove(self, tag: str) -> None: ...

    @abstractmethod
    def _seen(self, tag: str, identity: str | None = None) -> Arrival:
        """What is in the image; `identity`: the ID that it had before."""

    @abstractmethod
    def _container(self, tag: str) -> AbstractContextManager[str]:
        """The name of a container of the image, which goes after the block."""

    @abstractmethod
    def _root_of(self, name: str) -> bytes:
        """The container's root as this process reaches it, until the container goes."""

    # -- roads of images ------------------------------------------------------------------

    def _load(self, image: Image, at: Place) -> Arrival:
        with self._loaded(image, at) as packed:
            return self._seen(packed.tag, packed.identity)

    def _save(self, image: Image, at: Place, *options: str) -> Arrival:
        saved = str(at.there / "saved.tar")
        with self._loaded(image, at) as packed:
            self._offer("save", *options, "--output", saved, packed.tag)
            self._remove(packed.tag)
            self._take_back("load", "--quiet", "--input", saved)
            return self._seen(packed.tag, packed.identity)

    def _export(self, image: Image, at: Place, *options: str) -> Arrival:
        """`options`: of `import`."""
        exported = str(at.there / "exported.tar")
        with self._loaded(image, at) as packed:
            with self._container(packed.tag) as name:
                self._offer("export", "--output", exported, name)
            with self._named(f"{packed.tag}-imported") as tag:
                self._take_back("import", *options, exported, tag)
                return self._seen(tag)

    # -- roads of files -------------------------------------------------------------------

    def _commit(self, image: Image, at: Place, *options: str) -> Arrival:
        with self._loaded(Image(), at) as packed, self._named(f"{packed.tag}-committed") as tag:
            with self._container(packed.tag) as name:
                make(self._root_of(name), image)
                self._offer("commit", *options, name, tag)
            return self._seen(tag)

    def _build(self, image: Image, at: Place, verb: str, *options: str) -> Arrival:
        """One step: the image that it makes has the label of its base, and no other is made on the way."""
        with self._loaded(Image(), at) as packed, self._named(f"{packed.tag}-built") as tag:
            context = at.directory("context")
            what, slash = TREE, ""
            if verb == "ADD":
                what, slash = "tree.tar", "/"
                (context.here / what).write_bytes(image.below(TREE.encode()).to_tar())
            else:
                make(os.fsencode(context.here), image)
            written = at / "Dockerfile"
            written.here.write_text(f"FROM {packed.tag}\n{verb} {what} /{TREE}{slash}\n", encoding="utf-8")
            self._offer("build", "--quiet", "--no-cache", *options, "--tag", tag,
                        "--file", str(written.there), str(context.there))  # fmt: skip
            return self._seen(tag)

    def _copy_in(self, image: Image, at: Place, *options: str) -> Arrival:
        source = at.directory("source")
        make(os.fsencode(source.here), image)
        return self._into(source, at, *options)

    def _copy_out(self, image: Image, at: Place, *options: str) -> Arrival:
        target = at.directory("target")
        like = at.directory("like")
        make(os.fsencode(like.here), image)  # for its words, where such a tree cannot arrive there
        with self._loaded(image, at) as packed, self._container(packed.tag) as name:
            self._offer("cp", *options, f"{name}:/{TREE}", str(target.there))
        return Arrival(arrived(os.fsencode(target.here)))

    def _copy(self, image: Image, at: Place, *options: str) -> Arrival:
        self._copy_out(image, at, *options)
        return self._into(at / "target", at.directory("second"), *options)

    def _into(self, source: Place, at: Place, *options: str) -> Arrival:
        with self._loaded(Image(), at) as packed, self._container(packed.tag) as name:
            self._offer("cp", *options, str(source.there / TREE), f"{name}:/")
            return Arrival(arrived(self._root_of(name)))

    # -- what all of them do --------------------------------------------------------------

    @contextmanager
    def _loaded(self, image: Image, at: Place) -> Iterator[Packed]:
        tag = f"pytest-isolation-road:{secrets.token_hex(6)}"
        with self._named(f"{self.home}{tag}") as name:
            packed = pack(at.here, image, tag, labels=self._labels, holes=self._holes)
            take = self._offer if image.entries else self._run
            take("load", "--quiet", "--input", str(at.there / packed.archive.name))
            yield replace(packed, tag=name)

    def _run(self, *words: str) -> str:
        """As _offer() of words without the tree.  Raises BoxError."""
        try:
            return self._offer(*words)
        except Refused as error:
            raise BoxError(str(error)) from None

    def _take_back(self, *words: str) -> str:
        """The same of what the engine made of the tree itself.  Raises Lost when it does not take that, BoxError."""
        try:
            return self._offer(*words)
        except Refused as error:
            raise Lost(str(error)) from None
