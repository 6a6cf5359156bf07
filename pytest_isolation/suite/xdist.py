"""Everything that names pytest-xdist; registered only where it is installed."""

from __future__ import annotations

import re
import shlex
import socket
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import parse_tx_spec_config

from pytest_isolation.suite.hosts import Hosts, host_of
from pytest_isolation.suite.messages import Process

if TYPE_CHECKING:
    from pytest_isolation.suite.session import Session

CONNECTED_S, REACHED_S = 10, 60
"""How long a machine may take to be connected to; and to answer, its Python's start included."""
NEEDED = "import pytest_isolation, xdist"
AT_A_TIME = 32
"""Machines that are asked whether they answer."""


class ByBox(LoadScopeScheduling):  # type: ignore[misc]
    """All checks of one box go to one worker: a box that takes seconds to start is started once."""

    def _split_scope(self, nodeid: str) -> str:
        if "::" in nodeid and nodeid.endswith("]") and nodeid.startswith("isolation::"):
            cell = nodeid[nodeid.rindex("[") + 1 : -1]
            # See Cell.__str__; of a family, the member's id is behind a colon.
            return "pairs" if "+" in cell else re.split("[~@:]", cell)[0]
        return str(super()._split_scope(nodeid))


class ByHost:
    """Everything goes to every machine, to each as soon as it has collected; none waits for another.

    xdist's own scheduler of --dist each begins when all have collected, and never where one of them was lost.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        """Machines that are to come, or have come."""
        self._came = 0
        self._collected: dict[Any, list[str]] = {}
        self._pending: dict[Any, list[int] | None] = {}
        """Of the machines that are there: None until it has collected."""
        self._begun: set[Any] = set()

    @property
    def nodes(self) -> list[Any]:
        """Workers that are there."""
        return list(self._pending)

    @property
    def collection_is_completed(self) -> bool:
        """Of one at least."""
        return bool(self._collected)

    @property
    def tests_finished(self) -> bool:
        """Nothing is to be given to anybody: whoever has begun has all, and knows when to end."""
        return self._came >= self.number and all(one is not None and len(one) < 2 for one in self._pending.values())

    @property
    def has_pending(self) -> bool:
        """Somebody is measuring."""
        return any(self._pending.values())

    def add_node(self, node: Any) -> None:
        """It answers."""
        self._came += 1
        self._pending[node] = None

    def add_node_collection(self, node: Any, collection: Sequence[str]) -> None:
        """It knows its tests."""
        self._collected[node] = list(collection)

    def schedule(self) -> None:
        """Have those begin that have not."""
        for node in [one for one in self._pending if one in self._collected and one not in self._begun]:
            self._begun.add(node)
            self._pending[node] = list(range(len(self._collected[node])))
            node.send_runtest_all()
            node.shutdown()

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
        """One less."""
        pending = self._pending.get(node)
        if pending is not None and item_index in pending:
            pending.remove(item_index)

    def mark_test_pending(self, item: str) -> None:
        """Never asked of those that go to all."""
        raise NotImplementedError

    def remove_pending_tests_from_node(self, node: Any, indices: Sequence[int]) -> None:
        """Never asked of those that go to all."""
        raise NotImplementedError

    def remove_node(self, node: Any) -> None:
        """It has ended: what it has not measured nobody else does."""
        self._pending.pop(node, None)

    def lost(self, node: Any) -> tuple[str | None, int]:
        """(the test it was at, how many it had not come to)."""
        if node not in self._pending:
            self.number -= 1  # it never came
        pending = self._pending.get(node) or []
        return (self._collected[node][pending[0]] if pending else None), max(0, len(pending) - 1)


class Workers:
    """The hooks only xdist has."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._names: dict[str, str] = {}
        """Of a worker -> of its machine."""
        self._unreachable = 0
        self._scheduler: ByHost | None = None
        if session.side_by_side:
            check(session.config)

    @property
    def _hosts(self) -> Hosts | None:
        return self._session.gatherer if isinstance(self._session.gatherer, Hosts) else None

    def pytest_xdist_setupnodes(self, config: pytest.Config, specs: list[Any]) -> None:
        """Side by side: name the machines, and leave those out that do not answer, which is no end for the others."""
        hosts = self._hosts
        if hosts is None:
            return
        for spec in specs:
            name = named(spec)
            self._names[spec.id] = name if name not in self._names.values() else f"{name}-{spec.id}"
        with ThreadPoolExecutor(AT_A_TIME) as threads:
            answers = list(threads.map(unreachable, specs))
        for spec, why in zip(list(specs), answers, strict=True):
            if why is not None:
                specs.remove(spec)
                self._unreachable += 1
                hosts.lose(self._names[spec.id], why)
        if not specs:
            raise pytest.UsageError("--tx: no machine answers; the lines above say why; expected one that does")

    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> ByBox | ByHost | None:
        """By box, where xdist is to share tests out; None where the user asks for another way."""
        if self._hosts is not None:
            self._scheduler = ByHost(len(self._names) - self._unreachable)
            return self._scheduler
        return ByBox(config, log) if config.getoption("dist") in ("load", "loadscope", "worksteal") else None

    def pytest_configure_node(self, node: Any) -> None:
        """What every worker must agree on."""
        host = self._names.get(node.gateway.id) if self._hosts is not None else None
        node.workerinput["isolation"] = self._session.for_workers(host).to_json()
        if host is not None:
            node.putevent = as_an_end(node.putevent)

    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """A worker has ended; one that crashed tells nothing."""
        output = getattr(node, "workeroutput", None) or {}
        told = output.get("isolation")
        hosts = self._hosts
        if hosts is not None:
            if told is not None:
                hosts.add_process_of(host_of(node), Process.from_json(told))
            if (why := output.get("isolation_lost")) is not None:
                self._lost(hosts, node, why)
        elif told is None:
            self._session.lost_a_worker = True
        else:
            self._session.gatherer.add_process(Process.from_json(told))

    def _lost(self, hosts: Hosts, node: Any, why: str) -> None:
        """Its test is red, as xdist has it for a worker that crashed."""
        test, left = self._scheduler.lost(node) if self._scheduler is not None else (None, 0)
        if left:
            why += f"; {left} of its tests were not begun"
        hosts.lose(host_of(node), why)
        if test is not None:
            file = test.partition("::")[0]
            said = f"{host_of(node)} was lost: {why}"
            report = pytest.TestReport(test, (file, None, file), {}, "failed", said, "???")  # type: ignore[arg-type]
            report.node = node  # type: ignore[attr-defined]
            self._session.config.hook.pytest_runtest_logreport(report=report)


def named(spec: Any) -> str:
    """What a machine of --tx is called: by its `id=`, else by where ssh goes, else as xdist calls its worker."""
    if any(part.startswith("id=") for part in str(spec).split("//")):
        return str(spec.id)
    words = shlex.split(spec.ssh) if spec.ssh else []
    return words[-1].rpartition("@")[2] if words else str(spec.id)


def unreachable(spec: Any) -> str | None:
    """Why nothing can be measured there; None: its Python answers and has what is needed.

    Of one that is reached by another (`via`, `installvia`) only that one could tell.
    """
    if spec.via or spec.installvia:
        return None
    if spec.popen:
        return _silent([*shlex.split(spec.python), "-c", NEEDED]) if spec.python else None
    if spec.ssh or spec.vagrant_ssh:
        options = ["-F", spec.ssh_config] if spec.ssh_config else []
        command = f'{spec.python or "python"} -c "{NEEDED}"'
        if not spec.ssh:
            return _silent(["vagrant", "ssh", spec.vagrant_ssh, "--", *options, command])
        bounds = ["-oBatchMode=yes", f"-oConnectTimeout={CONNECTED_S}"]
        return _silent(["ssh", *bounds, *options, *spec.ssh.split(), command])
    if spec.socket:
        return _no_server(str(spec.socket))
    return f"--tx {shown(spec)}: expected popen, ssh=HOST, vagrant_ssh=HOST or socket=HOST:PORT in it"


def _silent(argv: list[str]) -> str | None:
    """Why a program that imports what is needed did not; None: it did."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=REACHED_S, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return f"it has not answered within {REACHED_S} s"
    except OSError as error:
        return f"{argv[0]}: {error.strerror}"
    if done.returncode == 0:
        return None
    return last_line(done.stderr) or f"{argv[0]} ended with {done.returncode}"


def _no_server(address: str) -> str | None:
    """Why execnet's socket server does not answer at HOST:PORT; None: something does."""
    host, colon, port = address.rpartition(":")
    if not (host and colon and port.isdecimal() and 0 < int(port) < 2**16):
        return f"socket={address}: expected HOST:PORT, for example socket=10.0.0.2:8888"
    try:
        with socket.create_connection((host, int(port)), CONNECTED_S) as asked:
            asked.sendall(b"''\n")  # it evaluates one line, and runs what that gives: nothing
    except OSError as error:
        return f"socket {address}: {error.strerror or error}"
    return None


def shown(spec: Any) -> str:
    """As it was given: without what xdist put before it."""
    return str(spec).removeprefix("execmodel=main_thread_only//")


def check(config: pytest.Config) -> None:
    """Raises UsageError for machines of one name: execnet raises ValueError."""
    ids = [
        part.removeprefix("id=")
        for spec in (*parse_tx_spec_config(config), *config.getvalue("px"))
        for part in spec.split("//")
        if part.startswith("id=")
    ]
    for one, times in Counter(ids).items():
        if times > 1:
            raise pytest.UsageError(f"--tx: {times} machines have id={one}; expected another id for each")


def last_line(text: object) -> str:
    """Of a traceback, or of what a program said."""
    lines = [line.strip() for line in str(text).splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""


def as_an_end(put: Callable[[tuple[str, dict[str, Any]]], None]) -> Callable[[tuple[str, dict[str, Any]]], None]:
    """`put`, of xdist's events, where a worker that is lost has ended, and is not replaced.

    xdist would start another in its place, and end the whole run where its machine does not answer.
    """
    ended = False

    def end(event: tuple[str, dict[str, Any]]) -> None:
        nonlocal ended
        name, given = event
        if ended:
            return
        if name in ("errordown", "internal_error"):
            why = "the connection was lost" if "properly terminated" in str(given.get("error")) else ""
            why = why or last_line(given.get("error") or given.get("formatted_error")) or "it ended without a word"
            node = given["node"]
            node.workeroutput = {"exitstatus": 1, "shouldfail": False, "shouldstop": False, "isolation_lost": why}
            event = "workerfinished", {"node": node}
        elif name == "workerfinished" and given["node"].workeroutput["exitstatus"] == 2:
            output = given["node"].workeroutput
            given["node"].workeroutput = output | {"exitstatus": 1, "isolation_lost": "its run was interrupted"}
        ended = event[0] == "workerfinished"
        put(event)

    return end
