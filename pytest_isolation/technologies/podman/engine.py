"""One user's Podman: running its command, what it is, and taking away what a run made with it."""

from __future__ import annotations

import json
import os
import pwd
import re
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from pytest_isolation.agent.shortcuts import must
from pytest_isolation.boxes.lifetime import mount_points
from pytest_isolation.boxes.procfs import text_of
from pytest_isolation.boxes.rights import capabilities
from pytest_isolation.errors import BoxError, UsageError
from pytest_isolation.technologies import program
from pytest_isolation.technologies.podman import loopback, pause
from pytest_isolation.technologies.telling import telling

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_isolation.agent.client import Proc
    from pytest_isolation.boxes.lifetime import Lifetime

LABEL = "pytest-isolation.run"
"""On every container and image of ours: the run that made it."""
TIMEOUT_S = 60
REMOVAL_S = 20.0


@dataclass(frozen=True, slots=True)
class Account:
    """Another account than our own, whose Podman a run as root uses."""

    name: str
    uid: int
    gid: int
    home: str


@dataclass(frozen=True, slots=True)
class Engine:
    """The Podman of `account`; None: of this process' user."""

    account: Account | None = None

    @classmethod
    def of(cls, user: str | None) -> Engine:
        """Raises UsageError for an account that does not exist."""
        if user is None:
            return cls()
        try:
            found = pwd.getpwnam(user)
        except KeyError:
            raise UsageError(f"user={user}: there is no such account; expected a name of /etc/passwd") from None
        return cls(Account(user, found.pw_uid, found.pw_gid, found.pw_dir))

    @property
    def uid(self) -> int:
        """The user whose containers they are."""
        return os.geteuid() if self.account is None else self.account.uid

    @property
    def user(self) -> str:
        """Its name; its number where it has none, as users have that a container was started with."""
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return str(self.uid)

    @property
    def rootless(self) -> bool:
        """Whether that is not root."""
        return self.uid != 0

    @property
    def path(self) -> str:
        """Of the program.  Raises Unavailable."""
        return program.find("podman", "podman")

    def environ(self) -> dict[str, str]:
        """Of the command: our own, or what a login of the account would have."""
        if self.account is None:
            return dict(os.environ)
        place = Path(f"/run/user/{self.uid}")
        found = {"PATH": os.environ.get("PATH", os.defpath), "HOME": self.account.home, "USER": self.account.name}
        if place.is_dir() and place.stat().st_uid == self.uid:
            found["XDG_RUNTIME_DIR"] = os.fspath(place)
        return found

    @property
    def home(self) -> str:
        """That user's home directory."""
        return os.path.expanduser("~") if self.account is None else self.account.home

    def opens_loopback(self, network: str | None) -> bool:
        """Whether a box with this --network is let to the host's loopback: by it, or by the owner's configuration."""
        return loopback.opened(network, rootless=self.rootless, home=self.home, environ=self.environ())

    def environ_words(self) -> list[str]:
        """The same as NAME=VALUE."""
        return [f"{name}={value}" for name, value in self.environ().items()]

    def become_account(self, child: Proc) -> Sequence[int]:
        """Have `child`, which will become the command, be of the account; as `prepare` of program.Programs."""
        if self.account is not None:
            must(child.chdir("/"), "leaving a directory the account may not see")
            must(child.setgroups([self.account.gid]), "dropping groups")
            must(
                child.setresgid(self.account.gid, self.account.gid, self.account.gid),
                f"the group of {self.account.name}",
            )
            must(child.setresuid(self.account.uid, self.account.uid, self.account.uid), f"becoming {self.account.name}")
        return ()

    def global_arguments(self) -> list[str]:
        """Before the name of every command.  Without systemd's manager a box can be put below the guard's group."""
        return [] if self.rootless else ["--cgroup-manager", "cgroupfs"]

    def command(self, *words: str, given: bytes | None = None, environ: Mapping[str, str] | None = None) -> str:
        """What `podman WORDS` prints, in `environ` or our own; raises BoxError with what it says when it fails."""
        argv = [self.path, *self.global_arguments(), *words]
        as_account: dict[str, Any] = {}
        if self.account is not None:
            as_account = {"user": self.account.uid, "group": self.account.gid, "extra_groups": []}
        try:
            done = subprocess.run(
                argv,
                cwd="/",  # what it leaves behind holds nobody's directory
                env=self.environ() if environ is None else environ,
                capture_output=True,
                timeout=TIMEOUT_S,
                **({"stdin": subprocess.DEVNULL} if given is None else {"input": given}),
                **as_account,
            )
        except subprocess.TimeoutExpired:
            self.unmount_store()
            raise BoxError(f"podman {words[0]} has not ended after {TIMEOUT_S} s; see `podman info`") from None
        if done.returncode:
            self.unmount_store()
            raise BoxError(f"podman {' '.join(words[:2])} ended with {done.returncode}: {telling(done.stderr)}")
        printed: bytes = done.stdout
        return printed.decode(errors="replace").strip()

    def unmount_store(self) -> None:
        """Take away the mount of root's store, onto itself, that every command makes, and one that fails leaves.

        One that succeeds takes it away (seen with 4.3.1); a user's is in a mount namespace of Podman's own.
        """
        if not self.rootless and any(is_of_a_store(point) for point in mount_points()):
            with suppress(OSError, BoxError, subprocess.TimeoutExpired):
                argv = [self.path, *self.global_arguments(), "ps", "--quiet"]
                subprocess.run(
                    argv, cwd="/", env=self.environ(), stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_S
                )

    # -- what it is ----------------------------------------------------------------------

    def info(self) -> Mapping[str, Any]:
        """As `podman info` tells it; asked once in a process."""
        return _info(self)

    def ids(self) -> tuple[int | None, int | None]:
        """How many uids, and how many gids, a box can have; None: all there are."""
        maps = self.info()["host"].get("idMappings") or {}
        if not self.rootless:
            return None, None
        found = [sum(int(one["size"]) for one in maps.get(kind, ())) or None for kind in ("uidmap", "gidmap")]
        return found[0], found[1]

    def ulimits(self) -> list[str]:
        """What Podman would ask for by itself is above our own limits, and raising them takes CAP_SYS_RESOURCE."""
        import resource

        if "SYS_RESOURCE" in capabilities() and not self.rootless:
            return []
        found = []
        for word, limit in (("nofile", resource.RLIMIT_NOFILE), ("nproc", resource.RLIMIT_NPROC)):
            _, hard = resource.getrlimit(limit)
            if word == "nproc":
                # Podman lowers its own to this, and a container cannot have more than Podman.
                highest = int(text_of(Path("/proc/sys/kernel/pid_max")))
                hard = highest if hard == resource.RLIM_INFINITY else min(hard, highest)
            if hard != resource.RLIM_INFINITY:
                found += ["--ulimit", f"{word}={hard}:{hard}"]
        return found

    # -- what a run makes ----------------------------------------------------------------

    def handle(self, name: str) -> str:
        """As registered with a Lifetime, for `remove`."""
        return name if self.account is None else f"{name} {self.account.name}"

    def keep_quiet(self, lifetime: Lifetime) -> None:
        """What Podman leaves by itself goes when the run ends.

        Of root: see `unmount_store`.  Rootless: a process that holds its namespaces, unless it was there before.
        """
        key = f"podman pause {self.uid}"
        if key in lifetime.kept:
            return
        lifetime.kept[key] = True
        if not self.rootless:
            lifetime.at_end(self.unmount_store)
            return
        # Where another worker of the run has made it, the last of them ends it.
        before = [one for one in pause.found(self.uid, self.environ()) if not pause.is_of_this_run(one)]
        name = pause.name(self.environ(), before)
        lifetime.register("podman:pause", self.handle(name))
        lifetime.at_end(lambda: self.remove("pause", name))

    def name_of_pause(self) -> str:
        """For `pause` and `remove`, in this run or a later one: of what commands from now on leave."""
        return pause.name(self.environ(), pause.found(self.uid, self.environ()))

    def pause(self, name: str = "pause") -> psutil.Process | None:
        """The process that holds a rootless Podman's namespaces between its commands.

        `name`: that of `name_of_pause`, in the run that registered it; by default it is looked for from where we are.
        """
        there = pause.found(self.uid, pause.environ_of(name, self.environ()))
        return next(iter(pause.since(name, there)), None)

    def _end_pause(self, name: str) -> bool:
        # `ps` from the environment of that process, which it joins: from another one it would leave one more.
        if (process := self.pause(name)) is None or self.command(
            "ps", "--quiet", "--noheading", environ=pause.environ_of(name, self.environ())
        ):
            return False
        process.send_signal(signal.SIGTERM)
        with suppress(psutil.Error):
            process.wait(5)
        return True

    def remove(self, kind: str, name: str) -> bool:
        """Remove one thing of ours; returns whether it was there.  Raises BoxError for what has not our label."""
        if kind == "pause":
            was_there = self._end_pause(name)
            # What removed the rest of a run from another environment has left one of its own.
            there = pause.found(self.uid, self.environ())
            if any(map(pause.is_of_this_run, there)):
                before = [one for one in there if not pause.is_of_this_run(one)]
                self._end_pause(pause.name(self.environ(), before))
            return was_there
        try:
            label = self.command(kind, "inspect", "--format", f'{{{{index .Config.Labels "{LABEL}"}}}}', name)
        except BoxError as error:
            if _is_gone(error):
                return False
            raise
        if not re.fullmatch("[0-9a-f]+", label):
            raise BoxError(f"the {kind} {name} does not carry the label {LABEL}: it is somebody else's, and kept")
        deadline = time.monotonic() + REMOVAL_S
        while True:
            try:
                if kind == "container":
                    self.command("container", "rm", "--force", "--time", "0", "--volumes", name)
                else:
                    self.command("image", "rm", name)
                return True
            except BoxError as error:
                if _is_gone(error):
                    return True
                # A container that ends just now is neither running nor gone for a moment.
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)


def is_of_a_store(point: str) -> bool:
    """Whether something is mounted at a place where containers/storage has its layers (the name of its driver)."""
    return point.rpartition("/")[0].endswith("/containers/storage") and not point.endswith("-containers")


@cache
def _info(engine: Engine) -> Mapping[str, Any]:
    left = engine.name_of_pause() if engine.rootless else None
    found: dict[str, Any] = json.loads(engine.command("info", "--format", "json"))
    if left is not None and engine.pause(left) is not None:
        engine.remove("pause", left)  # who only asks leaves no process
    return found


def _is_gone(error: BoxError) -> bool:
    return any(word in str(error).lower() for word in ("no such", "not known", "not found"))
