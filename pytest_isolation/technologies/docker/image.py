"""The image of a box: made here and imported, or the user's own and found, never pulled."""

from __future__ import annotations

import hashlib
import io
import os
import re
import secrets
import tarfile
from typing import TYPE_CHECKING, Any

from pytest_isolation.agent.binary import agent_binary
from pytest_isolation.boxes.image import Image, whole
from pytest_isolation.errors import Unavailable, UsageError
from pytest_isolation.technologies.docker.daemon import LABEL, Daemon
from pytest_isolation.technologies.docker.errors import explained

if TYPE_CHECKING:
    from contextlib import ExitStack

    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.boxes.spec import BoxSpec

REPOSITORY = "pytest-isolation"
OURS = "/agent"
"""Where the agent is in an image made by us."""
THEIRS = "/.pytest-isolation-agent"
"""Where it is put in an image that is not."""

MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


def find(daemon: Daemon, name: str) -> dict[str, Any]:
    """What the daemon knows of the user's image.  Raises Unavailable when it does not have it."""
    from docker.errors import ImageNotFound

    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:/@-]*[A-Za-z0-9]|[A-Za-z0-9]", name):
        raise UsageError(f"docker: image is {name!r}; expected the name of an image, for example debian:bookworm")
    try:
        with explained(f"looking for the image {name}"):
            try:
                found: dict[str, Any] = daemon.api.inspect_image(name)
            except ImageNotFound:
                raise Unavailable(
                    f"the Docker daemon has no image {name!r}, and nothing is pulled by itself",
                    f"docker pull {name}, or docker import FILE.tar {name}",
                ) from None
    except ValueError as error:
        raise Unavailable(f"{name!r} is no name of an image: {error}", "for example image=debian:bookworm") from None
    if found.get("Architecture") not in MACHINES:
        raise Unavailable(
            f"the image {name!r} is for {found.get('Architecture')}", f"the agent is built for {' and '.join(MACHINES)}"
        )
    return found


def _remove(daemon: Daemon, tag: str) -> None:
    with explained(f"removing the image {tag}"):
        daemon.remove_image(tag)


def ours(daemon: Daemon, spec: BoxSpec, lifetime: Lifetime, undo: ExitStack) -> str:
    """The tag of the image with the tree `spec` asks for, imported unless this run has done so.

    The plain image lives as long as the run; one with a tree of the spec's own, as long as its box.
    """
    from docker.errors import ImageNotFound

    tree = whole(spec.image if isinstance(spec.image, Image) else None).carried(spec.weakenings)
    data = tree.to_tar()
    digest = hashlib.sha256(data).hexdigest()[:16]
    # A tag of this process' own: a pytest-xdist worker that ends must not take away its neighbour's image.
    version = f"{digest}-{lifetime.run_id}-{os.getpid()}"
    if spec.image is not None:
        # And of the box's own: another with an equal tree may be ending just now.
        version += f"-{secrets.token_hex(3)}"
    tag = f"{REPOSITORY}:{version}"
    try:
        daemon.api.inspect_image(tag)
        return tag
    except ImageNotFound:
        pass
    lifetime.register("docker:image", f"{tag} {daemon.host or ''}".strip())
    if spec.image is None:
        lifetime.at_end(lambda: _remove(daemon, tag))
    else:
        undo.callback(_remove, daemon, tag)
    # LABEL in a change of the import: what clean() recognises it by.
    daemon.api.import_image_from_data(
        data, repository=REPOSITORY, tag=version, changes=[f"LABEL {LABEL}={lifetime.run_id}"]
    )
    return tag


def agent_archive(architecture: str) -> bytes:
    """A tar with the agent alone, to be unpacked in a container made from the user's image."""
    data = agent_binary(MACHINES[architecture]).read_bytes()
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        entry = tarfile.TarInfo(THEIRS.lstrip("/"))
        entry.size, entry.mode = len(data), 0o755
        archive.addfile(entry, io.BytesIO(data))
    return written.getvalue()
