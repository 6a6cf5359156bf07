"""The condition of a conditional claim: data, not code.

    when = {network = "!host", memory = "set", version = ">=25", cap_add = ["!SYS_ADMIN", "!ALL"]}

Every key must agree.  A key is a field of the box spec, a keyword of its technology, or a fact that the technology
tells of the runtime (`version`, `accel`) or of the machine that the box stands on (`cgroup`): that need not be this
host, so nothing is asked of this host here.  What it is compared with:

    "set", "unset"    whether it has a value at all; false is no value
    "TEXT"            equal; of a list, one element
    "!TEXT"           not equal; of a list, no element
    ">=1.2"           a version at least that
    [a, "!b", "!c"]   one of the plain ones, and each of the negations
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_isolation.boxes.spec import BoxSpec


def agrees(when: Mapping[str, Any], spec: BoxSpec, facts: Mapping[str, Any]) -> bool:
    """Whether `when` is true of a box made from `spec` by a runtime with these facts."""
    return all(_agrees(wanted, _value(key, spec, facts)) for key, wanted in when.items())


def _value(key: str, spec: BoxSpec, facts: Mapping[str, Any]) -> tuple[str, ...]:
    """The texts `key` stands for; none when it is unset."""
    # A box that somebody else started is what they started, whatever our spec leaves unsaid.
    found = facts[key] if spec.attached and key in facts else getattr(spec, key, None)
    if found is None:
        found = facts.get(key)  # what is, before what was asked for: accel=auto is one or the other
    if found is None:
        found = spec.option(key)
    if isinstance(found, bool):
        return ("true",) if found else ()
    if isinstance(found, tuple | list):
        return tuple(map(str, found))
    return () if found in (None, "") else (str(found),)


def _agrees(wanted: Any, values: tuple[str, ...]) -> bool:
    alternatives = wanted if isinstance(wanted, list) else [wanted]
    texts = [str(one).lower() if isinstance(one, bool) else str(one) for one in alternatives]
    refused = [text[1:] for text in texts if text.startswith("!")]
    allowed = [text for text in texts if not text.startswith("!")]
    if any(_matches(text, values) for text in refused):
        return False
    return not allowed or any(_matches(text, values) for text in allowed)


def _matches(text: str, values: tuple[str, ...]) -> bool:
    if text == "set":
        return bool(values) and values != ("false",)
    if text == "unset":
        return not _matches("set", values)
    if text.startswith(">="):
        return any(_version(value) >= _version(text) for value in values)
    return text in values


def _version(text: str) -> tuple[int, ...]:
    """The numbers at the front: "20.10.24+dfsg1" is (20, 10, 24)."""
    match = re.search(r"\d+(\.\d+)*", text)
    return tuple(map(int, match[0].split("."))) if match else ()
