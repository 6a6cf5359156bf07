"""What the domain `port` asks of the roads between engines: each aspect of a tree, on each road."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_isolation.boxes.roads import ASPECTS
from pytest_isolation.boxes.weakenings import ROAD_LOSSES, ROADS, Weakening, lossy

KEEPS = {
    "names": "every name with its type, and no other",
    "contents": "all bytes of every file",
    "links": "which names are one file, and the targets of symbolic links",
    "modes": "all twelve mode bits of everything",
    "owners": "the numeric owner and group of everything",
    "times": "the times of modification of everything, to the nanosecond",
    "xattrs": "the user attributes of everything",
    "capabilities": "the capabilities of files",
    "holes": "the holes of sparse files",
    "identity": "its ID, the digest of its configuration",
}
LOSES = {
    "names": "names", "contents": "bytes of files", "links": "links", "modes": "mode bits", "owners": "owners",
    "times": "times", "xattrs": "user attributes", "capabilities": "capabilities of files", "holes": "holes of files",
    "identity": "the ID of an image",
}  # fmt: skip
SOURCES = {
    "save": ("oci:image-spec layer.md", "https://docs.docker.com/reference/cli/docker/image/save/"),
    "export": ("https://docs.docker.com/reference/cli/docker/container/export/", "man:podman-export(1)"),
    "build": ("https://docs.docker.com/reference/dockerfile/#copy", "man:Containerfile(5), COPY"),
}
TRAVELS = {
    "save": "an image that is saved and loaded again has",
    "export": "the files of a container that is exported and imported have",
    "build": "a directory that a build copies into an image has",
}


@dataclass(frozen=True, slots=True)
class Leg:
    """One aspect on one road."""

    road: str
    aspect: str

    @property
    def claim(self) -> str:
        """As a sentence."""
        return f"{TRAVELS[self.road]} {KEEPS[self.aspect]}, as before"

    @property
    def loses(self) -> str:
        """What it does when that is broken."""
        return f"loses {LOSES[self.aspect]} when {ROADS[self.road]}"

    @property
    def sources(self) -> tuple[str, ...]:
        """Where it is written."""
        return SOURCES[self.road]

    @property
    def why(self) -> str:
        """What keeps it from being another's: where engines differ is in docs/roads.md."""
        return f"of what is {ROADS[self.road]}: no other road, and no other aspect, is lost with it"

    @property
    def hole(self) -> Weakening:
        """The road on which this alone is lost."""
        return lossy(f"{self.road}-{self.aspect}")


LEGS = tuple(Leg(road, aspect) for road in ROADS for aspect in ASPECTS if f"{road}-{aspect}" in ROAD_LOSSES)
"""A container's files have no ID: the image that is made of them is another."""
