"""Bytes on the agent's channel that are no frame of its: a program's words, told as words and not as numbers.

A runtime that refuses writes why where the agent's first frame was expected; a launcher may greet there.
"""

from __future__ import annotations

import time

from pytest_isolation.agent import wire
from pytest_isolation.agent.channel import Channel
from pytest_isolation.errors import AgentLost

LOOKED_AT = 600
"""Bytes of it that are read."""
SHOWN = 240
PATIENCE_S = 0.3
WORDS = 0.85
"""The share of characters that can be printed, from which on bytes are a text."""


def rest(channel: Channel) -> bytes:
    """What is on the channel already, or comes within a moment; at most LOOKED_AT bytes."""
    found = bytearray()
    deadline = time.monotonic() + PATIENCE_S
    try:
        while len(found) < LOOKED_AT:
            found += channel.receive(1, deadline)
    except (AgentLost, TimeoutError):
        pass
    return bytes(found)


def words(data: bytes, *, first: bool) -> str | None:
    """What was written instead of a frame, as a sentence; None when it is no text.

    `first`: no frame came before it.
    """
    before, hello, _ = data.partition(_HELLO)
    text = _text(before[:-_HELLO_AT] if hello else before)
    if text is None:
        return None
    if hello and first:
        return (
            f"what starts the agent wrote {text!r} to its standard output, which is the agent's channel; "
            "have it write that to its standard error, or be quiet"
        )
    return f"the box's program wrote {text!r} where {'the' if first else 'a'} frame of the agent was expected"


_HELLO_AT = 8
"""Where the kind is in a header."""
_HELLO = wire.pack_header(wire.Kind.HELLO, 0, (), 4)[_HELLO_AT:]


def _text(data: bytes) -> str | None:
    said = data.decode(errors="replace")
    shown = " ".join(said.split())
    if not shown or sum(one.isprintable() and one != "\N{REPLACEMENT CHARACTER}" for one in shown) < WORDS * len(shown):
        return None
    return shown if len(shown) <= SHOWN else shown[: SHOWN - 3] + "..."
