"""A running box with its outside, as a check sees it."""

from __future__ import annotations

from functools import cached_property

from pytest_isolation.boxes.box import RunningBox
from pytest_isolation.outside import Outside


class Box(RunningBox):
    """A running isolated place.

    `proc` is the process to make calls with; `outside` gives the witnesses; `sibling` is another
    box made from the same spec.
    """

    @cached_property
    def outside(self) -> Outside:
        """The witnesses on the host's side."""
        return Outside(self)
