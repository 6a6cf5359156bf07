"""Modules that the kernel loads because a trial asked for a feature: they go again."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from pytest_isolation.support.kernel import lines, module_name, read_all
from pytest_isolation.support.trial import wait_until

if TYPE_CHECKING:
    from pytest_isolation.support.feature import Feature
    from pytest_isolation.support.kernel import Kernel

O_NONBLOCK = os.O_NONBLOCK


class Brought:
    """What trials brought into the kernel, newest last.

    Only what a feature says it needs, and what that needs, is ours: a module that somebody else loads meanwhile stays.
    """

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._needs = _needs(kernel)
        self._there = self._loaded()
        self.names: list[str] = []

    def note(self, feature: Feature) -> None:
        """After a trial of `feature`."""
        if not feature.modules:
            return
        now = self._loaded()
        wanted = {name for module in feature.module_names for name in (module, *self._needs.get(module, ()))}
        # /proc/modules has the newest first
        self.names += [name for name in reversed(now) if name in wanted and name not in self._there]
        self._there = now

    def remove(self) -> list[str]:
        """Unload them, and return those that stay because they are in use."""
        wait_until(self._all_gone, 3)
        return list(self.names)

    def _all_gone(self) -> bool:
        for name in reversed(tuple(self.names)):
            # EAGAIN: something of a trial that has ended is still being taken down.
            answer = self._kernel.root.call("delete_module", name, O_NONBLOCK)
            if answer.ok or answer.errno == errno.ENOENT:
                self.names.remove(name)
        return not self.names

    def _loaded(self) -> list[str]:
        text = read_all(self._kernel.root, "/proc/modules").decode(errors="replace")
        return [line.split()[0] for line in text.splitlines()]


def _needs(kernel: Kernel) -> dict[str, list[str]]:
    pairs = (line.partition(":") for line in lines(kernel.modules / "modules.dep"))
    return {module_name(file): [module_name(one) for one in needed.split()] for file, _, needed in pairs}
