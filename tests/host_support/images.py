"""The kernel images that tests boot."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_isolation.errors import Unavailable
from pytest_isolation.technologies.qemu.emulator import binary
from pytest_isolation.technologies.qemu.kernel import kernel
from tests.support import REQUIRED


def images() -> list[str]:
    """Debian's cloud kernels, oldest first."""
    return [str(path) for path in sorted(Path("/boot").glob("vmlinuz-*cloud*"), key=_version)] or ["none"]


def _version(path: Path) -> list[int]:
    return [int(word) for word in path.name.split("-")[1].split("+")[0].split(".")]


def need_vm() -> None:
    """Skip without QEMU and a kernel image, except where they are required."""
    try:
        binary()
        kernel()
    except Unavailable as error:
        if "qemu" in REQUIRED:
            raise
        pytest.skip(str(error))
