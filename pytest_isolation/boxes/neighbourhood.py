"""What the neighbours of a running container share with it, by its engine's record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """`modes`: kind of namespace -> host, or container:ID; `networks`: names, where "net" is not in `modes`."""

    modes: Mapping[str, str] = field(default_factory=dict)
    networks: tuple[str, ...] = ()
    other: Mapping[str, Any] = field(default_factory=dict)
    """By the engine's own words, what else decides how it stands among others: UsernsMode, CgroupnsMode, Runtime."""
