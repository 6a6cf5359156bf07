"""The agent's way through a shell: its bytes as text for the shell's own printf, into a file, and exec of that.

All but one step are built into a POSIX shell: printf, redirection, trap, exec.  No shell makes a file executable, so
chmod(1) must be there.  Where there are an rm(1) and a /proc, the file is gone before the agent is there: the shell
has it open, and becomes what it has open.
Source: POSIX.1-2017, XCU, 2 (Shell Command Language), printf: a backslash and three octal digits are a byte.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pytest_isolation.agent.binary import agent_binary
from pytest_isolation.errors import Unsupported, UsageError
from pytest_isolation.technologies.telling import telling

if TYPE_CHECKING:
    from pytest_isolation.agent.channel import Channel

PLACES = ("/dev/shm", "/run", "/tmp", "/var/tmp", "$HOME", ".")
"""Where the file may go, as the shell reads them: memory first, where it leaves no trace."""
LINE = 180
"""Bytes of the agent in a line: four characters each, and a terminal takes lines of 4095 (termios(3))."""
PATIENCE_S = 60.0
MOST = 1 << 16
"""Bytes that a login shell may say before it comes to us."""
ECHO = b"%s machine %s"
"""Of our first line to the shell, and in no answer to it."""
MACHINE = re.compile(r"[\w.-]{0,64}", re.ASCII)
"""What uname(1) may say: uname(2), 64 characters at most; nothing where there is none."""
OPEN = 9
"""The descriptor by which the shell has the file open: a POSIX shell knows no number of two digits."""
PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")


class NoShellError(Exception):
    """What is at the other end does not do what a shell does."""


def bring(channel: Channel) -> str:
    """Have the shell at the other end become the agent; returns the path of its file in the box.

    "" where the file is gone: then the agent has it open, as descriptor OPEN.  Raises NoShellError, AgentLost,
    Unsupported where the box takes or executes no file.
    """
    token = f"pytest-isolation-{secrets.token_hex(8)}"
    deadline = time.monotonic() + PATIENCE_S
    # By a variable: what only echoes its input, such as cat or a terminal, does not give the answer.
    channel.send(f"_pi={token}\n".encode() + b'printf "\\n%s machine %s\\n" "$_pi" "$(uname -m 2>/dev/null)"\n')
    machine = _answer(channel, token, "machine", deadline)
    if not MACHINE.fullmatch(machine):
        raise NoShellError(f"uname(1) of the box names no machine: {machine[:200]!r}")
    try:
        data = agent_binary(machine or None).read_bytes()
    except UsageError as error:
        raise Unsupported(f"the box is a machine of another kind: {error}") from None
    channel.send("".join(f"{line}\n" for line in script(data)).encode())
    word, _, rest = _answer(channel, token, "agent", deadline).partition(" ")
    if word not in ("at", "open"):
        raise Unsupported(
            f"no directory of the box takes a file and executes it ({telling(rest)}); "
            "measure it by its engine's own exec, or by a process of it: docker:container=NAME, attach:pid=PID"
        )
    return rest if word == "at" else ""


def script(data: bytes) -> Iterator[str]:
    """The lines that write `data` into a file, try it, say where it is and become it; `_pi` is their mark."""
    yield "_pi_write() {"
    for at in range(0, len(data), LINE):
        yield f"printf '{quoted(data[at : at + LINE])}' || return"
    yield "}"
    yield "_pi_file= _pi_why="
    yield '_pi_new() { (umask 077; set -C; _pi_write >"$1") 2>/dev/null && chmod 700 "$1"; }'
    yield "if command -v chmod >/dev/null; then"
    places = " ".join(f'"{one}"' for one in PLACES)
    # The exec is the end of the last line: what a shell has not read of its input, the agent would.
    yield f"""\
for _pi_place in {places}; do
  [ -n "$_pi_place" ] || continue
  _pi_try=$_pi_place/.$_pi
  trap 'rm -f "$_pi_try"' 0
  if _pi_new "$_pi_try"; then
    "$_pi_try" </dev/null >/dev/null 2>&1 && _pi_file=$_pi_try && break
    _pi_why="$_pi_why $_pi_place: not executed, status $?;"
  else
    _pi_why="$_pi_why $_pi_place: not written;"
  fi
  [ ! -e "$_pi_try" ] || rm -f "$_pi_try" || _pi_why="$_pi_why its file stays, $_pi_try;"
done
else _pi_why="there is no chmod"
fi
if [ -z "$_pi_file" ]; then
  printf '\\n%s agent nowhere %s\\n' "$_pi" "$_pi_why"
  exit
fi
_pi_said="at $_pi_file" _pi_run=$_pi_file
if [ -x /proc/self/fd ] && exec {OPEN}<"$_pi_file"; then
  if rm -f "$_pi_file" 2>/dev/null && /proc/self/fd/{OPEN} </dev/null >/dev/null 2>&1
  then _pi_said=open _pi_run=/proc/self/fd/{OPEN}
  else
    exec {OPEN}<&-
    [ -x "$_pi_file" ] || _pi_new "$_pi_file"
  fi
fi
{{ printf '\\n%s agent %s\\n' "$_pi" "$_pi_said"; exec "$_pi_run"; }}"""


def quoted(data: bytes) -> str:
    """`data` as printf's format between single quotes: octal, but for letters and digits."""
    return "".join(chr(byte) if byte in PLAIN else f"\\{byte:03o}" for byte in data)


def _answer(channel: Channel, token: str, word: str, deadline: float) -> str:
    """What stands behind `token word ` on a line of its own; what a login shell says before is passed over."""
    line, count, said = bytearray(), 0, ""
    begin = f"{token} {word} ".encode()
    while count < MOST:
        try:
            byte = channel.receive(1, deadline)
        except TimeoutError:
            break
        count += 1
        if byte != b"\n":
            line += byte
            continue
        if line.startswith(begin):
            return line[len(begin) :].rstrip(b"\r").decode(errors="surrogateescape")
        if ECHO in line:
            raise NoShellError("what the command ends in sends its input back: a terminal (leave out -t), or no shell")
        said, line = line.decode(errors="replace").strip() or said, bytearray()
    said = line.decode(errors="replace").strip() or said
    raise NoShellError(f"what the command ends in does not answer as a shell does; its last words: {said[-200:]!r}")
