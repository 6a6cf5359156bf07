"""A stack that we started, and what is done to it: make, crash, stop, take down, start again."""

from __future__ import annotations

import io
import re
import secrets
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pytest_isolation.inception.live import web, wordpress
from pytest_isolation.inception.live.facts import Crash, Facts, Made, Site, Stop
from pytest_isolation.inception.live.look import LABEL, containers_of, entry_port, look, of_stack, service_of
from pytest_isolation.inception.live.plan import Plan
from pytest_isolation.inception.live.venue import DeployTarget, TimedOut

UNREACHED = re.compile(
    "no such host|could not resolve|unable to resolve host|temporary failure (in name )?resol|network is unreachable|"
    "i/o timeout|TLS handshake timeout", re.IGNORECASE
)  # fmt: skip
"""As Docker, BuildKit, apt, curl and wget say it."""
MAKE_S = 1800
"""For a build from nothing, downloads included."""
SETTLE_S = 180
"""For what starts with the containers: a database that is made, a site that is installed."""
QUIET_S = 2
CRASH_S = 30
"""Docker waits 100 ms before the first restart, and twice as long before each further one."""
STOP_S = 10
"""What `docker stop` gives a container before it kills it."""
UNDONE_S = 2
"""After which a container that has ended, and is not being restarted, will not be."""
CLIENTS = ("mariadb", "mysql")


class Stack:
    """`logs` is a directory that stays; `domain` the site's name."""

    def __init__(self, venue: DeployTarget, plan: Plan, domain: str, logs: Path) -> None:
        self.venue, self.plan, self.domain, self.logs = venue, plan, domain, logs
        self._written: list[tuple[str, str]] = []
        """(service, path) of the files that were put into volumes."""
        self._text = f"isolation {secrets.token_hex(8)}"
        self._page = 0
        self._makes = 0
        self.before_make: Callable[[int], None] = lambda _: None
        """Is told how often the stack was made."""

    def containers(self) -> list[dict[str, Any]]:
        """`docker inspect` of every container of the stack, stopped ones included."""
        return of_stack(self.venue.docker, self.venue.top)

    def projects(self) -> set[str]:
        """As its containers name them."""
        return {str(attrs["Config"]["Labels"].get(f"{LABEL}project")) for attrs in self.containers()}

    def look(self) -> Facts:
        """What is to be seen of it now."""
        return look(self.venue.top, self.domain, self.venue)

    def _address(self) -> tuple[str, int] | None:
        port = entry_port(containers_of(self.venue.top, self.venue))
        return self.venue.reach(port) if port is not None else None

    # -- starting --------------------------------------------------------------------

    def make(self, log: str) -> Made:
        """The default goal, or compose where there is no Makefile."""
        self.before_make(self._makes)
        self._makes += 1
        return self.run(self.plan.start, log)

    def run(self, argv: tuple[str, ...], log: str) -> Made:
        """Runs a command in the copy, and keeps what it says in LOG.log; how it ended, and in how many seconds."""
        began = time.monotonic()
        file = self.logs / f"{log}.log"
        try:
            status = self.venue.run(argv, cwd=self.plan.directory, log=file, timeout=MAKE_S * self.venue.patience)
        except TimedOut as error:
            return Made(" ".join(argv), None, time.monotonic() - began, str(error))
        lines = [
            line.strip() for line in file.read_text(errors="replace", encoding="utf-8").splitlines() if line.strip()
        ]
        unreached = next(filter(UNREACHED.search, lines), "") if status else ""
        return Made(" ".join(argv), status, time.monotonic() - began, lines[-1] if lines else "", unreached)

    def settle(self) -> None:
        """Until every container runs and the site says something other than that it is not ready, or time is up."""
        deadline = time.monotonic() + SETTLE_S * self.venue.patience
        while not self._ready() and time.monotonic() < deadline:
            time.sleep(0.3)
        time.sleep(QUIET_S * self.venue.patience)

    def _ready(self) -> bool:
        stack = self.containers()
        if not stack or any(attrs["State"]["Status"] != "running" for attrs in stack):
            return False
        address = self._address()
        if address is None:
            return True
        answer = web.get(address, self.domain, "/")
        return answer is not None and answer.status < 500

    # -- asking ----------------------------------------------------------------------

    def visit(self) -> tuple[Site | None, str]:
        """What WordPress says, with a page and a comment written; or why it could not be asked."""
        address = self._address()
        if address is None:
            return None, "nothing publishes port 443"
        try:
            asked = wordpress.WordPress(self.venue.docker, self.containers(), self.domain)
            site, self._page = wordpress.visit(asked, address, self.domain, self._text)
        except wordpress.NoAnswer as error:
            return None, str(error)
        return site, ""

    def passwordless(self) -> bool | None:
        """Whether root is let into the database without a password; None without a database, or a client in it."""
        for attrs in self.containers():
            mounts = {one["Destination"] for one in attrs["Mounts"]}
            if not ("/var/lib/mysql" in mounts or {"mariadb", "mysql", "db"} & {service_of(attrs)}):
                continue
            container = self.venue.docker.containers.get(attrs["Id"])
            for client in CLIENTS:
                line = [client, "--no-defaults", "-uroot", "--connect-timeout=5", "-e", "select 1"]
                status, output = container.exec_run(line)
                if status == 0 or b"Access denied" in output:
                    return bool(status == 0)
        return None

    # -- doing -----------------------------------------------------------------------

    def crash_all(self) -> tuple[Crash, ...]:
        """One after the other; what does not come back is started again by hand."""
        return tuple(self._crash(attrs) for attrs in self.containers() if attrs["State"]["Running"])

    def _crash(self, attrs: dict[str, Any]) -> Crash:
        container = self.venue.docker.containers.get(attrs["Id"])
        pid, began = container.attrs["State"]["Pid"], time.monotonic()
        self.venue.crash(pid)
        while (took := time.monotonic() - began) < CRASH_S * self.venue.patience:
            container.reload()
            state = container.attrs["State"]
            if state["Running"] and state["Pid"] not in (0, pid):
                return Crash(container.name, took)
            if not state["Running"] and not state["Restarting"] and took > UNDONE_S * self.venue.patience:
                break  # the daemon has seen it end and does nothing about it
            time.sleep(0.1)
        container.start()
        return Crash(container.name, None)

    def stop_all(self) -> tuple[Stop, ...]:
        """Stops every running container with SIGTERM, and says how long each took."""
        return tuple(self._stop(attrs) for attrs in self.containers() if attrs["State"]["Running"])

    def _stop(self, attrs: dict[str, Any]) -> Stop:
        container = self.venue.docker.containers.get(attrs["Id"])
        began = time.monotonic()
        container.stop(timeout=int(STOP_S * self.venue.patience))
        took = time.monotonic() - began
        container.reload()
        return Stop(container.name, took, container.attrs["State"]["ExitCode"] == 137)

    def store(self) -> None:
        """A file into every volume, each once."""
        name = f".{self._text.replace(' ', '-')}"
        for container, mount in self._volumes():
            archive = io.BytesIO()
            with tarfile.open(fileobj=archive, mode="w") as tar:
                tar.addfile(tarfile.TarInfo(name))
            if container.put_archive(mount["Destination"], archive.getvalue()):
                self._written.append((service_of(container.attrs), f"{mount['Destination']}/{name}"))

    def _volumes(self) -> Iterator[tuple[Any, dict[str, Any]]]:
        seen: set[str] = set()
        for attrs in self.containers():
            for mount in attrs["Mounts"]:
                if mount["Type"] == "volume" and mount["RW"] and mount["Source"] not in seen:
                    seen.add(mount["Source"])
                    yield self.venue.docker.containers.get(attrs["Id"]), mount

    def cycle(self) -> Made:
        """Down, volumes and all they hold left alone, and up again.  The first that fails is told."""
        down = self.run(self.plan.compose("down"), "down")
        if down.status != 0:
            return down
        made = self.make("up-again")
        self.settle()
        return made

    def kept(self, site: Site | None) -> tuple[tuple[str, bool], ...]:
        """What of that which `store` and `visit` wrote is there now."""
        found = [(f"a file in {path.rpartition('/')[0]} of {service}", self._is_there(service, path))
                 for service, path in self._written]  # fmt: skip
        if site is not None and site.installed:
            address = self._address()
            if site.edited:
                shown = address is not None and wordpress.shows(address, self.domain, self._page, self._text)
                found.append(("the page that was edited", shown))
            if site.commented:
                found.append(("the comment", self._has_comment()))
        return tuple(found)

    def _is_there(self, service: str, path: str) -> bool:
        from docker.errors import APIError

        for attrs in self.containers():
            if service_of(attrs) == service:
                try:
                    self.venue.docker.containers.get(attrs["Id"]).get_archive(path)[0].close()
                except APIError:
                    return False
                return True
        return False

    def _has_comment(self) -> bool:
        try:
            asked = wordpress.WordPress(self.venue.docker, self.containers(), self.domain)
            return wordpress.comments(asked, self._text) > 0
        except wordpress.NoAnswer:
            return False

    def keep_logs(self) -> None:
        """What every container said, beside what make did."""
        for attrs in self.containers():
            text = self.venue.docker.containers.get(attrs["Id"]).logs(tail=5000, timestamps=True)
            (self.logs / f"{service_of(attrs)}.container.log").write_bytes(text)
