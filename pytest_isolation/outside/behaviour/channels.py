"""Pipes and sockets: pairs, of a path, and of the loopback interface."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable, Mapping

from pytest_isolation.agent.client import Reply
from pytest_isolation.agent.memory import At, In, Step
from pytest_isolation.outside.behaviour.play import CLOSED, SLOTS, Call, Play, Verb, data, done, number, pattern

PAIRS = {"SOCK_STREAM": socket.SOCK_STREAM, "SOCK_DGRAM": socket.SOCK_DGRAM, "SOCK_SEQPACKET": socket.SOCK_SEQPACKET}
SIZES = (0, 1, 5, 16, 100, 1000, 4096, 4097)
MSG_PEEK, MSG_DONTWAIT, MSG_TRUNC, MSG_NOSIGNAL = 2, 0x40, 0x20, 0x4000
FLAGS = {"0": 0, "MSG_PEEK": MSG_PEEK, "MSG_TRUNC": MSG_TRUNC}
HOW = ("SHUT_RD", "SHUT_WR", "SHUT_RDWR", "3")
POLLIN, POLLOUT, POLLERR, POLLHUP, POLLNVAL, POLLRDHUP = 1, 4, 8, 0x10, 0x20, 0x2000
EVENTS = {POLLIN: "IN", POLLOUT: "OUT", POLLERR: "ERR", POLLHUP: "HUP", POLLNVAL: "NVAL", POLLRDHUP: "RDHUP"}
SETTLES_S = 0.1
"""How long what was sent, or the end of a side, may take over the loopback interface until something of it comes."""
SIGPIPE = 1 << 12
FIONREAD = 0x541B
OPTIONS = {"SO_TYPE": 3, "SO_ERROR": 4, "SO_ACCEPTCONN": 30, "SO_DOMAIN": 39, "SO_PROTOCOL": 38, "SO_KEEPALIVE": 9}
LOOPBACK = struct.pack("<H", socket.AF_INET) + struct.pack(">H4s8x", 0, bytes((127, 0, 0, 1)))


def begin(play: Play) -> None:
    """A pair, for what is drawn to have something; SIGPIPE is blocked: the process is to live on, and told EPIPE."""
    play.program.rt_sigprocmask(0, SIGPIPE)
    _pair(play, Call("pair", 0, 0, 0))


def end(play: Play) -> None:
    """What is left in each."""
    for slot in range(SLOTS):
        _read(play, Call("read", slot, 0, 6))
        _poll(play, Call("poll", slot))


def _ends(play: Play, at: At, first: int) -> tuple[Step, Step]:
    found = play.program.load(at, 4), play.program.load(at, 4, 4)
    play.slots[first], play.slots[first + 1] = found
    return found


def _first(call: Call) -> int:
    """Of the two slots that a channel has."""
    return call.a % 2 * 2


def _pipe(play: Play, call: Call) -> None:
    at = play.program.place(In(struct.pack("<2i", CLOSED, CLOSED)))
    first = _first(call)
    play.far -= {first, first + 1}
    play.ask(f"f{first}, f{first + 1} = pipe()", play.program.call("pipe2", at, os.O_NONBLOCK | os.O_CLOEXEC), done)
    _ends(play, at, first)


def _pair(play: Play, call: Call) -> None:
    at = play.program.place(In(struct.pack("<2i", CLOSED, CLOSED)))
    words, kind = list(PAIRS.items())[call.n % len(PAIRS)]
    first = _first(call)
    play.far -= {first, first + 1}
    flags = kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
    step = play.program.call("socketpair", socket.AF_UNIX, flags, 0, at)
    play.ask(f"f{first}, f{first + 1} = socketpair(AF_UNIX, {words})", step, done)
    _ends(play, at, first)


def _connected(play: Play, first: int, address: bytes, domain: int, words: str) -> None:
    """A listening socket at `address`, and both ends of a connection to it; that stands when connect(2) is over."""
    program = play.program
    play.far = play.far | {first, first + 1} if domain == socket.AF_INET else play.far - {first, first + 1}
    listening = program.socket(domain, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    bound = program.bind(listening, address)
    play.ask(f"bind({words})", bound, number)
    play.ask("listen", program.listen(listening), number)
    one = play.ask(f"f{first} = socket({words})", program.socket(domain, socket.SOCK_STREAM | socket.SOCK_CLOEXEC))
    at, size = program.place(In(bytes(128))), program.place(In(struct.pack("<I", 128)))
    program.call("getsockname", listening, at, size)
    play.ask(f"connect(f{first})", program.call("connect", one, at, program.load(size, 4)), number)
    other = program.accept4(listening, socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    play.ask(f"f{first + 1} = accept", other, done)
    program.fcntl(one, 4, os.O_NONBLOCK)  # F_SETFL
    program.close(listening)
    play.slots[first], play.slots[first + 1] = one, other


def _tcp(play: Play, call: Call) -> None:
    _connected(play, _first(call), LOOPBACK, socket.AF_INET, "127.0.0.1")


def _unix(play: Play, call: Call) -> None:
    path = b"s%d" % call.n
    address = struct.pack("<H", socket.AF_UNIX) + path + b"\0"
    _connected(play, _first(call), address, socket.AF_UNIX, os.fsdecode(path))


def _udp(play: Play, call: Call) -> None:
    first, program = _first(call), play.program
    play.far |= {first, first + 1}
    kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
    both = [program.socket(socket.AF_INET, kind) for _ in range(2)]
    for slot, fd in enumerate(both):
        play.ask(f"bind(f{first + slot}, 127.0.0.1)", program.bind(fd, LOOPBACK), number)
    for slot, fd in enumerate(both):
        at, size = program.place(In(bytes(128))), program.place(In(struct.pack("<I", 128)))
        program.call("getsockname", both[1 - slot], at, size)
        play.ask(f"connect(f{first + slot})", program.call("connect", fd, at, program.load(size, 4)), number)
        play.slots[first + slot] = fd


def _settled(play: Play, slot: int) -> None:
    """Wait until the other side has heard of it: of the kernel's own channels it has, when the call is over."""
    other = play.slots[slot ^ 1]
    if slot in play.far and other is not CLOSED:
        _polled(play, other, POLLIN | POLLRDHUP, SETTLES_S)
        play.program.nanosleep(play.passes)


def _polled(play: Play, fd: int | Step, events: int, seconds: float) -> At:
    at = play.program.place(In(struct.pack("<ihh", 0, events, 0)))
    play.program.store(at, fd, 4)
    whole, part = divmod(round(seconds * 1e9), 10**9)
    play.program.call("ppoll", at, 1, In(struct.pack("<2q", whole, part)), None, 8)
    return at


def _write(play: Play, call: Call) -> None:
    slot, size = call.a % SLOTS, SIZES[call.n]
    play.ask(f"write(f{slot}, {size} bytes)", play.program.write(play.slots[slot], pattern(call.b, size)), number)
    _settled(play, slot)


def _send(play: Play, call: Call) -> None:
    slot, size = call.a % SLOTS, SIZES[call.n]
    step = play.program.sendto(play.slots[slot], pattern(call.b, size), MSG_NOSIGNAL | MSG_DONTWAIT)
    play.ask(f"send(f{slot}, {size} bytes)", step, number)
    _settled(play, slot)


def _read(play: Play, call: Call) -> None:
    slot, size = call.a % SLOTS, SIZES[call.n]
    play.ask(f"read(f{slot}, {size})", play.program.read(play.slots[slot], size), data)


def _receive(play: Play, call: Call) -> None:
    slot, size = call.a % SLOTS, SIZES[call.n % 6]
    words, flags = list(FLAGS.items())[call.b % len(FLAGS)]
    # With MSG_TRUNC the answer is longer than what was taken: the number alone is told.
    look: Callable[[Reply], str] = number if flags == MSG_TRUNC else data
    buffer = play.program.place(In(bytes(SIZES[-1])))
    if flags == MSG_TRUNC:
        step = play.program.call("recvfrom", play.slots[slot], buffer, size, flags | MSG_DONTWAIT, None, None)
    else:
        step = play.program.recvfrom(play.slots[slot], size, flags | MSG_DONTWAIT)
    play.ask(f"recv(f{slot}, {size}, {words})", step, look)


def _shutdown(play: Play, call: Call) -> None:
    slot, how = call.a % SLOTS, call.n % len(HOW)
    play.ask(f"shutdown(f{slot}, {HOW[how]})", play.program.shutdown(play.slots[slot], how), number)
    if HOW[how] in ("SHUT_WR", "SHUT_RDWR"):
        _settled(play, slot)
        play.far -= {slot}  # nothing more comes from there


def _close(play: Play, call: Call) -> None:
    slot = call.a % SLOTS
    play.ask(f"close(f{slot})", play.program.close(play.slots[slot]), number)
    play.slots[slot] = CLOSED
    _settled(play, slot)
    play.far -= {slot}


def _poll(play: Play, call: Call) -> None:
    slot = call.a % SLOTS
    if play.slots[slot] is not CLOSED:  # poll(2) passes over one that is below 0
        at = _polled(play, play.slots[slot], POLLIN | POLLOUT | POLLRDHUP, 0.0)
        play.ask(f"poll(f{slot})", play.program.load(at, 2, 6), _events)


def _events(reply: Reply) -> str:
    return "|".join(name for bit, name in EVENTS.items() if reply.value & bit) or "nothing"


def _option(play: Play, call: Call) -> None:
    slot = call.a % SLOTS
    name, option = list(OPTIONS.items())[call.n % len(OPTIONS)]
    step = play.program.getsockopt(play.slots[slot], socket.SOL_SOCKET, option)
    play.ask(f"getsockopt(f{slot}, {name})", step, lambda one: str(int.from_bytes(one.outs[0], "little")))


def _waiting(play: Play, call: Call) -> None:
    slot = call.a % SLOTS
    at = play.program.place(In(bytes(8)))
    play.program.ioctl(play.slots[slot], FIONREAD, at)
    play.ask(f"ioctl(f{slot}, FIONREAD)", play.program.load(at, 4), number)


VERBS: Mapping[str, Verb] = {
    "pipe": _pipe, "pair": _pair, "tcp": _tcp, "unix": _unix, "udp": _udp, "write": _write, "send": _send,
    "read": _read, "receive": _receive, "shutdown": _shutdown, "close": _close, "poll": _poll, "option": _option,
    "waiting": _waiting,
}  # fmt: skip
