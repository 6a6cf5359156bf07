"""How a process comes into a box: a word of specs, of rows and of the command line."""

from __future__ import annotations

from enum import StrEnum


class Door(StrEnum):
    """A way into a box."""

    START = "start"
    """With the box: the agent is its first process."""
    EXEC = "exec"
    """Into the running box, as `docker exec` comes."""
    BOTH = "both"
    """For a run to say, which then measures one spec of each; no row has it."""
