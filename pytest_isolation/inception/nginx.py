"""NGINX configuration through crossplane, one file at a time: `include` is never followed outside the submission."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_isolation.inception.place import Place, Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(slots=True)
class Directive:
    """A directive of NGINX with its block; `parents` are the names of the blocks around it, outermost first."""

    name: str
    arguments: tuple[str, ...]
    at: Place
    block: list[Directive] = field(default_factory=list)
    parents: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join((self.name, *self.arguments))


def parse(text: str, file: str, places: Sequence[Place] = ()) -> list[Directive]:
    """`places` are those of its lines.  Raises Unreadable where the text is no NGINX configuration."""
    import crossplane

    # crossplane opens its input by path: this one exists only in memory.
    handle = os.memfd_create("nginx.conf")
    try:
        os.write(handle, text.encode("utf-8", "replace"))
        os.lseek(handle, 0, os.SEEK_SET)
        payload = crossplane.parse(
            f"/proc/self/fd/{handle}", single=True, comments=False, check_ctx=False, check_args=False
        )
    except RecursionError:
        raise Unreadable("nested too deep to be an NGINX configuration", Place(file)) from None
    finally:
        os.close(handle)
    for error in payload["errors"][:1]:
        said = re.sub(r" in /proc/self/fd/\d+(:\d+)?", "", str(error["error"]))
        raise Unreadable(f"not an NGINX configuration: {said}", _place(file, error.get("line") or 0, places))
    return [_directive(one, file, places, ()) for one in payload["config"][0]["parsed"]]


def _place(file: str, line: int, places: Sequence[Place]) -> Place:
    return places[min(line, len(places)) - 1] if places and line else Place(file, line)


def _directive(raw: dict[str, Any], file: str, places: Sequence[Place], parents: tuple[str, ...]) -> Directive:
    at = _place(file, raw["line"], places)
    found = Directive(raw["directive"], tuple(raw["args"]), at, parents=parents)
    found.block = [_directive(one, file, places, (*parents, found.name)) for one in raw.get("block", ())]
    return found


def walk(directives: list[Directive]) -> Iterator[Directive]:
    """All directives, each before those of its block."""
    pending = list(reversed(directives))
    while pending:
        one = pending.pop()
        yield one
        pending += reversed(one.block)


NUMBERS = {
    "fastcgi_param": (2, 3), "fastcgi_pass": (1, 1), "root": (1, 1), "listen": (1, 99), "server_name": (1, 99),
    "ssl_certificate": (1, 1), "ssl_certificate_key": (1, 1), "ssl_protocols": (1, 99), "try_files": (2, 99),
    "index": (1, 99), "include": (1, 1), "proxy_pass": (1, 1), "user": (1, 2), "worker_processes": (1, 1),
    "alias": (1, 1), "return": (1, 2), "client_max_body_size": (1, 1), "fastcgi_index": (1, 1),
}  # fmt: skip
"""Arguments that a directive takes, at least and at most."""


def wrong_number(tree: list[Directive]) -> Directive | None:
    """The first directive that NGINX refuses for the number of its arguments."""
    return next(
        (
            one for one in walk(tree) if one.name in NUMBERS
            and (one.block or not NUMBERS[one.name][0] <= len(one.arguments) <= NUMBERS[one.name][1])
        ),
        None,
    )  # fmt: skip


def looks_like_one(text: str) -> bool:
    """Whether a text is meant as NGINX configuration."""
    return re.search(r"^[ \t]*(server|http|events|upstream[ \t]+\S+)\s*\{", text, re.MULTILINE) is not None
