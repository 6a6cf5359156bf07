"""The proxy of the caller, often with a password in it, is not in the box's environment."""

from hypothesis import given

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.start.called import CALLED, LANGUAGES, PROXIES, PROXY, Belongings
from pytest_isolation.strategies import belongings

promise = guarantee(
    "env.proxy-not-inherited",
    claim="no variable that programs take for a proxy's address is handed on from whoever starts or enters the box",
    sources=("man:curl(1), ENVIRONMENT", "man:podman-run(1), --http-proxy"),
    severity=severity.learns("has the proxy, and its password, of whoever starts it"),
    falsified_by=weaken.drop("clear-env"),
    kind="per-box",
    inputs="called",
    distinct="engines that hand on nothing else hand on these",
)


@promise
@given(callers=belongings())
def test_callers_proxy_stays_outside(box: Box, callers: Belongings) -> None:
    # Under whatever name; the caller's other variables are other guarantees'.
    found = [
        name
        for name, value in CALLED.answer(PROXY, box, callers)
        if callers.token in value and (name, value) != callers.variable and name not in LANGUAGES
    ]
    promise.require(not found, found=found, callers=", ".join(PROXIES))
