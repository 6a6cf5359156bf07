"""A variable of the caller's environment is not in the box."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.boxes.caller import Caller
from pytest_isolation.outside.carried import environment
from pytest_isolation.strategies import callers_names, tokens

promise = guarantee(
    "env.caller-not-inherited",
    claim="no variable of whoever starts or enters the box is in the environment of the process started there unless "
    "asked for; proxy settings are not tried",
    sources=("oci:runtime-spec config.md, process.env", "man:environ(7)"),
    severity=severity.learns("has the variables of whoever starts it"),
    falsified_by=weaken.drop("clear-env"),
    kind="per-box",
)


@promise
@given(name=callers_names(), token=tokens(), arguments=st.text("ab =", max_size=9))
def test_callers_variable_stays_outside(box: Box, name: str, token: str, arguments: str) -> None:
    with box.fresh(awaited=False, caller=Caller(variables=((name, token + arguments),))) as fresh:
        found = [one for one, value in environment(fresh) if one == name or token in value]
    promise.require(not found, found=found, callers=name)
