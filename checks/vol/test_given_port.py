"""The box was handed no port of its host, whoever answers there."""

from pytest_isolation import Box, Unsupported, guarantee, severity, weaken

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
    if box.parts.published is None:
        raise Unsupported(f"{box.spec.technology} publishes no port of a box at an address of the host")
    promise.held("absent")
    ports = ", ".join(f"{outside}->{inside}" for inside, outside in box.parts.published)
    promise.require(not ports, published=ports)
