"""The condition of a conditional claim: data, not code.

    when = {network = "!host", memory = "set", version = ">=25", cap_add = ["!SYS_ADMIN", "!ALL"]}

Every key must agree.  A key is a field of the box spec, a keyword of its technology, or a fact that the technology
tells of the runtime (`version`, `accel`) or of the machine that the box stands on (`cgroup`): that need not be this
host, so nothing is asked of this host here.  What it is compared with:

    "set", "unset"    whether it has a value at all; false is no value
    "TEXT"            equal, as engines read it (_canonical); of a list, one element
    "TEXT*"           it begins so
    "!TEXT"           not equal; of a list, no element
    ">=1.2"           a version at least that
    [a, "!b", "!c"]   one of the plain ones, and each of the negations
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_isolation.boxes.spec import BoxSpec


def agrees(when: Mapping[str, Any], spec: BoxSpec, facts: Mapping[str, Any]) -> bool:
    """Whether `when` is true of a box made from `spec` by a runtime with these facts."""
    return all(_agrees(key, wanted, _value(key, spec, facts)) for key, wanted in when.items())


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
        return tuple(_canonical(key, str(one)) for one in found)
    return () if found in (None, "") else (_canonical(key, str(found)),)


OF_CAPABILITIES = ("cap_add", "cap_drop", "capability", "drop_capability", "capabilities")
TRUE, FALSE = ("1", "t", "T", "TRUE", "True"), ("0", "f", "F", "FALSE", "False")
"""How else engines let one write true and false: https://pkg.go.dev/strconv#ParseBool."""


def _canonical(key: str, text: str) -> str:
    """As claims have it, where engines take several spellings: True, cap_sys_admin, seccomp:unconfined."""
    if key in OF_CAPABILITIES:
        return text.upper().removeprefix("CAP_")
    if key == "security_opt":
        name, found, value = text.partition(":")  # the older sign between a name and its value
        return f"{name}={value}" if found and "=" not in name else text
    if key == "version":
        return text
    return "true" if text in TRUE else "false" if text in FALSE else text


def _agrees(key: str, wanted: Any, values: tuple[str, ...]) -> bool:
    alternatives = wanted if isinstance(wanted, list) else [wanted]
    texts = [str(one).lower() if isinstance(one, bool) else str(one) for one in alternatives]
    refused = [_word(key, text[1:]) for text in texts if text.startswith("!")]
    allowed = [_word(key, text) for text in texts if not text.startswith("!")]
    if any(_matches(text, values) for text in refused):
        return False
    return not allowed or any(_matches(text, values) for text in allowed)


def _word(key: str, text: str) -> str:
    """What a claim has, as what it is compared with."""
    return text if text in ("set", "unset") or text.startswith(">=") else _canonical(key, text)


def _matches(text: str, values: tuple[str, ...]) -> bool:
    if text == "set":
        return bool(values) and values != ("false",)
    if text == "unset":
        return not _matches("set", values)
    if text.startswith(">="):
        return any(_version(value) >= _version(text) for value in values)
    return text in values or ("*" in text and any(fnmatchcase(value, text) for value in values))


def _version(text: str) -> tuple[int, ...]:
    """The numbers at the front: "20.10.24+dfsg1" is (20, 10, 24)."""
    match = re.search(r"\d+(\.\d+)*", text)
    return tuple(map(int, match[0].split("."))) if match else ()
