"""Where nothing at all can be written, each check has the answer that it has where everything can: or says why not.

Two boxes that share everything with the host and have every capability; the files of one of them are read-only, to the
last mount.  A preparation that is refused there is no refusal of what it prepares, whichever check it is of.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.errors import Unsupported
from pytest_isolation.guarantees.property import PROVING, run_property
from pytest_isolation.technologies.pool import Pool
from tests.support import built_in_checks, need

OPEN, CLOSED = (
    BoxSpec(technology="command", options=(("", f"bwrap --cap-add ALL {bind} / / {{agent}}"),))
    for bind in ("--bind", "--ro-bind")
)
KEPT = {
    "cg.cannot-leave": "the tree of control groups is read-only",
    "cg.cannot-raise-own": "the same",
    "cg.fs-readonly": "the same",
    "mnt.host-trigger-files": "that they cannot be written is the promise",
    "mnt.written-files-not-run": "that no file can be written keeps it",
}
"""What a box of which nothing can be written keeps, and another does not."""
UNASKED = {
    "cap.mknod-denied": "a node has to be made somewhere",
    "mnt.disk-not-used-up": "nothing can be filled",
    "mnt.fifos-not-shared": "a FIFO has to be made",
    "mnt.inodes-not-used-up": "nothing can be filled",
    "mnt.sockets-not-shared": "a socket has to be bound to a path",
    "mnt.watches-not-shared": "the other box has to make a file",
    "mnt.writes-not-shared": "a file has to be written",
    "secret.files-unread-by-number": "a file has to be written",
    "secret.files-unread-by-siblings": "a file has to be written",
}
"""What cannot be asked there; each row says so."""


def verdicts(pool: Pool, spec: BoxSpec) -> dict[str, str]:
    found = {}
    for promise, test in built_in_checks():
        try:
            box = pool.box(replace(spec, **promise.box, **promise.control_box))
        except Unsupported:
            found[promise.id] = "unsupported"
            continue
        ran = run_property(promise, test, box, examples=3, seed=1, phases=PROVING, confirm=False)
        assert ran.trouble is None, f"{promise.id}: {ran.trouble}"
        found[promise.id] = "violated" if ran.violation else "unsupported" if ran.unsupported else "holds"
    return found


@pytest.mark.long(seconds=120)
def test_what_cannot_be_prepared_is_no_refusal(own_pool: Pool) -> None:
    need("command"), need("bubblewrap")
    before, after = (verdicts(own_pool, spec) for spec in (OPEN, CLOSED))
    broken = {id for id, verdict in before.items() if verdict == "violated"}
    assert len(broken) > 200
    assert {id for id in broken if after[id] == "holds"} <= KEPT.keys()
    assert {id for id in broken if after[id] == "unsupported"} <= UNASKED.keys()
