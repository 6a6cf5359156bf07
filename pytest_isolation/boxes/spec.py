"""What a box is made from: a frozen value.  A weaker box is the same value with a hole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from pytest_isolation.boxes.caller import NOBODY, Caller
from pytest_isolation.boxes.image import Image
from pytest_isolation.boxes.process_limits import ProcessLimit
from pytest_isolation.boxes.weakenings import Weakening, Weakenings, lossy
from pytest_isolation.door import Door
from pytest_isolation.errors import UsageError

if TYPE_CHECKING:
    from pytest_isolation.boxes.handle import BoxHandle

MIB = 1 << 20

OTHERS = ("attach", "channel")
"""Technologies whose boxes are all somebody else's, and were running before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A host directory, made for this box, that it sees at `target`.

    `nested`: with a mount of its own below it (at `target`/nested), for recursive read-only.  `source`: one that is
    there already, in place of one that is made; its nested mount is then there, too.  `tree`: what lies in one that is
    made, when the box is started.
    """

    target: str
    read_only: bool = False
    nested: bool = False
    source: str | None = None
    tree: Image | None = None

    def __post_init__(self) -> None:
        """Raises UsageError."""
        if not (isinstance(self.target, str) and self.target.startswith("/")) or "\0" in self.target:
            raise UsageError(f"Volume: target is {self.target!r}; expected a path in the box that begins with /")


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A TCP port of the box, for which its engine answers at one IPv4 address of the host, on a port it chooses."""

    address: str
    inside: int

    def __post_init__(self) -> None:
        """Raises UsageError."""
        if not isinstance(self.inside, int) or not 0 < self.inside < 1 << 16:
            raise UsageError(f"Published: inside is {self.inside!r}; expected a port from 1 to 65535")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unobtainable:
    """A layer of isolation that a box is asked to have, and that this machine cannot give it.

    `name` and `number`: of what is not there; which of the two is asked for, the technology's own words decide.
    """

    layer: str
    name: str
    number: int


SAID_OTHERWISE: Mapping[str, Mapping[str, set[str]]] = {
    "docker": {"user": {"uid", "gid"}, "ports": {"publish"}},
    "podman": {"publish": {"publish"}},
}
"""Technology -> its own keyword -> the fields of a spec that say the same, or would ask for the same thing twice."""


class StartedBox(Protocol):
    """A box that runs already, as far as the technology of another reads it."""

    @property
    def spec(self) -> BoxSpec:
        """What it was made from."""

    @property
    def parts(self) -> BoxHandle:
        """What its technology knows of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxSpec:
    """Everything that decides how a box is started.  Equal specs give interchangeable boxes."""

    technology: str
    name: str = ""
    """What the user calls it; the technology's name when nothing else was said, or its preset's."""
    image: str | Image | None = None
    """None: the image made by us.  A string: an image or root file system the technology knows."""
    memory: int | None = None
    """Bytes."""
    pids: int | None = None
    cpus: float | None = None
    """Processors' worth of time: 0.5 is half of one."""
    network: str | None = None
    """None: what the technology gives by default.  "none": loopback at most.  Else the technology's word."""
    read_only: bool = False
    """The root file system refuses writes."""
    volumes: tuple[Volume, ...] = ()
    publish: tuple[Published, ...] = ()
    """A check's to say: a user publishes by the engine's own keyword.  An engine that publishes has a record of it,
    BoxHandle.published; the others pass this over."""
    env: tuple[tuple[str, str], ...] = ()
    uid: int = 0
    gid: int = 0
    workdir: str = "/"
    hostname: str = "box"
    weakenings: Weakenings = frozenset()
    options: tuple[tuple[str, Any], ...] = ()
    """The technology's own keywords, sorted."""
    door: Door = Door.START
    """How the agent comes in."""
    intrusive: bool = False
    """Checks that consume, kill or write may run in a box that belongs to somebody else."""
    caller: Caller = NOBODY
    """What whoever starts it has open and in its environment: a check's to say, never the user's."""
    instance: int = 0
    """0 for the box itself, 1 for its sibling: siblings are equal in all else."""
    started_beside: StartedBox | None = field(default=None, compare=False, hash=False, repr=False)
    """The box whose sibling this is to be: it is there already."""
    resources: tuple[tuple[str, str], ...] = ()
    """A check's to say: limits besides those above, by their names in boxes/resources.py, sorted."""
    worded: tuple[tuple[str, str], ...] = ()
    """A check's to say: limits by name (boxes/wording.py), each as a user writes it: technologies/wording.py."""
    lacking: Unobtainable | None = None
    """A check's to say: technologies/lacking.py."""
    process_limits: tuple[ProcessLimit, ...] = ()
    """A check's to say: those of its processes, technologies/limiting.py.  What is not named is as it comes."""
    stop_signal: str = ""
    """A check's to say: by which signal it is asked to end ("SIGTERM"); it is there still when it has ended."""
    reaper: bool = False
    """A check's to say: its first process is the technology's own, which waits for who has lost its parent."""
    any_port: bool = field(default=False, compare=False, hash=False, repr=False)
    """A port of the host that the user named is taken: the engine is to choose one that is free."""

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", self.technology)
        object.__setattr__(self, "door", Door(self.door))  # a package of somebody else's may say the word

    def option(self, key: str, default: Any = None) -> Any:
        """The technology's own keyword `key`: a text or a tuple of texts, or `default` where it was not given."""
        return dict(self.options).get(key, default)

    def weakened(self, *holes: Weakening) -> BoxSpec:
        """This spec with `holes` open as well."""
        return replace(self, weakenings=self.weakenings | frozenset(holes))

    def changed(self, **changes: Any) -> BoxSpec:
        """This spec as a check needs it: `changes` come before a keyword of the engine's own that says the same."""
        said = {key for key, fields in SAID_OTHERWISE.get(self.technology, {}).items() if fields & changes.keys()}
        options = tuple((key, value) for key, value in self.options if key not in said)
        return replace(self, **({"options": options} | changes))

    def has(self, hole: Weakening) -> bool:
        """Whether the box is started with this hole."""
        return hole in self.weakenings

    @property
    def delivered(self) -> BoxSpec:
        """As a carrier that loses its configuration hands it over: equal when nothing is lost."""
        spec = self
        if self.has(lossy("environment")):
            spec = replace(spec, env=())
        if self.has(lossy("identity")):
            spec = replace(spec, uid=0, gid=0)
        if self.has(lossy("workdir")):
            spec = replace(spec, workdir="/")
        if self.has(lossy("host-name")):
            spec = replace(spec, hostname="lost")
        return spec

    @property
    def attached(self) -> bool:
        """Whether the box was running before us, and belongs to somebody else."""
        return self.technology in OTHERS or self.option("container") is not None

    @property
    def sibling(self) -> BoxSpec:
        """The spec of another box that stands next to this one.

        Next to a container that somebody else started: a box of the same technology that shares the same things with it
        as its neighbours do (neighbours.py).  Next to a process, or what a stream leads to: a plain box of namespaces,
        since nothing records what their neighbours share with them (attach: NEIGHBOURS).
        """
        spec = replace(self, instance=1)
        if self.technology in OTHERS:
            return replace(spec, technology="namespaces", options=())
        return replace(spec, options=tuple((key, value) for key, value in self.options if key != "container"))

    @property
    def id(self) -> str:
        """As in node ids: the name, and the holes: `docker~share-pid`."""
        return "~".join((self.name, *sorted(map(str, self.weakenings))))

    def plain(self) -> dict[str, Any]:
        """For the report: what differs from a plain box of this technology."""
        base = BoxSpec(technology=self.technology, name=self.name)
        shown: dict[str, Any] = {}
        for key in ("memory", "pids", "cpus", "network", "read_only", "uid", "gid", "workdir", "hostname", "door"):
            if (value := getattr(self, key)) != getattr(base, key):
                shown[key] = value
        if isinstance(self.image, str):
            shown["image"] = self.image
        shown |= {key: list(value) if isinstance(value, tuple) else value for key, value in self.options}
        if self.weakenings:
            shown["weakenings"] = sorted(map(str, self.weakenings))
        return shown
