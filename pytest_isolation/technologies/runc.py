"""runc: the reference runtime of the Open Container Initiative, on a bundle as `runc spec` writes it."""

from __future__ import annotations

from pytest_isolation.technologies.oci import OciRuntime


class Runc(OciRuntime):
    """runc(8)."""

    name = program = package = "runc"
