"""What a process of a run has started: its register, its boxes and its controls, each begun when first asked for."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.suite.controls import Controls
from pytest_isolation.technologies.pool import Pool


class Started:
    """Of the controller, of a worker, or of a helper."""

    def __init__(self, run_id: str, seed: int, controls: str | None, announce: Callable[[BoxSpec], None]) -> None:
        """`controls`: the directory of the control results, where a controller made it; `announce`: as Pool has it."""
        self._run_id, self._seed, self._announce = run_id, seed, announce
        self._directory = controls
        self._lifetime: Lifetime | None = None
        self._pool: Pool | None = None
        self._controls: Controls | None = None

    @property
    def lifetime(self) -> Lifetime:
        """Of all that this process starts."""
        if self._lifetime is None:
            self._lifetime = Lifetime(self._run_id)
        return self._lifetime

    @property
    def pool(self) -> Pool:
        """The boxes of this process."""
        if self._pool is None:
            self._pool = Pool(self.lifetime, announce=self._announce)
        return self._pool

    @property
    def pool_if_any(self) -> Pool | None:
        """None while no box was asked for."""
        return self._pool

    @property
    def controls(self) -> Controls:
        """The run's, which all its processes share."""
        if self._controls is None:
            self._controls = Controls(self.pool, Path(self.controls_directory()), self._seed)
        return self._controls

    def controls_directory(self) -> str:
        """Where the control results are, for every process of the run."""
        if self._directory is None:
            self._directory = os.fspath(self.lifetime.new_directory("controls"))
        return self._directory

    def leave(self) -> None:
        """In a process that was forked off: begin anew, with a register of its own."""
        self.lifetime.leave()
        self._pool = self._lifetime = self._controls = None

    def end(self) -> list[str]:
        """End every box; the register goes with them, unless something could not be removed: what, and why."""
        resisted: list[str] = []
        if self._pool is not None:
            self._pool.close()
        if self._lifetime is not None:
            self._lifetime.close()
            resisted = self._lifetime.resisted
        self._pool = self._lifetime = self._controls = None
        return resisted
