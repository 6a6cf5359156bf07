"""Images for a runtime of pods: made here and imported, or the user's own and found, never pulled.

The CRI can pull and remove images, and has no way to load one: that is containerd's own, through ctr(8).
"""

from __future__ import annotations

import hashlib
import os
import secrets
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_isolation.agent.binary import agent_binary
from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.image import Entry, Image, whole
from pytest_isolation.boxes.layers.archive import write_archive, write_layout
from pytest_isolation.boxes.layers.model import Layer, Layers
from pytest_isolation.boxes.spec import MIB
from pytest_isolation.errors import BoxError, Unavailable
from pytest_isolation.technologies import program
from pytest_isolation.technologies.cri.client import LABEL, Runtime

if TYPE_CHECKING:
    from contextlib import ExitStack

    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.boxes.spec import BoxSpec

REPOSITORY = "docker.io/library/"
"""What containerd calls an image that has no registry in its name."""
OURS = "/agent"
"""Where the agent is in an image made by us."""
THEIRS = "/.pytest-isolation-agent"
"""Where it is mounted in an image that is not."""
ROOM = cgroups.Limits(memory=2048 * MIB, pids=4096)
"""What a containerd of ours and the shims of its pods may use."""


def ours(runtime: Runtime, spec: BoxSpec, lifetime: Lifetime, undo: ExitStack) -> str:
    """The name of the image with the tree that `spec` asks for, imported unless this run has done so.

    The plain image lives as long as the run; one with a tree of the spec's own, as long as its box.
    """
    tree = whole(spec.image if isinstance(spec.image, Image) else None).carried(spec.weakenings)
    version = f"{hashlib.sha256(tree.to_tar()).hexdigest()[:16]}-{lifetime.run_id}-{os.getpid()}"
    if spec.stop_signal:
        version += f"-{spec.stop_signal.lower()}"  # of its configuration
    if spec.image is not None:
        version += f"-{secrets.token_hex(3)}"  # its own: another with an equal tree may be ending just now
    tag = f"pytest-isolation:{version}"
    known = f"cri image {runtime.endpoint} {tag}"
    if known in lifetime.kept:
        return REPOSITORY + tag
    lifetime.register("cri:image", f"{REPOSITORY}{tag} {runtime.endpoint}")
    if spec.image is None:
        lifetime.at_end(lambda: remove(runtime, REPOSITORY + tag))
    else:
        undo.callback(remove, runtime, REPOSITORY + tag)
    _load(runtime, tree.layer, tag, lifetime, ["/agent"], spec.stop_signal)
    if spec.image is None:
        lifetime.kept[known] = True
    return REPOSITORY + tag


def make_pause(runtime: Runtime, name: str, lifetime: Lifetime) -> None:
    """The image of each pod's first container: nothing in it but the agent, which is told to stay and do nothing."""
    entry = Entry(path=b"agent", kind="file", mode=0o755, data=agent_binary().read_bytes())
    _load(runtime, (entry,), name.removeprefix(REPOSITORY), lifetime, ["/agent", "pause"])


def _load(
    runtime: Runtime, layer: Layer, tag: str, lifetime: Lifetime, command: list[str], stop_signal: str = ""
) -> None:
    with tempfile.TemporaryDirectory(prefix="image-", dir=lifetime.directory) as directory:
        layout, archive = Path(directory, "layout"), Path(directory, "image.tar")
        layout.mkdir()
        # Its own digest: RemoveImage of one name takes every name of that image away.
        labels = {LABEL: lifetime.run_id, f"{LABEL}.image": tag}
        write_layout(layout, Layers((layer,)), tag, command=command, labels=labels, stop_signal=stop_signal)
        write_archive(layout, archive)
        argv = [program.find("ctr", "containerd"), "--address", runtime.path, "--namespace", "k8s.io"]
        try:
            done = program.ended([*argv, "images", "import", os.fspath(archive)], timeout=60)
        except subprocess.TimeoutExpired:
            raise BoxError("ctr images import did not end within 60 seconds") from None
    if done.returncode:
        raise BoxError(f"ctr images import ended with {done.returncode}: {' '.join(done.stderr.split())[:500]}")
    # Its CRI hears of it by an event.
    runtime.until(f"the image {tag} was imported", lambda: runtime.has_image(REPOSITORY + tag))


def check(runtime: Runtime, name: str) -> None:
    """Raises Unavailable where the runtime does not have the user's image."""
    if runtime.has_image(name) is None:
        raise Unavailable(
            f"the runtime at {runtime.endpoint} has no image {name!r}, and nothing is pulled by itself",
            f"crictl pull {name}, or ctr --namespace k8s.io images import FILE.tar",
        )


def remove(runtime: Runtime, name: str) -> bool:
    """Remove an image of ours; returns whether it was there."""
    there = runtime.has_image(name) is not None
    asked = runtime.api.RemoveImageRequest(image=runtime.api.ImageSpec(image=name))
    runtime.call(f"removing the image {name}", "RemoveImage", asked)
    return there
