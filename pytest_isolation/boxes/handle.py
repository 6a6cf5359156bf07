"""What a technology knows of a box that it has started, and where a process of ours is not as the box's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_isolation.agent.client import Agent
from pytest_isolation.boxes.host import LOCAL_HOST, Host
from pytest_isolation.boxes.image import Image
from pytest_isolation.boxes.roads import Arrival

if TYPE_CHECKING:
    from pytest_isolation.boxes.cgroups import Group, Limits
    from pytest_isolation.boxes.neighbourhood import Neighbourhood
    from pytest_isolation.boxes.process_limits import ProcessLimit

VIOLATED, HOLDS = frozenset({"violated"}), frozenset({"holds"})


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """A difference between our process in somebody else's box and the processes that the box has itself.

    `guarantees`: patterns of ids, with * for any text; `but`: those of them that it leaves alone.  `invalidates`: a row
    of one of them with such a verdict becomes `unsupported`.  `rests_on`: the property that differs; the records of the
    domains say which guarantees rest on it.  `of`: the process that was asked, for a sentence.
    """

    what: str
    guarantees: tuple[str, ...] = ("*",)
    invalidates: frozenset[str] = VIOLATED | HOLDS
    rests_on: str = ""
    but: tuple[str, ...] = ()
    of: str = "a process of ours that is not as the box's own"

    def invalidates_verdict(self, guarantee: str, verdict: str) -> bool:
        """Whether a row of `guarantee` with this verdict becomes `unsupported`."""
        named = any(fnmatchcase(guarantee, pattern) for pattern in self.guarantees)
        left_alone = any(fnmatchcase(guarantee, pattern) for pattern in self.but)
        return verdict in self.invalidates and named and not left_alone


@dataclass(slots=True)
class Pausing:
    """How a technology stops all of a box for a while, and lets it go on: each returns when that is done."""

    pause: Callable[[], object]
    resume: Callable[[], object]
    active: bool = False
    """Whether the box was paused and has not been let go on."""

    def end(self) -> None:
        """Let the box go on, if it is paused."""
        if self.active:
            self.active = False
            self.resume()


@dataclass(frozen=True, slots=True)
class Life:
    """What a technology can do with a box of BoxSpec.stop_signal; None where it has no way to."""

    stop: Callable[[int], object] | None = None
    """Ask the first process to end, by the signal of the spec; after so many seconds end all of the box.

    Returns when that is done.  Raises BoxError.
    """
    status: Callable[[], int] | None = None
    """How the first process has ended, as whoever started the box is told: 0 to 255, 128 + N for signal N.

    Waits for the end.  Raises BoxError where it does not come.
    """
    again: Callable[[], BoxHandle] | None = None
    """End the box at once, and start it again from what is kept of it; its parts end with the first start's."""
    launcher: int | None = None
    """The host's number of the program that has started the box and stays while it runs; None where none does."""


@dataclass(slots=True)
class BoxHandle:
    """What a technology knows of the box that it has started: the agent in it, and its places on the host."""

    agent: Agent
    host: Host = LOCAL_HOST
    """The machine it stands on, where its outside is: numbers, groups and paths below are that machine's."""
    init_pid: int | None = None
    """The first process as the host numbers it; None where the host has no number for it (a VM)."""
    kernel_pid: int | None = None
    """Of a box with a kernel of its own: the process of the host that is that kernel."""
    group: Group | None = None
    """The control group that holds all of the box, as the host sees it."""
    root: Path | None = None
    """The box's root as a path of the host; None where there is none."""
    volumes: Mapping[str, Path] = field(default_factory=dict)
    """Target in the box -> directory of the host."""
    shares_kernel: bool = True
    can_lack_network: bool = True
    """Whether its technology can start a box without one."""
    enter: Callable[[], Agent] | None = None
    """A second agent through the technology's exec door; None when it has none."""
    pausing: Pausing | None = None
    """None when the technology has no way to pause a box."""
    life: Life = field(default_factory=Life)
    move: Callable[[], BoxHandle] | None = None
    """Keep all that runs in the box in files, end it, and have it go on from them in another process of the host.

    Its parts end with the first start's.  Raises BoxError.
    """
    send: Callable[[str, Image], Arrival] | None = None
    """Sends a tree over a road of the engine, and tells what arrived: boxes/roads.py.  Raises Unavailable, BoxError."""
    asked: Limits | None = None
    """The limits that the engine's own record says the box was asked to have; None: its spec says so."""
    resources: Mapping[str, str] = field(default_factory=dict)
    """Limits of resources.py that the engine's own record says the box was asked to have, besides those of its spec."""
    recorded: Mapping[str, Any] = field(default_factory=dict)
    """The engine's own record of what the box was asked to have, where it keeps one: `HostConfig` as it inspects it."""
    process_limits: tuple[ProcessLimit, ...] | None = None
    """Limits of its first process that the engine's own record says it was asked to have; None: its spec says so."""
    address: str | None = None
    """An IPv4 address at which the host could reach the box, when it has a network."""
    unlike: tuple[Discrepancy, ...] = ()
    unseen: tuple[Discrepancy, ...] = ()
    """Ways in which nobody can see whether our process is as the box's own are."""
    beside: tuple[Discrepancy, ...] = ()
    """Ways in which the box beside this one is not as its real neighbours are."""
    agent_path: str = "/agent"
    """Where the box has the agent's file."""
    id: str = ""
    """The engine's own identifier of the box; empty where there is no engine."""
    name: str = ""
    """The engine's own name of the box, where that is another than `id`."""
    published: Sequence[tuple[str, str]] | None = None
    """("80/tcp", "0.0.0.0:8080") for each port of the host that leads into the box, by the engine's record; None: the
    technology publishes no ports, or the box has somebody else's network."""
    mounted: Mapping[str, tuple[str, bool]] = field(default_factory=dict)
    """Target in the box -> the host's path, and whether it refuses writes: what the engine mounted, by its record."""
    neighbourhood: Neighbourhood | None = None
    """What its neighbours share with a box that somebody else started; None: nothing records that."""
    shared_root: Path | None = None
    """With drop("private-root") under an engine: the host's directory with the directories that all siblings share."""
    image_files: tuple[Path, ...] = ()
    """The host's files that a virtual machine was started from."""
    deadly_limits: str = ""
    """Why meeting a limit of its group ends the whole box; empty where it ends only what meets it."""
    size: Callable[[], tuple[int, int]] | None = None
    """Of a machine, whose process `kernel_pid` is: the most memory, in bytes, and processors that it can come to have;
    None: the box is no machine.  Raises BoxError."""
    memory_overhead: int | None = None
    """Bytes that a machine's own process takes beside the guest's memory; None: the box's memory is the host's."""
    said: Callable[[], str] = lambda: ""
    """What the technology's programs have said to whoever started it, on one line; "" where they said nothing."""
    notes: list[str] = field(default_factory=list)
    """What a reader of the results must know of this start."""
    measured: Mapping[str, Any] = field(default_factory=dict)
    """Facts for the report that only a running box can tell; plain data."""
    close: Callable[[], None] = lambda: None
    """End the box and wait until it has ended; called once.  Whoever starts the box sets it, and how long it took."""
    started_ms: float = 0.0
