"""The box was handed no secret in a variable."""

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.start.handed_in import secrets_of, variables_of

promise = guarantee(
    "env.secret-not-given",
    claim="no variable of the box's first process has the name, or the value, of a password, a token or a private key",
    sources=(
        "CIS Docker Benchmark 1.6.0, 4.10",
        "https://docs.docker.com/engine/swarm/secrets/",
        "man:proc_pid_environ(5)",
    ),
    severity=severity.surface("was handed a secret in its environment"),
    falsified_by=weaken.hand_in("variable"),
    kind="per-box",
)


@promise
def test_no_secret_was_given(box: Box) -> None:
    names = secrets_of(variables_of(box))
    promise.held("absent")
    # The names alone: a report is for others to read.
    promise.require(not names, variables=", ".join(sorted(names)))
