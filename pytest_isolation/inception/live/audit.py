"""The live audit of a submission: a copy is built, started, asked, crashed, stopped, started again, and taken away."""

from __future__ import annotations

import fcntl
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pytest_isolation.boxes.lifetime import Lifetime, state_directory
from pytest_isolation.errors import in_one_line
from pytest_isolation.inception.asked import AuditOptions
from pytest_isolation.inception.live import taken
from pytest_isolation.inception.live.facts import Facts, Made
from pytest_isolation.inception.live.judge import judge, nothing_seen
from pytest_isolation.inception.live.look import look
from pytest_isolation.inception.live.machine import InMachine
from pytest_isolation.inception.live.plan import Plan, call_of, read_plan
from pytest_isolation.inception.live.stack import Stack
from pytest_isolation.inception.live.supply import Supplied, copy, supply
from pytest_isolation.inception.live.venue import Here, Host, StackView, TimedOut, check_host, tools
from pytest_isolation.inception.model import Submission, read_submission
from pytest_isolation.inception.row import InceptionRow
from pytest_isolation.inception.tree import read_tree
from pytest_isolation.technologies.docker import daemon as daemons
from pytest_isolation.technologies.docker.errors import explained

CONFIG_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How one submission is audited live."""

    given: Path | None = None
    """--inception-env"""
    logs: Path
    """A directory that stays."""
    machine: bool = False
    """In a machine of its own; else on this machine's Docker."""
    tell: Callable[[str], None] = lambda _: None
    """Is told what takes its time."""
    while_up: Callable[[StackView, str], None] = lambda _view, _top: None
    """Is called once while the stack runs untouched, with the top of the copy as its machine has it."""


def audit_running(top: Path, asked: AuditOptions, name: str) -> list[InceptionRow]:
    """Rows L… of the stack that its author started.  Never raises for what the daemon or the stack does."""
    try:
        here = Here()
        try:
            facts = look(str(top), asked.domain.format(login=asked.login), here)
        finally:
            here.close()
    except Exception as error:  # the daemon's client raises its own, requests' and the socket's
        said = in_one_line(error)[:160]
        return nothing_seen(name, f"Docker does not answer: {said}", "a running Docker daemon")
    return list(judge(facts, asked, name))


def audit_started(top: Path, asked: AuditOptions, name: str, lifetime: Lifetime, way: Way) -> list[InceptionRow]:
    """Rows L… of a copy of the submission, built and started, and taken away again.

    Raises Unavailable for what this machine lacks or somebody else has, BoxError when a daemon breaks.
    """
    with explained("the live audit"), started(top, asked, lifetime, way) as (stack, supplied, made):
        facts = put_through(stack, made, way)
        ours = frozenset(name for one in supplied for name in one.made_up)
        return list(judge(replace(facts, ours=_values(stack, ours), logs=str(way.logs)), asked, name))


def _values(stack: Stack, names: frozenset[str]) -> frozenset[str]:
    """What the made-up names were, as the containers have them."""
    found: set[str] = set()
    for attrs in stack.containers():
        for line in attrs["Config"]["Env"] or ():
            name, _, value = line.partition("=")
            if name in names:
                found.add(value)
    return frozenset(found)


def put_through(stack: Stack, made: Made, way: Way) -> Facts:
    """Everything, in the order in which the one does not spoil the other."""
    if made.status != 0:
        return Facts(stack.look().containers, None, made=made)
    way.tell("waiting for the stack")
    stack.settle()
    facts = replace(stack.look(), made=made, patience=stack.venue.patience)
    if not facts.containers:
        return facts
    site, no_site = stack.visit()
    stack.store()
    facts = replace(facts, site=site, no_site=no_site, passwordless=stack.passwordless())
    way.while_up(stack.venue, stack.venue.top)
    way.tell("make again, crashes, stops, down and up")
    facts = replace(facts, again=stack.make("make-again"))
    stack.settle()
    facts = replace(facts, crashes=stack.crash_all())
    stack.settle()
    stack.keep_logs()
    facts = replace(facts, stops=stack.stop_all())
    stack.cycle()
    return replace(facts, kept=stack.kept(site))


@contextmanager
def started(
    top: Path, asked: AuditOptions, lifetime: Lifetime, way: Way
) -> Iterator[tuple[Stack, list[Supplied], Made]]:
    """A copy of the submission, with its `make` done; what it started is gone at the end."""
    with ExitStack() as undo:
        if not way.machine:
            check_host()
            undo.enter_context(_one_at_a_time())
        home = lifetime.new_directory("submission")
        undo.callback(lifetime.remove_directory, home)
        place = home / "copy"
        copy(top, place)
        s = read_submission(read_tree(place), asked, None)
        login = asked.login or s.login or "login"
        domain = asked.domain.format(login=login)
        call = call_of(s, f"inception-{lifetime.run_id}-{secrets.token_hex(2)}")
        supplied = supply(place, s, way.given, login, domain)
        venue: Host | InMachine
        if way.machine:
            venue = InMachine(place, lifetime, login, _environment(login, call), domain, way.tell)
        else:
            found = tools(lifetime.new_directory("tools"))
            venue = Host(place, lifetime, _environment(login, call) | found, domain)
        undo.callback(venue.close)
        stack = Stack(venue, call, domain, way.logs)
        stack.plan, made = _plan(stack, call, s)
        if made is None:
            if isinstance(venue, InMachine):
                venue.lend_images(stack.plan.bases)
            else:
                data, daemon = Path("/home") / login, daemons.connect(None)
                was = taken.before(daemon)
                taken.check_free(stack.plan, daemon, data)
                undo.callback(taken.remove_made, was, daemon, way.logs)  # after the containers
                taken.write_down(stack.plan, daemon, data, lifetime, undo)
                undo.callback(taken.remove_built, was, daemon, way.logs)  # before the images they are made from
                stack.before_make = partial(taken.keep_built, stack.plan, daemon)
            way.tell(f"{' '.join(stack.plan.start)}; what it says is in {way.logs}/make.log")
            made = stack.make("make")
            if isinstance(venue, Host):
                taken.write_down_others(stack.projects() - {call.project}, was, daemon, lifetime, undo)
            undo.callback(stack.keep_logs)
        yield stack, supplied, made


def _plan(stack: Stack, call: Plan, s: Submission) -> tuple[Plan, Made | None]:
    """With what compose says of the stack, or with the complaint it had."""
    words = call.compose("config")
    limit = CONFIG_S * stack.venue.patience
    try:
        status, told, said = stack.venue.ask(words, cwd=call.directory, timeout=limit)
    except TimedOut as error:
        return call, Made(" ".join(words), None, limit, str(error))
    if status != 0:
        return call, Made(" ".join(words), status, 0.0, " ".join(said.split()))
    return read_plan(call, told, s, stack.venue.top), None


def _environment(login: str, call: Plan) -> dict[str, str]:
    """As after a login of the author's, with a project of our own."""
    return {
        "HOME": f"/home/{login}", "USER": login, "LOGNAME": login, "LANG": "C.UTF-8", "TERM": "dumb",
        "COMPOSE_PROJECT_NAME": call.project, "BUILDKIT_PROGRESS": "plain", "COMPOSE_ANSI": "never",
    }  # fmt: skip


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Every stack publishes port 443: workers of a run, and runs of a user, wait for each other."""
    with (state_directory() / "live.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
