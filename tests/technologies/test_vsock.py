"""A box without a network is asked about vsock, or its row says why not."""

from __future__ import annotations

import errno
import socket

import pytest

from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.guarantees.property import run_property
from pytest_isolation.outside.box import Box
from pytest_isolation.outside.network import vsock
from pytest_isolation.technologies.pool import Pool
from tests.support import built_in_checks, need

CHECKS = {promise.id: (promise, test) for promise, test in built_in_checks()}


@pytest.fixture
def host(pool: Pool) -> Box:
    return pool.box(BoxSpec(technology="host"))


def test_the_row_tells_of_vsock(pool: Pool, host: Box) -> None:
    """Broken where this machine reaches itself by vsock, for a network namespace does not divide it; else told of."""
    promise, test = CHECKS["net.none-only-lo"]
    spec = need("namespaces").changed(**promise.box)
    ran = run_property(promise, test, pool.box(spec), examples=2, seed=1)
    told = " ".join(ran.notes.remarks)
    if vsock.why_not(host.outside.proc):
        assert "vsock is not tried: the kernel has none" in told
        return
    with vsock.service(host) as service:
        assert (ran.violation is not None) == bool(service.cids)
        assert ("cannot reach itself" in told) == (not service.cids)


def test_who_connects_is_seen(host: Box) -> None:
    """By the very calls of the check: each address that counts is one by which the listener is reached."""
    if vsock.why_not(host.outside.proc):
        pytest.skip("the kernel has no vsock")
    with vsock.service(host) as service:
        for cid in service.cids:
            assert service.knock(host, cid).arrived


def test_the_address_is_as_the_kernel_writes_it(host: Box) -> None:
    if vsock.why_not(host.outside.proc):
        pytest.skip("the kernel has no vsock")
    with vsock.service(host) as service:
        assert service.by.address[:16] == vsock.sockaddr_vm(vsock.ANY, service.port)
        family = int.from_bytes(service.by.address[:2], "little")
    assert (family, errno.EAFNOSUPPORT) == (socket.AF_VSOCK, 97)
