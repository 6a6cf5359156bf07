"""What a technology cannot give a box is said before the start: a box without it would be measured as if it had it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_isolation import Unavailable, UsageError
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.spec import MIB
from pytest_isolation.options.boxes import parse
from pytest_isolation.technologies import technology


@pytest.mark.parametrize(
    "text",
    [
        "host:network=none", "host:memory=64M", "host:pids=20", "host:hostname=a", "chroot:hostname=a", "chroot:cpus=1",
        "cgroup:network=none", "namespaces:network=bridge",
    ],
)  # fmt: skip
def test_it_is_unavailable(text: str) -> None:
    spec = parse(text)
    with pytest.raises(Unavailable, match="=") as told:
        technology(spec.technology).check_available(spec)
    assert told.value.remedy


def test_a_capability_that_is_none_is_a_usage_error() -> None:
    spec = parse("namespaces:capabilities=FOO")
    with pytest.raises(UsageError, match="no capability is called 'FOO'"):
        technology("namespaces").check_available(spec)


def test_a_limit_that_a_check_brings_is_not_refused() -> None:
    """A check changes the spec on its way to launch: that nothing keeps the limit is what it is to find."""
    run = Lifetime()
    try:
        with technology("host").launch(replace(parse("host"), memory=64 * MIB), run) as box:
            assert box.alive
    finally:
        run.close()
