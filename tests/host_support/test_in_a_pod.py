"""What a pod lets run in it: every feature is tried by the agent of a pod, as on a machine of its own."""

from __future__ import annotations

import pytest

from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.options.boxes import parse
from pytest_isolation.suite.support import rows
from pytest_isolation.support.kernel import look
from pytest_isolation.technologies import technology

ENGINES = {"bubblewrap", "cri", "crun", "docker", "lxc", "podman", "runc"}
RESTRICTED = "cri:seccomp=RuntimeDefault,cap_drop=ALL,allow_privilege_escalation=false,uid=1000,gid=1000"


def run_in(spec: str, pods: Lifetime) -> dict[str, set[str]]:
    """Root's and a user's engines that could run in such a pod."""
    with technology("cri").launch(parse(spec), pods) as box:
        _, judged = rows(look("pod", box.proc), ("root", "user"))
    return {
        as_: {one.technology for one in judged if one.as_ == as_ and one.can_run != "no"} & ENGINES
        for as_ in ("root", "user")
    }


@pytest.mark.long(seconds=30)
def test_a_privileged_pod_lets_every_engine_run_and_a_plain_one_none(pods: Lifetime) -> None:
    privileged, plain = run_in("cri:privileged=true", pods), run_in("cri", pods)
    assert privileged["root"] == ENGINES, "a feature that nothing here has would say no for another reason"
    assert plain["root"] == set()
    # Without a filter a user still has a user namespace, and no fresh /proc in it.
    assert plain["user"] <= {"lxc"}
    assert run_in(RESTRICTED, pods) == {"root": set(), "user": set()}
