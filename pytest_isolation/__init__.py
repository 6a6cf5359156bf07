"""Measure what containers and VMs really isolate.

The public names: docs/api.md says what each is for.  Each is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc, Program, Reply
    from pytest_isolation.boxes import weakenings as weaken
    from pytest_isolation.boxes.cgroups import Limits
    from pytest_isolation.boxes.handle import BoxHandle
    from pytest_isolation.boxes.image import Entry, Image
    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.boxes.programs import Completed
    from pytest_isolation.boxes.spec import BoxSpec, Volume
    from pytest_isolation.boxes.weakenings import Weakening
    from pytest_isolation.errors import BoxError, IsolationError, Unavailable, Unsupported, UsageError, Violation
    from pytest_isolation.guarantees import severity
    from pytest_isolation.guarantees.family import family
    from pytest_isolation.guarantees.guarantee import Guarantee, guarantee
    from pytest_isolation.outside.box import Box
    from pytest_isolation.technologies.base import Technology

__all__ = [
    "Box",
    "BoxError",
    "BoxHandle",
    "BoxSpec",
    "Completed",
    "Entry",
    "Guarantee",
    "Image",
    "IsolationError",
    "Lifetime",
    "Limits",
    "Proc",
    "Program",
    "Reply",
    "Technology",
    "Unavailable",
    "Unsupported",
    "UsageError",
    "Violation",
    "Volume",
    "Weakening",
    "family",
    "guarantee",
    "severity",
    "weaken",
]

_PLACES = {
    "Box": "outside.box",
    "BoxHandle": "boxes.handle",
    "Completed": "boxes.programs",
    "Lifetime": "boxes.lifetime",
    "Limits": "boxes.cgroups",
    "Proc": "agent.client",
    "Program": "agent.client",
    "Reply": "agent.client",
    "Technology": "technologies.base",
    "Weakening": "boxes.weakenings",
    "Entry": "boxes.image",
    "Image": "boxes.image",
    "BoxSpec": "boxes.spec",
    "Volume": "boxes.spec",
    "family": "guarantees.family",
    "Guarantee": "guarantees.guarantee",
    "guarantee": "guarantees.guarantee",
    "BoxError": "errors",
    "IsolationError": "errors",
    "Unavailable": "errors",
    "Unsupported": "errors",
    "UsageError": "errors",
    "Violation": "errors",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name == "weaken":
        return import_module("pytest_isolation.boxes.weakenings")
    if name == "severity":
        return import_module("pytest_isolation.guarantees.severity")
    if name in _PLACES:
        return getattr(import_module(f"pytest_isolation.{_PLACES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
