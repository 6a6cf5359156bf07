"""What tests of different folders share: which long ones run, boxes, a machine that starts slowly."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.errors import Unavailable
from pytest_isolation.machines import DockerMachine, image, start, suite
from pytest_isolation.suite.collect import checks_directory
from pytest_isolation.technologies.pool import Pool
from tests.shares import SHARES, Long, drawn, expected, seed_of_commit, share_of
from tests.support import REQUIRED, need

TOGETHER = (
    ("technologies/test_docker_elsewhere.py", "machines/"),
    ("inception/test_started.py", "inception/test_live_mutants.py", "inception/test_in_a_machine.py"),
    ("packaging/",),
    ("technologies/test_not_root.py", "technologies/test_podman", "technologies/test_attach.py"),
)
"""Below tests/, the files of one worker (`-n 2 --dist loadfile`): one machine, port 443, one wheel, one account's
Podman, whose processes are all below the one that came first."""
SEED = "PYTEST_ISOLATION_SEED"
"""The environment variable that says which share of the long tests is drawn; without it the commit does."""

settings.register_profile("tests", deadline=None)  # no test of ours is about its own pace on a busy machine
settings.load_profile("tests")


# -- long tests ------------------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    told = "which tests marked long: a share, all, or only them; a share without paths, else all"
    parser.addoption("--long", choices=("share", "all", "only"), help=told)


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        config.option.long, config.option.long_seed = config.workerinput["long"]
        return
    if config.option.long is None:
        config.option.long = "all" if config.args_source is pytest.Config.ArgsSource.ARGS else "share"
    config.option.long_seed = os.environ.get(SEED) or seed_of_commit()
    try:
        share_of(config.option.long_seed)
    except ValueError:
        message = f"{SEED} is {config.option.long_seed!r}; expected a hexadecimal number, as a commit's name is one"
        raise pytest.UsageError(message) from None


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """A worker is told: it does not know whether paths were named."""
    node.workerinput["long"] = node.config.option.long, node.config.option.long_seed


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.option.long == "share" and not config.getoption("isolation", False):  # a measurement has no tests of ours
        seed = config.option.long_seed
        which = f"share {share_of(seed) + 1} of {SHARES}, drawn by {seed}; the same again: {SEED}={seed}"
        terminalreporter.write_line(f"long tests: {which}; all: --long=all")


def long_test(item: pytest.Item, seconds: float) -> Long | None:
    mark = item.get_closest_marker("long")
    return None if mark is None else Long(item.nodeid, *mark.args, **{"seconds": seconds, **mark.kwargs})


def file_of(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves the long tests of this run, and puts what takes longest first: so two workers end together."""
    seconds = expected({file_of(item) for item in items})
    if config.option.long != "all":
        found = {item: long_test(item, seconds[file_of(item)]) for item in items}
        tests = [test for test in found.values() if test is not None]
        ids = {test.id for test in tests}
        if config.option.long == "share":
            ids = drawn(tests, share_of(config.option.long_seed))
        kept = [one for one in items if (found[one].id in ids if found[one] else config.option.long == "share")]
        if len(kept) < len(items):
            config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
            items[:] = kept
    groups: dict[str, float] = defaultdict(float)
    for item in items:
        groups[together(file_of(item))] += seconds[file_of(item)]
    items.sort(key=lambda item: -groups[together(file_of(item))])


# -- two workers -----------------------------------------------------------------------------------------------


def together(path: str) -> str:
    """What a test file is run with, by its path from the root: its name, where it stands alone."""
    return next((group[0] for group in TOGETHER if path.removeprefix("tests/").startswith(group)), path)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Files as `--dist loadfile` shares them out, some of them as one; `--dist loadgroup` needs a pytest before 9.2."""
    from xdist.scheduler import LoadFileScheduling

    class Together(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return together(nodeid.partition("::")[0])

    return Together(config, log) if config.getoption("dist") == "loadfile" else None


# -- boxes -----------------------------------------------------------------------------------------------------


@pytest.fixture
def run() -> Iterator[Lifetime]:
    """The register of a test's own run."""
    made = Lifetime()
    yield made
    made.close()


@pytest.fixture(scope="module")
def lifetime() -> Iterator[Lifetime]:
    """The register of a run that all tests of the file are of."""
    made = Lifetime()
    yield made
    made.close()


@pytest.fixture(scope="module")
def pods() -> Iterator[Lifetime]:
    """The register of a run of which all pods of the file are; nothing of them stays."""
    need("cri")
    made = Lifetime()
    yield made
    made.close()
    assert not made.resisted


@pytest.fixture(scope="module")
def pool(lifetime: Lifetime) -> Iterator[Pool]:
    """Boxes that all tests of the file share: equal ones are one."""
    made = Pool(lifetime)
    yield made
    made.close()


@pytest.fixture
def own_pool(run: Lifetime) -> Iterator[Pool]:
    """Boxes of a test's own."""
    made = Pool(run)
    yield made
    made.close()


@pytest.fixture(scope="session")
def docker_machine() -> Iterator[DockerMachine]:
    """A virtual machine with a Docker daemon, for all tests of the session: leave it as it was.

    It has the suite on a disk.
    """
    lifetime = Lifetime()
    try:
        disk = suite.disk(lifetime, checks_directory(), suite.python_of(image(lifetime)))
        with start(lifetime, disks=[disk]) as machine:
            yield machine
    except Unavailable as error:
        if "qemu" in REQUIRED:
            raise
        pytest.skip(str(error))
    finally:
        lifetime.close()
