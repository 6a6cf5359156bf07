"""What whoever starts a box has of its own, and what of it is found in the box.

One caller has all of it at once: see together.py.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pytest_isolation.agent.client import Reply
from pytest_isolation.agent.constants import KEYCTL
from pytest_isolation.agent.memory import OutBuffer
from pytest_isolation.boxes.caller import FURTHER, SESSION_KEYRING, Caller, found_open, left_open, open_numbers
from pytest_isolation.outside.box import Box
from pytest_isolation.outside.together import Part, Start, Together
from pytest_isolation.outside.transfer.carried import environment

PROXIES = tuple(
    word for kind in ("http", "https", "ftp", "all", "no") for word in (f"{kind}_proxy", f"{kind.upper()}_PROXY")
)
"""The variables that programs take for the address of a proxy: curl(1), ENVIRONMENT."""
LANGUAGES = (
    "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LC_COLLATE", "LC_MESSAGES", "LC_NUMERIC", "LC_TIME", "TZ", "TERM",
)  # fmt: skip
"""Those by which they choose a language, a time zone, and letters of a terminal: locale(7), tzset(3), environ(7)."""


@dataclass(frozen=True, slots=True)
class Belongings:
    """Of a caller: a variable, proxies, a language, open descriptors, and a key in its session keyring."""

    token: str
    """In the value of every variable, what the descriptors lead to, and the description and payload of the key."""
    name: str
    """Of the variable."""
    arguments: str
    """What follows the token in its value."""
    kinds: tuple[tuple[str, int], ...]
    """Descriptors of caller.KINDS, which lead to the token: the kind, and the number from which on it is open."""
    first: int
    """The number from which on the descriptors of caller.FURTHER are open, seven apart."""

    @property
    def variable(self) -> tuple[str, str]:
        """Name and value."""
        return self.name, self.token + self.arguments

    @property
    def proxies(self) -> tuple[tuple[str, str], ...]:
        """Names and values."""
        # Nobody listens there: a launcher that goes by it comes to nothing.
        return tuple((name, f"http://user:{self.token}@127.0.0.1:9") for name in PROXIES)

    @property
    def languages(self) -> tuple[tuple[str, str], ...]:
        """Names and values; there are none such: programs go by their usual ones."""
        return tuple((name, f"{self.token}.UTF-8" if name[0] == "L" else self.token) for name in LANGUAGES)

    @property
    def leading(self) -> dict[str, int]:
        """The descriptors that lead to the token: their numbers, by kind."""
        return dict(self.kinds)

    @property
    def further(self) -> dict[str, int]:
        """The others."""
        return {kind: self.first + 7 * place for place, kind in enumerate(FURTHER)}


def _started(
    *,
    variable: bool = False,
    proxies: bool = False,
    languages: bool = False,
    leading: bool = False,
    further: bool = False,
    key: bool = False,
) -> Start[Belongings]:
    @contextmanager
    def start(box: Box, wanted: Belongings) -> Iterator[Box]:
        variables = (*(wanted.proxies if proxies else ()), *(wanted.languages if languages else ()))
        variables = (*variables, *((wanted.variable,) if variable else ()))
        kinds = {**(wanted.leading if leading else {}), **(wanted.further if further else {})}
        with left_open(wanted.token, kinds) as numbers:
            caller = Caller(open=numbers, variables=variables, key=wanted.token if key else "")
            with box.fresh(awaited=False, caller=caller) as fresh:
                yield fresh

    return start


def _search(box: Box, wanted: Belongings) -> tuple[Reply, Reply]:
    found = box.proc.keyctl(KEYCTL.SEARCH, SESSION_KEYRING, "user", wanted.token, 0)
    return found, box.proc.keyctl(KEYCTL.READ, found.value, OutBuffer(200), 200) if found.ok else found


def _left_open(kinds: Iterable[str], numbers: Iterable[int]) -> str:
    """`kinds` were opened in this order, before others or without any."""
    return ", ".join(f"{kind}: {number}" for kind, number in zip(kinds, numbers, strict=False))


def absent(found: Reply) -> bool:
    """Whether a keyring was searched, and has no such key: not that the search was refused."""
    return found.errno == errno.ENOKEY


VARIABLE = Part(_started(variable=True), lambda box, _: tuple(environment(box)))
"""Name and value of every variable of the box's process: environment()."""
PROXY = Part(_started(proxies=True), lambda box, _: tuple(environment(box)))
"""The same."""
LANGUAGE = Part(_started(languages=True), lambda box, _: tuple(environment(box)))
"""The same."""
OPEN = Part(
    _started(further=True),
    lambda box, wanted: (_left_open(wanted.further, box.spec.caller.open[-len(FURTHER) :]), open_numbers(box.proc)),
)
"""What the caller has left open of caller.FURTHER, as text; and all that the box's process has open: open_numbers()."""
LEADING = Part(
    _started(leading=True),
    lambda box, wanted: (_left_open(wanted.leading, box.spec.caller.open), found_open(box.proc, wanted.token)),
)
"""What the caller has left open that leads to the token, as text; and what does in the box: found_open()."""
KEY = Part(_started(key=True), _search)
"""Its answers to the search for the key, and to reading it."""
CALLED = Together(
    _started(variable=True, proxies=True, languages=True, leading=True, further=True, key=True),
    VARIABLE,
    PROXY,
    LANGUAGE,
    OPEN,
    LEADING,
    KEY,
)
