"""What was seen of a running stack: plain values; `judge` makes rows of them alone."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Container:
    """What `docker inspect` says of it, as far as a rule asks."""

    service: str
    name: str
    image: str
    status: str
    restarts: int
    policy: str
    network_mode: str
    networks: tuple[str, ...]
    published: tuple[tuple[str, str], ...]
    """(port in the container, port of the host)"""
    mounts: tuple[tuple[str, str, str], ...]
    """(type, where its data is on the host, path in the container)"""
    first_process: str | None
    """The name of its process 1; None when this user may not see it."""


@dataclass(frozen=True, slots=True)
class Made:
    """One `make`."""

    command: str
    status: int | None
    """None: it was ended, having taken too long."""
    seconds: float
    said: str
    """Its last line."""
    unreached: str = ""
    """The line that says what could not be reached, as an image or a package's place; empty: none says so."""


@dataclass(frozen=True, slots=True)
class Crash:
    """The first process of a container was killed from outside."""

    name: str
    back_after: float | None
    """Seconds until it ran again; None: it did not, in the time it was given."""


@dataclass(frozen=True, slots=True)
class Stop:
    """A container was sent SIGTERM."""

    name: str
    seconds: float
    killed: bool
    """Whether it had to be: SIGTERM did not end it."""


@dataclass(frozen=True, slots=True)
class Site:
    """What WordPress says of itself, asked with PHP in its own container."""

    installed: bool
    users: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """(login, roles)"""
    tables: int = 0
    commented: bool | None = None
    """Whether a comment sent as a visitor sends it was stored; None: it was refused, `refusal` says how."""
    refusal: str = ""
    edited: bool | None = None
    """Whether an edited page shows its new text; None when it was not tried."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What was seen of a running stack at one moment."""

    containers: tuple[Container, ...]
    port: int | None
    """Of the host, behind which TLS is expected."""
    tls: dict[str, bool] = field(default_factory=dict)
    """Version -> accepted; empty when nobody answers."""
    page: tuple[int, str] | None = None
    """(status, Location) of GET /."""
    blank: bool = False
    """Whether there was nothing on it."""
    http: bool = False
    """Whether port 80 of the host takes connections."""
    made: Made | None = None
    """None: the stack was started by its author, and was only looked at; so is all that follows."""
    again: Made | None = None
    crashes: tuple[Crash, ...] | None = None
    stops: tuple[Stop, ...] | None = None
    site: Site | None = None
    """None: nobody could be asked, `no_site` says why."""
    no_site: str = ""
    passwordless: bool | None = None
    """Whether the database lets root in without a password; None when it could not be asked."""
    kept: tuple[tuple[str, bool], ...] | None = None
    """(what was stored, whether it was there after the stack was taken down and started again)"""
    ours: frozenset[str] = frozenset()
    """Values of the environment that were made up: they say nothing about the author."""
    patience: float = 1
    """How many times slower than usual the machine it ran on may be."""
    logs: str = ""
    """Where they are."""
