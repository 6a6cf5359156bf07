"""The program in the outer box: reads a spec, starts a box of it, tells of it in a line, and passes its channel on.

Once the box stands, cat(1) does the rest: this Python's memory is not to count as the box's.
"""

from __future__ import annotations

import json
import os
import pickle
import struct
import sys
import threading
from typing import Any

from pytest_isolation.agent.channel import Channel, FdChannel
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.errors import IsolationError, Lacking, Unsupported, in_one_line
from pytest_isolation.technologies import technology
from pytest_isolation.technologies.nested.start import CAT

PIECE = 64 << 10
NEVER = float("inf")


def main() -> int:
    """The exit status: 0 once the box has ended, 1 when it could not be started."""
    spec = pickle.loads(_exactly(struct.unpack("<I", _exactly(4))[0]))  # of the program that started this one
    try:
        box = technology(spec.technology).launch(spec, Lifetime())
    except (IsolationError, OSError) as error:
        lacking = error if isinstance(error, Lacking) else None
        _say(
            reason=lacking.reason if lacking else in_one_line(error),
            remedy=lacking.remedy if lacking else "",
            unsupported=isinstance(error, Unsupported),
        )
        return 1
    parts = box.parts
    _say(
        machine=parts.agent.machine,
        init_pid=parts.init_pid,
        root=os.fspath(parts.root) if parts.root is not None else "",
        agent_path=parts.agent_path,
        shares_kernel=parts.shares_kernel,
        deadly_limits=parts.deadly_limits,
        notes=parts.notes,
    )
    channel = parts.agent.released()
    if isinstance(channel, FdChannel):
        _become_cats(channel)
    _pass_on(channel)
    return 0


def _exactly(count: int) -> bytes:
    found = b""
    while len(found) < count:
        piece = os.read(0, count - len(found))
        if not piece:
            raise SystemExit("nobody says what to start")
        found += piece
    return found


def _say(**what: Any) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


def _become_cats(channel: FdChannel) -> None:
    """Two programs that copy, in this one's place.  What else it has open stays so: the box may end with it."""
    for name in os.listdir("/proc/self/fd"):
        try:
            os.set_inheritable(int(name), True)
        except OSError:
            pass  # that of the listing
    reader, writer = channel.descriptors
    os.set_blocking(writer, True)  # cat(1) waits for room no other way
    if os.fork() == 0:
        os.dup2(reader, 0)
    else:
        os.dup2(writer, 1)
    os.execv(CAT, [CAT])


def _pass_on(channel: Channel) -> None:
    """For a channel that is no stream of its own, such as an engine's: until either end closes."""
    threading.Thread(target=_back, args=(channel,), daemon=True).start()
    while piece := os.read(0, PIECE):
        channel.send(piece)


def _back(channel: Channel) -> None:
    while True:
        data = channel.receive(1, NEVER)
        os.write(1, data)


if __name__ == "__main__":
    sys.exit(main())
