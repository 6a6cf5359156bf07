"""The LAN beside the host: what it answers, and that nothing of it is left."""

from __future__ import annotations

import os
import random
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.errors import Undecided
from pytest_isolation.guarantees.property import run_property
from pytest_isolation.guarantees.result import PropertyResult
from pytest_isolation.outside.box import Box
from pytest_isolation.outside.network import sending
from pytest_isolation.outside.network.lan import Frame, add_route, lan_of_host
from pytest_isolation.outside.network.netlink import NETLINK_ROUTE, heard, subscribed
from pytest_isolation.outside.network.patience import LONG_DATAGRAM_S
from pytest_isolation.technologies.pool import Pool
from tests.support import built_in_checks, need, new_pool

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a link of the host's is for root")
MAKES_ONE = """
import sys, time
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.outside.network.lan import lan_of_host
from pytest_isolation.technologies.pool import Pool
print(lan_of_host(Pool(Lifetime()).box(BoxSpec(technology="host"))).name, flush=True)
time.sleep(300)
"""


@pytest.fixture
def box(own_pool: Pool) -> Box:
    return own_pool.box(need("host"))


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
@pytest.mark.parametrize("far", [False, True])
def test_a_packet_of_the_host_arrives(box: Box, family: int, far: bool) -> None:
    lan = lan_of_host(box)
    address = (lan.far if far else lan.own)[family]
    with lan.ear() as ear:
        sending.to(box.outside.proc, address, 20_001, b"a token")
        found: list[Frame] = []
        until = time.monotonic() + 10
        while time.monotonic() < until and not {"call", "token"} <= {_kind(frame) for frame in found}:
            found += ear.frames(0.2)
    assert {frame.source for frame in found if _kind(frame) != "other"} == {lan.host[family]}
    assert {"call", "token"} <= {_kind(frame) for frame in found}


def _kind(frame: Frame) -> str:
    return "call" if frame.is_call(20_001) else "token" if b"a token" in frame.data else "other"


def test_what_was_sent_has_arrived_when_it_is_settled(box: Box) -> None:
    lan = lan_of_host(box)
    before = box.outside.proc.sched_getaffinity(0).data
    with lan.ear() as ear:
        sending.to(box.outside.proc, lan.own[socket.AF_INET], 20_002, b"a token")
        lan.settle()
        assert any(b"a token" in frame.data for frame in ear.frames())
    lan.settle(inward=True)
    assert lan.local.sched_getaffinity(0).data == before == lan.proc.sched_getaffinity(0).data


def test_what_is_handed_on_late_has_arrived(box: Box) -> None:
    """As by a process that carries a box's packets, on a busy machine."""
    lan = lan_of_host(box)
    with lan.ear() as ear, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as carrier:
        timer = threading.Timer(0.5, carrier.sendto, [b"a token", (lan.own[socket.AF_INET], 20_004)])
        timer.start()
        sent = [box.outside.proc.getpid()]  # a call that was let through
        assert lan.arrived(box, ear, lambda frame: b"a token" in frame.data, sent, "late", LONG_DATAGRAM_S)
        timer.join()


def test_packets_that_do_not_arrive_settle_nothing(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the host's own rules drop them: here they are sent to another port than the machine waits at."""
    monkeypatch.setattr("pytest_isolation.outside.network.lan.MOST_S", 0.3)
    lan = lan_of_host(box)
    monkeypatch.setattr("pytest_isolation.outside.network.lan.sockaddr", _elsewhere)
    with pytest.raises(Undecided, match="do not arrive"):
        lan.settle()


def _elsewhere(address: str, port: int) -> bytes:
    from pytest_isolation.outside.network.listeners import sockaddr

    return sockaddr(address, port ^ 1 if port else 0)


def test_two_that_draw_the_same_are_two(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """As those of two runs on one machine, or of two boxes: there are few addresses that nobody has."""
    made = []
    for _ in range(2):
        monkeypatch.setattr("pytest_isolation.outside.network.lan.secrets.randbelow", random.Random(1).randrange)
        made.append(lan_of_host(box))
        del box.witnesses["lan"]
    with made[0].ear() as first, made[1].ear() as second:
        wanted = {made[0].own[socket.AF_INET], made[0].far[socket.AF_INET]}
        for address in wanted:
            sending.to(box.outside.proc, address, 20_003, b"a token")
        made[0].settle()
        heard = [[frame.data[30:34] for frame in ear.frames() if b"a token" in frame.data] for ear in (first, second)]
    assert {socket.inet_ntoa(target) for target in heard[0]} == wanted
    assert heard[1] == []
    for lan in made:
        lan.close()


def test_a_route_of_another_run_is_not_of_the_box(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    lan = lan_of_host(box)
    for address in ("203.0.113.6", "198.19.255.6"):
        assert add_route(lan.local, address, 32, index=lan.index)
    promise, test = next(one for one in built_in_checks() if one[0].id == "net.hosts-routes-kept")
    with new_pool() as pool:
        apart = pool.box(need("namespaces"))
        lan_of_host(apart)
        monkeypatch.setattr("secrets.randbelow", lambda below: 5)
        ran = run_property(promise, test, apart, examples=1, seed=1)
    assert ran.violation is None
    assert "of another run" in ran.reasons


def test_a_setting_is_written_in_each_proc() -> None:
    """/proc/sys is read-only there, and another /proc of the box's is not."""
    need("command")
    launcher = "bwrap --cap-add ALL --ro-bind / / --proc /proc --ro-bind /proc/sys /proc/sys --bind /proc /mnt {agent}"
    ran = _measured("net.hosts-settings-kept", BoxSpec(technology="command", options=(("", launcher),)))
    assert ran.violation is not None, (ran.trouble, ran.unsupported)
    assert str(ran.violation.observed["setting"]).startswith("/mnt/sys/net/")


@pytest.mark.parametrize(
    ("id", "launcher", "by"),
    [
        ("net.hosts-routes-hidden", "--proc /proc", "/proc/{pid}/net/"),
        ("net.hosts-other-sockets-hidden", "--unshare-pid --proc /proc --bind /proc /mnt", "/mnt/{pid}/net/"),
        ("net.hosts-links-in-sysfs-hidden", "--unshare-pid --proc /proc --tmpfs /sys --bind /sys /mnt", "/mnt/class/"),
    ],
)
def test_the_hosts_network_is_found_under_any_name(id: str, launcher: str, by: str) -> None:
    """The box has a network of its own, and the directory of a process that has the host's."""
    need("command")
    launcher = f"bwrap --unshare-net --ro-bind / / {launcher} {{agent}}"
    ran = _measured(id, BoxSpec(technology="command", options=(("", launcher),)))
    assert ran.violation is not None, (ran.trouble, ran.unsupported)
    assert re.match(by.format(pid=r"\d+"), str(ran.violation.observed["found"])), ran.violation.observed


def test_who_may_join_no_group_is_not_asked_whether_it_hears_one() -> None:
    """A limit on memberships refuses the preparation, and nobody has kept the group from the box."""
    need("command")
    launcher = "unshare --net sh -c 'echo 0 > /proc/sys/net/ipv4/igmp_max_memberships; exec \"$@\"' - {agent}"
    test: Any = next(test for promise, test in built_in_checks() if promise.id == "net.lan-broadcasts-unheard")
    with new_pool() as pool:
        box = pool.box(BoxSpec(technology="command", options=(("", launcher),)))
        with pytest.raises(Undecided, match="the box joins no group on any of its interfaces"):
            test.hypothesis.inner_test(box, to="group")


@pytest.mark.parametrize("id", ["net.hosts-firewall-kept", "net.firewall-denied"])
def test_a_table_that_the_host_cannot_make_is_refused_to_nobody(id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on kernels before 5.12, which do not know one of its flags: nobody else has refused it."""
    monkeypatch.setattr("pytest_isolation.outside.network.tracked.DORMANT_OWNED", struct.pack(">I", 0x80))
    ran = _measured(id, need("host") if id == "net.hosts-firewall-kept" else need("namespaces"))
    assert (ran.violation, ran.trouble) == (None, None)
    assert "makes no table of nftables" in str(ran.unsupported)


def _measured(id: str, spec: BoxSpec) -> PropertyResult:
    promise, test = next(one for one in built_in_checks() if one[0].id == id)
    with new_pool() as pool:
        return run_property(promise, test, pool.box(spec), examples=3, seed=1)


def test_what_a_full_socket_has_lost_was_not_kept_from_it(box: Box) -> None:
    """The first read of such a socket says that it was full, and gives nothing."""
    lan = lan_of_host(box)
    with box.outside.process() as host:
        ears = [subscribed(host.proc, NETLINK_ROUTE).value for _ in range(2)]
        for fd in ears:
            host.proc.setsockopt(fd, socket.SOL_SOCKET, socket.SO_RCVBUF, struct.pack("<i", 0))
        for number in range(50):
            lan.rename(f"name {number}.".encode())
        assert heard(host.proc, ears[0], b"name 0.", 0.0)
        with pytest.raises(Undecided, match="more than a socket holds"):
            heard(host.proc, ears[1], b"name 49.", 0.0)


def test_nothing_is_left_when_its_box_ends() -> None:
    with new_pool() as pool:
        name = lan_of_host(pool.box(need("host"))).name
        assert Path(f"/sys/class/net/{name}").exists()
    assert not Path(f"/sys/class/net/{name}").exists()


def test_nothing_is_left_when_its_run_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", MAKES_ONE], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        name = run.stdout.readline().strip()
        link = Path(f"/sys/class/net/{name}")
        assert name.startswith("pti") and link.exists()
        run.send_signal(signal.SIGKILL)
    until = time.monotonic() + 30
    while link.exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not link.exists()
