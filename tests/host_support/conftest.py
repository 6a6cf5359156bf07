"""Runs that several tests look at: this host, and a kernel image beside it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from tests.host_support.images import need_vm
from tests.runs import Done, run


@pytest.fixture(scope="package")
def run_on(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Done]:
    """What was found of this host ("running"), or of it and an image beside it: one run for each image."""

    @cache
    def found(kernel: str) -> Done:
        asked = ("--isolation-host",)
        if kernel != "running":
            need_vm()
            asked = ("--isolation-kernel", kernel)
        return run(tmp_path_factory.mktemp("support") / "here", *asked, timeout=600)

    return found
