"""Processes: how they end and what their parent is told, and signals: sent, held back, ignored, queued."""

from __future__ import annotations

import os
import signal
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial

from pytest_isolation.agent.client import Proc, Program, Reply
from pytest_isolation.agent.constants import W
from pytest_isolation.errors import ProcLost
from pytest_isolation.outside.behaviour.play import Call, Play, Verb, number, outcome

CODES = (0, 1, 2, 42, 126, 127, 255, 256)
"""Of exit_group(2): a parent is told the lowest 8 bits."""
ENDING = (
    signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGKILL, signal.SIGUSR1, signal.SIGALRM, signal.SIGPIPE,
    signal.SIGRTMIN + 3,
)  # fmt: skip
"""A process ends by each, and writes no core: signal(7)."""
PASSED_OVER = (signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH)
HELD = (signal.SIGUSR1, signal.SIGTERM, signal.SIGRTMIN + 2, signal.SIGRTMIN + 5)
NOBODY = 4_194_304
"""No process has it: pids are below (proc_sys_kernel(5), pid_max)."""
SIG_BLOCK, SIG_DFL, SIG_IGN = 0, 0, 1
WNOWAIT = 0x0100_0000
WAITS_S = 2.0


def begin(play: Play) -> None:
    """Whoever started us may have had signals ignored, and that is handed on: signal(7)."""
    for sig in {*ENDING, *HELD} - {signal.SIGKILL}:
        play.program.rt_sigaction(sig, SIG_DFL)


def end(play: Play) -> None:
    """No child is left."""
    play.ask("wait4(-1, WNOHANG)", play.program.wait4(-1, W.NOHANG), number)


def ended(reply: Reply) -> str:
    """wait(2): what a parent is told.  Whether there is a core depends on limits and the machine's pattern: core(5)."""
    status = struct.unpack_from("<i", reply.outs[0])[0] & ~0x80 if reply.outs else 0
    if status == 0xFFFF:
        return "goes on"
    if status & 0xFF == 0x7F:
        return f"stopped by {status >> 8}"
    return f"killed by {status}" if status & 0x7F else f"exited with {status >> 8}"


@contextmanager
def _child(play: Play) -> Iterator[Proc]:
    """One more process, that ends with the block; the calls before it are made first."""
    play.seen()
    child = play.proc.spawn()
    try:
        yield child
    finally:
        if child.alive:
            child.end()


def _wait(play: Play, child: Proc, call: str, options: int = 0) -> None:
    reply = _once(lambda: play.proc.wait4(child.pid, options | W.NOHANG), lambda one: one.value != 0)
    play.saw(call, outcome(reply, ended if reply.value else lambda _: "nothing"))
    if reply.ok and not options and reply.value:
        child.pid = 0  # the number may be another's soon


def _once(ask: Callable[[], Reply], happened: Callable[[Reply], bool]) -> Reply:
    """The first answer that tells of something, or the last after WAITS_S: nobody waits for what never comes."""
    deadline = time.monotonic() + WAITS_S
    while not happened(reply := ask()) and time.monotonic() < deadline:
        time.sleep(0.0005)
    return reply


def _sent(play: Play, child: Proc, sig: int, to: int | None = None) -> bool:
    """Whether kill(2) of `child`, or of its group, went well: who waits for what was refused waits in vain."""
    reply = play.proc.kill(child.pid if to is None else to, sig)
    play.saw(f"kill({'child' if to is None else '-child'}, {sig})", outcome(reply, number))
    return reply.ok


def _runs(child: Proc) -> str:
    try:
        return outcome(child.getpid(), lambda _: "yes")
    except ProcLost:
        return "no"


def _exit(play: Play, call: Call) -> None:
    code = CODES[call.n]
    with _child(play) as child:
        program = Program()
        program.call("exit_group", code)
        with suppress(ProcLost):
            child.run(program)
        _wait(play, child, f"exit_group({code}); wait4")


def _kill(play: Play, call: Call) -> None:
    sig = ENDING[call.n]
    with _child(play) as child:
        if call.a % 2:
            child.rt_sigprocmask(SIG_BLOCK, 1 << sig - 1)
        if not _sent(play, child, sig):
            return
        if call.a % 2 and sig != signal.SIGKILL:
            play.saw("blocked, it runs", _runs(child))
            with suppress(ProcLost):
                child.rt_sigprocmask(1, 1 << sig - 1)  # SIG_UNBLOCK
        _wait(play, child, "wait4")


def _ignore(play: Play, call: Call) -> None:
    sig = ENDING[call.n] if call.a % 2 else PASSED_OVER[call.n % len(PASSED_OVER)]
    with _child(play) as child:
        if call.a % 2:
            program = Program()
            program.rt_sigaction(sig, SIG_IGN)
            play.saw(f"rt_sigaction({sig}, SIG_IGN)", outcome(child.run(program)[0], number))
        if _sent(play, child, sig) and sig == signal.SIGKILL:
            _wait(play, child, "wait4")
        else:
            play.saw("it runs", _runs(child))


def _stop(play: Play, call: Call) -> None:
    sig = (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)[0 if call.n < 4 else call.n % 4]
    with _child(play) as child:
        child.setpgid(0, 0)
        if _sent(play, child, sig) and sig == signal.SIGSTOP:
            # Of an orphaned process group the others stop nobody: setpgid(2).
            _wait(play, child, "wait4(WUNTRACED)", os.WUNTRACED)
            if _sent(play, child, signal.SIGCONT):
                _wait(play, child, "wait4(WCONTINUED)", os.WCONTINUED)
        if _sent(play, child, signal.SIGKILL):
            _wait(play, child, "wait4")


def _hold(play: Play, call: Call) -> None:
    """Two of one, and one of another, are held back and then taken: signal(7), Queueing and delivery semantics."""
    sig, other = HELD[call.n % len(HELD)], HELD[call.b % len(HELD)]
    with _child(play) as child:
        mask = 1 << sig - 1 | 1 << other - 1
        child.rt_sigprocmask(SIG_BLOCK, mask)
        for one in (sig, sig, other):
            _sent(play, child, one)
        for _ in range(4):
            with suppress(ProcLost):
                play.saw("rt_sigtimedwait", outcome(child.rt_sigtimedwait(mask, 0.0), _taken))


def _taken(reply: Reply) -> str:
    """siginfo_t: si_signo and si_code, sigaction(2)."""
    found, _, code = struct.unpack_from("<3i", reply.data)
    return f"signal {found}, code {code}"


def _wrong(play: Play, call: Call) -> None:
    program = play.program
    name, step = [
        ("kill(nobody, 0)", program.kill(NOBODY, 0)),
        ("kill(self, 65)", program.kill(program.getpid(), 65)),
        ("kill(self, 0)", program.kill(program.getpid(), 0)),
        ("wait4(nobody)", program.wait4(NOBODY)),
        ("wait4(-1)", program.wait4(-1)),
        ("waitid(P_PID, self)", program.waitid(1, program.getpid(), 4)),
        ("setpgid(0, nobody)", program.setpgid(0, NOBODY)),
        ("kill(-nobody, 0)", program.kill(-NOBODY, 0)),
    ][call.n]
    play.ask(name, step, number)


def _group(play: Play, call: Call) -> None:
    with _child(play) as child:
        if call.n % 2:
            play.saw("setsid", outcome(child.setsid(), lambda one: "a number" if one.value else "0"))
            play.saw("setpgid(0, 0)", outcome(child.setpgid(0, 0), number))
            play.saw("setsid again", outcome(child.setsid(), number))
        else:
            play.saw("setpgid(child, child)", outcome(play.proc.setpgid(child.pid, child.pid), number))
        play.saw("getpgid(child)", outcome(play.proc.getpgid(child.pid), lambda one: _whose(one, child)))
        if _sent(play, child, signal.SIGTERM, -child.pid):
            _wait(play, child, "wait4")


def _whose(reply: Reply, child: Proc) -> str:
    return "its own" if reply.value == child.pid else "another"


def _keep(play: Play, call: Call) -> None:
    """What has ended stays until it was waited for: wait(2), NOTES."""
    with _child(play) as child:
        if not _sent(play, child, signal.SIGKILL):
            return
        for options in (os.WEXITED | WNOWAIT, os.WEXITED | WNOWAIT, os.WEXITED):
            reply = _once(partial(play.proc.waitid, 1, child.pid, options | W.NOHANG), lambda one: any(one.data))
            play.saw(f"waitid({'WEXITED|WNOWAIT' if options & WNOWAIT else 'WEXITED'})", outcome(reply, _told))
        play.saw("kill(0) of who was waited for", outcome(play.proc.kill(child.pid, 0), number))
        step = play.proc.waitid(1, child.pid, os.WEXITED | W.NOHANG)
        play.saw("waitid of who was waited for", outcome(step, number))
        if not step.ok:
            child.pid = 0


def _told(reply: Reply) -> str:
    """siginfo_t of SIGCHLD: si_code at 8, si_status at 24, waitid(2)."""
    return f"code {struct.unpack_from('<i', reply.data, 8)[0]}, status {struct.unpack_from('<i', reply.data, 24)[0]}"


VERBS: Mapping[str, Verb] = {
    "exit": _exit, "kill": _kill, "ignore": _ignore, "stop": _stop, "hold": _hold, "wrong": _wrong,
    "group": _group, "keep": _keep,
}  # fmt: skip
