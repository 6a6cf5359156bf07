"""The channel past the Docker daemon: taken from the agent it belongs to, and from nobody else."""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterator

import pytest

from pytest_isolation import Box
from pytest_isolation.agent.channel import FdChannel
from pytest_isolation.agent.client import Proc
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.agent.shortcuts import entries
from pytest_isolation.boxes.local import start_local
from pytest_isolation.technologies.direct import go_direct
from pytest_isolation.technologies.pool import Pool
from tests.support import need


def sockets(proc: Proc) -> int:
    """How many of its descriptors are sockets."""
    names = [name for name, _ in entries(proc, "/proc/self/fd")]
    found = [proc.statx(AT_FDCWD, f"/proc/self/fd/{name}") for name in names]
    modes = [struct.unpack_from("<H", reply.data, 28)[0] for reply in found if reply.ok]
    return sum(map(stat.S_ISSOCK, modes))


@pytest.fixture
def box(own_pool: Pool) -> Iterator[Box]:
    spec = need("docker")
    if os.geteuid() != 0:
        pytest.skip("a descriptor of a container's process is taken by root")
    with own_pool.launch(spec) as made:
        yield made


def test_a_container_is_spoken_to_past_the_daemon(box: Box) -> None:
    assert isinstance(box.agent._channel, FdChannel)
    assert sockets(box.proc) == 1, "the end that is ours is open in the box, too: it would not notice that we are gone"


def test_an_agent_changes_its_channel_and_ends_with_the_new_one() -> None:
    with start_local() as one:
        before = one.agent._channel
        go_direct(one.agent, one.pid)
        assert one.agent._channel is not before
        assert one.proc.getpid().value == one.pid
        one.agent._channel.close()
        assert one.process.wait(5) == 0


def test_a_socket_of_another_process_is_left_as_it_was() -> None:
    with start_local() as one, start_local() as another:
        end, other = struct.unpack("2i", another.proc.socketpair(1, 1).data)
        another.proc.write(other, b"somebody else's!")
        before = one.agent._channel
        go_direct(one.agent, another.pid)
        assert one.agent._channel is before
        assert one.proc.getpid().value == one.pid
        assert another.proc.read(end, 64).data == b"somebody else's!"
