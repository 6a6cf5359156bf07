"""The box was given no leave to use devices, whether or not it has a node of one."""

from pytest_isolation import Box, Unsupported, guarantee, severity, weaken
from pytest_isolation.outside.limits.exercised import group_of
from pytest_isolation.outside.start.handed_in import device_rules

promise = guarantee(
    "dev.rule-not-given",
    claim="the control group of the box lets its processes use no device but those that every box has",
    sources=("oci:runtime-spec config-linux allowed-devices", "kernel:admin-guide/cgroup-v1/devices"),
    severity=severity.surface("was given leave to use further devices"),
    falsified_by=weaken.drop("devices"),
    kind="per-box",
    needs_root=True,
    distinct="that it is allowed, not that a node is there: one made later, or found in a volume, opens",
)


@promise
def test_no_rule_was_given(box: Box) -> None:
    if not box.parts.shares_kernel:
        raise Unsupported("the box has a kernel of its own, and devices of that")
    further = device_rules(group_of(box))
    promise.held("refused")
    promise.require(not further, allowed=", ".join(further[:12]))
