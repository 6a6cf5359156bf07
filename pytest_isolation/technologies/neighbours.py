"""What the neighbours of a running container share with it: what our box beside it is made to share as well.

A box beside an attached one stands for its real neighbours, so it joins the same networks, and the namespaces of a
third container that the attached one joined (a pod's).  The attached container's own namespaces it joins only where a
neighbour has joined them.  Both engines tell of a container in the same words (`inspect`), by the Docker Engine API.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pytest_isolation.boxes.neighbourhood import Neighbourhood
from pytest_isolation.errors import BoxError, Unsupported

if TYPE_CHECKING:
    from pytest_isolation.boxes.spec import BoxSpec

KINDS = {"net": "NetworkMode", "pid": "PidMode", "ipc": "IpcMode", "uts": "UTSMode"}


def of(found: Mapping[str, Any], others: Iterable[Mapping[str, Any]]) -> Neighbourhood:
    """The neighbourhood of a container, by what its engine says of it and of the `others` that run."""
    host, own = found["HostConfig"], f"container:{found['Id']}"
    joined = {kind for other in others for kind, key in KINDS.items() if other["HostConfig"].get(key) == own}
    modes = {}
    for kind, key in KINDS.items():
        mode = str(host.get(key) or "")  # empty, private, shareable, or of a network's: one of its own
        if kind in joined:
            modes[kind] = own
        elif mode in ("host", "none") or mode.startswith(("container:", "ns:")):
            modes[kind] = mode
    networks = tuple((found.get("NetworkSettings") or {}).get("Networks") or {})
    other = {key: host[key] for key in ("UsernsMode", "CgroupnsMode", "CgroupMode", "Runtime") if host.get(key)}
    if "net" not in modes and not networks and host.get("NetworkMode"):
        networks = (str(host["NetworkMode"]),)
    return Neighbourhood(modes, () if "net" in modes else networks, other)


def beside(spec: BoxSpec) -> Neighbourhood | None:
    """What a box of `spec` is to share, where it is started beside one that is attached; None elsewhere."""
    sibling = spec.started_beside
    if sibling is None or not sibling.spec.attached or spec.attached:
        return None
    return sibling.parts.neighbourhood


@contextmanager
def or_unsupported(spec: BoxSpec) -> Iterator[None]:
    """A neighbour that cannot be had is no fault of the box: raises Unsupported with the engine's words."""
    around = beside(spec)
    try:
        yield
    except BoxError as error:
        if around is None:
            raise
        shared = ", ".join([*around.networks, *(f"{kind} {mode}" for kind, mode in around.modes.items())])
        raise Unsupported(f"no box of ours can stand where its neighbours do ({shared}): {error}") from None
