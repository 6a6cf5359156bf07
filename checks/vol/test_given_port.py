"""The box was handed no port of its host, whoever answers there."""

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.network.published import recorded

promise = guarantee(
    "vol.port-not-given",
    claim="no port of the host leads into the box, on any of its addresses",
    sources=("docker:engine/network/port-publishing", "man:podman-run(1) --publish", "CIS Docker Benchmark 1.6.0, 5.9"),
    severity=severity.surface("was handed a port of the host"),
    falsified_by=weaken.hand_in("port"),
    kind="per-box",
)


@promise
def test_no_port_was_given(box: Box) -> None:
    ports = ", ".join(f"{outside}->{inside}" for inside, outside in recorded(box))
    promise.held("absent")
    promise.require(not ports, published=ports)
