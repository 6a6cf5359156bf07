"""A signal from outside arrives without the number of its sender."""

import secrets
import signal
import struct

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.shortcuts import read, set_name

promise = guarantee(
    "pid.signal-in-sender-zero",
    claim="a signal sent from outside arrives with si_pid 0: no number of the host gets in",
    sources=("man:sigaction(2)", "man:pid_namespaces(7)"),
    severity=severity.learns("learns who on the host signals it"),
    falsified_by=weaken.share("pid"),
    distinct="the other way round: what a box learns from a signal it receives, not what it can send",
)
REAL_TIME = list(range(signal.SIGRTMIN, signal.SIGRTMAX))


@promise
@given(sig=st.sampled_from([signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM, *REAL_TIME]))
def test_sender_is_not_named(box: Box, sig: int) -> None:
    pid = box.parts.init_pid
    if pid is None:
        # Who has no number outside can be sent nothing: looked for by a name that only it has.
        token = secrets.token_hex(7)
        set_name(box.init, token)
        promise.receipt(read(box.init, "/proc/self/comm").data.strip() == token.encode(), "its name, read inside")
        found = box.outside.named(token)
        promise.held("absent")
        promise.require(not found, f"processes called {token} outside", found=sorted(found))
        return
    mask = 1 << (sig - 1)
    box.init.rt_sigprocmask(0, mask)
    box.outside.kill(pid, sig)
    reply = box.init.rt_sigtimedwait(mask, 1.0)
    box.init.rt_sigprocmask(1, mask)
    promise.receipt(reply.value == sig, reply)
    (sender,) = struct.unpack_from("<i", reply.outs[0], 16)
    promise.require(sender == 0, reply, si_pid=sender, sent_by="outside")
