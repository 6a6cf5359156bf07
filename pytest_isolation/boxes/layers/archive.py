"""A sequence of layers as an image that engines load: an OCI layout that is a docker-archive as well.

The layers and the configuration are there once, as blobs.  `index.json` leads to them by the OCI image specification,
`manifest.json` by what `docker save` writes: so one directory, or one archive of it, serves each engine.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_isolation.boxes.image import member_of
from pytest_isolation.boxes.layers.model import Layer, Layers

KIND = "application/vnd.oci.image."
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def layer_archive(layer: Layer) -> bytes:
    """The layer's tar: PAX, with the entries in their order, and each with the header that it says."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.PAX_FORMAT, errors="surrogateescape") as archive:
        for entry in layer:
            archive.addfile(*member_of(entry))
    return written.getvalue()


def write_layout(
    directory: Path,
    sequence: Layers,
    tag: str,
    *,
    command: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    stop_signal: str = "",
) -> None:
    """Write the image `tag` (NAME:VERSION) into `directory`, which is empty.  Raises OSError."""
    blobs = directory / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def blob(content: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return {"digest": f"sha256:{digest}", "size": len(content)}

    layers = [{"mediaType": f"{KIND}layer.v1.tar"} | blob(layer_archive(layer)) for layer in sequence.layers]
    configuration = blob(
        _json(
            {
                "architecture": ARCHITECTURES.get(os.uname().machine, os.uname().machine),
                "os": "linux",
                "config": {"Cmd": list(command), "Labels": dict(labels or {})}
                | ({"StopSignal": stop_signal} if stop_signal else {}),
                "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]},
                "history": [{"created_by": "pytest-isolation"} for _ in layers],
            }
        )
    )
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{KIND}manifest.v1+json",
        "config": {"mediaType": f"{KIND}config.v1+json"} | configuration,
        "layers": layers,
    }
    named = {
        "org.opencontainers.image.ref.name": tag.rpartition(":")[2],
        "io.containerd.image.name": f"docker.io/library/{tag}",
    }
    index = {
        "schemaVersion": 2,
        "manifests": [{"mediaType": f"{KIND}manifest.v1+json", "annotations": named} | blob(_json(manifest))],
    }
    saved = [{"Config": _place(configuration), "RepoTags": [tag], "Layers": [_place(layer) for layer in layers]}]
    documents = {"index.json": index, "oci-layout": {"imageLayoutVersion": "1.0.0"}, "manifest.json": saved}
    for name, document in documents.items():
        (directory / name).write_bytes(_json(document))


def write_archive(layout: Path, path: Path) -> None:
    """The layout as one tar at `path`.  Raises OSError."""
    with tarfile.open(path, "w") as archive:
        for name in sorted(os.listdir(layout)):
            archive.add(layout / name, arcname=name)


def _json(document: Any) -> bytes:
    return json.dumps(document).encode()


def _place(descriptor: Mapping[str, Any]) -> str:
    return "blobs/sha256/" + str(descriptor["digest"]).removeprefix("sha256:")
