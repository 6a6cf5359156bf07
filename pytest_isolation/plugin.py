"""pytest's hooks, and nothing heavy: this module is imported by every pytest run on the machine."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from pytest_isolation import options
from pytest_isolation.errors import IsolationError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from pytest_isolation.suite.session import Session

SESSION: pytest.StashKey[Session] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Every option; nothing heavy is imported for them."""
    options.add_options(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """For plugins that add rows to the report: hookspecs.py."""
    from pytest_isolation import hookspecs

    pluginmanager.add_hookspecs(hookspecs)


def pytest_configure(config: pytest.Config) -> None:
    """Begin a session where one of our options asks for it.  Raises pytest.UsageError."""
    config.addinivalue_line("markers", "isolation: a check of pytest-isolation (set by the plugin)")
    if not options.requested(config):
        return
    with as_usage_error():
        asked = options.resolve(config)
        if not asked.enabled or asked.list or asked.clean or asked.host:
            return
        from pytest_isolation.suite.reports import Reports
        from pytest_isolation.suite.session import Session

        config.stash[SESSION] = session = Session(config, asked)
    config.pluginmanager.register(session, "isolation-session")
    config.pluginmanager.register(Reports(session), "isolation-reports")
    if config.pluginmanager.hasplugin("xdist"):
        from pytest_isolation.suite.xdist import Workers

        config.pluginmanager.register(Workers(session), "isolation-workers")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """The options that measure no box: --isolation-list, -clean, -host and -kernel."""
    if not any(getattr(config.option, f"isolation_{name}") for name in ("list", "clean", "host", "kernel")):
        return None
    from pytest_isolation.suite.answers import answer

    with as_usage_error():
        return answer(options.resolve(config))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """--box without --isolation is for the fixtures: where no test has one, it would be passed over in silence."""
    if not config.getoption("isolation_boxes") or SESSION in config.stash or hasattr(config, "workerinput"):
        return
    if options.others_measure(config) or any(
        name.startswith("isolation_") for item in items for name in getattr(item, "fixturenames", ())
    ):
        return
    raise pytest.UsageError(
        "--box is given without --isolation, and no test here asks for a box (isolation_box and its like); "
        "add --isolation to measure it"
    )


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A check that is declared wrongly, or a box that does not exist: what is wrong with it, not where we noticed."""
    report = yield
    call = getattr(report, "call", None)
    if report.failed and call is not None and call.excinfo is not None:
        error = call.excinfo.value
        if isinstance(error, IsolationError):
            report.longrepr = str(error)
    return report


@contextmanager
def as_usage_error() -> Iterator[None]:
    """What was asked wrongly is one paragraph, never a traceback."""
    try:
        yield
    except IsolationError as error:
        raise pytest.UsageError(str(error)) from None


@pytest.fixture(scope="session")
def isolation_boxes(request: pytest.FixtureRequest) -> Generator[Any]:
    """A factory of boxes: `isolation_boxes("docker", image="debian:bookworm")`; see docs/fixtures.md."""
    from pytest_isolation.suite.fixtures import boxes

    yield from boxes(request.config)


@pytest.fixture
def isolation_box(request: pytest.FixtureRequest) -> Generator[Any]:
    """A box of each `--box` the run was given, else of each technology this machine can run."""
    from pytest_isolation.suite.fixtures import box

    yield from box(request)


@pytest.fixture
def isolation_container(request: pytest.FixtureRequest) -> Generator[Any]:
    """A container: of the engine that answers here (docker), else one made of namespaces."""
    from pytest_isolation.suite.fixtures import first_of

    yield from first_of(request, ("docker", "podman", "namespaces"))


@pytest.fixture
def isolation_vm(request: pytest.FixtureRequest) -> Generator[Any]:
    """A virtual machine; skipped, with the reason, where none can start."""
    from pytest_isolation.suite.fixtures import first_of

    yield from first_of(request, ("qemu",))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`isolation_box` is each box in turn; a check of a guarantee is skipped in a run that measures nothing."""
    if "isolation_box" in metafunc.fixturenames:
        from pytest_isolation.suite.fixtures import box_parameters

        metafunc.parametrize("isolation_box", box_parameters(metafunc.config), ids=lambda spec: spec.id, indirect=True)
    if hasattr(metafunc.function, "_pytest_isolation_guarantee") and SESSION not in metafunc.config.stash:
        skipped = pytest.param(
            None, id="not-measured", marks=pytest.mark.skip("a check: run it with pytest --isolation")
        )
        metafunc.parametrize("box", [skipped])
        for name in ("promise", "entry"):  # of a family (guarantees/family.py)
            if name in metafunc.fixturenames and hasattr(metafunc.function._pytest_isolation_guarantee, "members"):
                metafunc.parametrize(name, [pytest.param(None, id="-")])
