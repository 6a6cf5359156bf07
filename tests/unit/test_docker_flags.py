"""A flag of `docker run`, written as it is there, is told by the word it has in a box."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pytest_isolation.errors import UsageError
from pytest_isolation.options.boxes import parse
from pytest_isolation.technologies.docker.flags import FLAGS, NONE
from pytest_isolation.technologies.docker.keywords import COMMON, OURS, STRUCTURED, known_keywords, user_keywords

PAGE = Path(__file__).parents[2] / "docs" / "technologies" / "docker.md"
RUN = """
add-host annotation a attach blkio-weight blkio-weight-device cap-add cap-drop cgroup-parent cgroupns cidfile cpu-count
cpu-percent cpu-period cpu-quota cpu-rt-period cpu-rt-runtime c cpu-shares cpus cpuset-cpus cpuset-mems d detach
detach-keys device device-cgroup-rule device-read-bps device-read-iops device-write-bps device-write-iops
disable-content-trust dns dns-option dns-opt dns-search domainname entrypoint e env env-file expose gpus group-add
health-cmd health-interval health-retries health-start-interval health-start-period health-timeout h hostname init i
interactive io-maxbandwidth io-maxiops ip ip6 ipc isolation kernel-memory l label label-file link link-local-ip
log-driver log-opt mac-address m memory memory-reservation memory-swap memory-swappiness mount name net net-alias
network network-alias no-healthcheck oom-kill-disable oom-score-adj pid pids-limit platform privileged p publish P
publish-all pull q quiet read-only restart rm runtime security-opt shm-size sig-proxy stop-signal stop-timeout
storage-opt sysctl tmpfs t tty ulimit u user userns use-api-socket uts v volume volume-driver volumes-from w workdir
"""
"""Of Docker 28: docs.docker.com/reference/cli/docker/container/run/."""
OF_NO_FLAG = {"init_path", "network_disabled"}
WITH_A_WORD_OF_EVERY_BOX = {"mem_limit": "memory", "nano_cpus": "cpus"}


@pytest.mark.parametrize("flag", FLAGS)
def test_a_flag_is_told_by_its_word(flag: str) -> None:
    """It was told "did you mean 'pids'?" of --pid, and of most others nothing."""
    with pytest.raises(
        UsageError, match=rf"^docker has no keyword '{flag}'; --?{flag} of `docker run` is \w+="
    ) as told:
        user_keywords(parse(f"docker:{flag}=x"))
    word = str(told.value).partition("` is ")[2].removesuffix(" here")
    spec = parse(f"docker:{word}")
    user_keywords(spec)
    assert spec != parse("docker"), "the word is one that a box takes"


@pytest.mark.parametrize("flag", NONE)
def test_a_flag_without_a_keyword_is_told_so(flag: str) -> None:
    """It was told "did you mean 'cpus'?" of --gpus, and of --health-cmd nothing."""
    for key in {flag, flag.replace("-", "_")}:
        with pytest.raises(UsageError) as told:
            user_keywords(parse(f"docker:{key}=x"))
        dashes = "-" if len(flag) == 1 else "--"
        assert (
            str(told.value) == f"docker has no keyword {key!r}; {dashes}{flag} of `docker run` has none: {NONE[flag]}"
        )


def test_a_swap_is_no_memory() -> None:
    """It was told "did you mean 'memory'?", which sets another limit."""
    with pytest.raises(UsageError, match="--memory-swap of `docker run` is memory=64M,memswap_limit=128M here"):
        user_keywords(parse("docker:memory_swap=1g"))


def test_each_flag_has_one_word() -> None:
    create, host = known_keywords()
    named = {*create, *host, *OURS, *STRUCTURED, *COMMON.values(), "cpus", "memory"}
    for flag in RUN.split():
        places = [flag in FLAGS, flag in NONE, flag.replace("-", "_") in named]
        assert sum(places) == 1, f"{flag}: {places}"
    assert {*FLAGS, *NONE} <= set(RUN.split())


def test_each_keyword_of_the_sdk_is_some_flags() -> None:
    create, host = known_keywords()
    flags = {flag.replace("-", "_") for flag in RUN.split()}
    words = {word for example in FLAGS.values() for word in re.findall(r"(?:^|,)(\w+)=", example)}
    left = (create | host) - set(OURS) - set(COMMON) - STRUCTURED - flags - words
    assert left == OF_NO_FLAG | set(WITH_A_WORD_OF_EVERY_BOX)


def test_a_link_is_what_the_sdk_takes() -> None:
    """It was a list, which the SDK takes apart letter by letter."""
    docker = pytest.importorskip("docker")
    asked = user_keywords(parse("docker:links=db:database"))
    assert docker.types.HostConfig(version="1.41", **asked)["Links"] == ["db:database"]


def test_the_page_has_each() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(-{1,2})([\w-]+)` \| `(.*)` \|$", text, re.MULTILINE)
    assert {name: word for _, name, word in rows} == FLAGS
    without = re.findall(r"^\| (`-[^|]*`) \| ([^`|]*) \|$", text, re.MULTILINE)
    assert {name.strip("`-"): told for names, told in without for name in names.split(", ")} == NONE
    dashed = [name.strip("`") for names, _ in without for name in names.split(", ")] + [f"{a}{b}" for a, b, _ in rows]
    assert all(name.startswith("--") is (len(name.lstrip("-")) > 1) for name in dashed)
