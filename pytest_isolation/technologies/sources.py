"""What a user has an engine mount: it is to be there.

An engine makes what is not, a directory of root's or a volume by that name, and leaves it when the box has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pytest_isolation.errors import Unavailable


def check(
    engine: str, option: str, texts: Iterable[str], has_path: Callable[[str], bool], has_volume: Callable[[str], bool]
) -> None:
    """Raises Unavailable for the first of `texts`, HOST:BOX[:MODE], whose HOST is neither a path nor a volume there."""
    for text in texts:
        source, _, target = text.partition(":")
        if not target or source.startswith("."):  # without a name, it goes with its container; an engine's own mistake
            continue
        if source.startswith("/"):
            if not has_path(source):
                raise Unavailable(
                    f"{engine}: {option}={text}: the host has no {source}, which {engine} would make and leave there",
                    f"mkdir {source}, or give a path that is there",
                )
        elif not has_volume(source):
            raise Unavailable(
                f"{engine}: {option}={text}: there is no volume {source}, which {engine} would make and leave there",
                f"{engine} volume create {source}, or give a path of the host that begins with /",
            )
