"""The engines that unpack images, each in a file of its own: engine.py says what one is."""

from __future__ import annotations

from pytest_isolation.suite.layers.engines.engine import Open


def engines() -> dict[str, Open]:
    """NAME or NAME-DRIVER -> how it is made ready."""
    from pytest_isolation.suite.layers.engines import containerd, docker, podman, umoci

    return {
        "docker": docker.ready,
        "podman-overlay": lambda: podman.ready("overlay"),
        "podman-vfs": lambda: podman.ready("vfs"),
        "containerd-overlayfs": lambda: containerd.ready("overlayfs"),
        "containerd-native": lambda: containerd.ready("native"),
        "umoci": umoci.ready,
    }
