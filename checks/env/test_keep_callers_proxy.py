"""The proxy of the caller, often with a password in it, is not in the box's environment."""

from hypothesis import given

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.boxes.caller import Caller
from pytest_isolation.outside.carried import environment
from pytest_isolation.strategies import tokens

promise = guarantee(
    "env.proxy-not-inherited",
    claim="no variable that programs take for a proxy's address is handed on from whoever starts or enters the box",
    sources=("man:curl(1), ENVIRONMENT", "man:podman-run(1), --http-proxy"),
    severity=severity.learns("has the proxy, and its password, of whoever starts it"),
    falsified_by=weaken.drop("clear-env"),
    kind="per-box",
    distinct="engines that hand on nothing else hand on these",
)
NAMES = tuple(
    word for kind in ("http", "https", "ftp", "all", "no") for word in (f"{kind}_proxy", f"{kind.upper()}_PROXY")
)


@promise
@given(token=tokens())
def test_callers_proxy_stays_outside(box: Box, token: str) -> None:
    # Nobody listens there: a launcher that goes by it comes to nothing.
    given_ = tuple((name, f"http://user:{token}@127.0.0.1:9") for name in NAMES)
    with box.fresh(awaited=False, caller=Caller(variables=given_)) as fresh:
        found = [name for name, value in environment(fresh) if token in value]
    promise.require(not found, found=found, callers=", ".join(NAMES))
