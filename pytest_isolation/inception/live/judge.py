"""Rows of facts alone: what the sheet asks of a running stack."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from pytest_isolation.inception.asked import AuditOptions
from pytest_isolation.inception.finding import Severity
from pytest_isolation.inception.live.facts import Container, Facts, Site
from pytest_isolation.inception.releases import SUBJECTS, number
from pytest_isolation.inception.row import InceptionRow

ASKS = {
    "L01": ("end", "Every container runs, and none has been started again."),
    "L02": ("end", "https://LOGIN.42.fr shows the site, set up; http is refused."),
    "L03": ("rule", "A comment can be written, and a page edited."),
    "L04": ("end", "What is stored survives that the stack is taken down, and a reboot."),
    "L05": ("rule", "A container that crashes is started again."),
    "L06": ("end", "Port 443 is the only one that is open, and NGINX's."),
    "L07": ("end", "The server accepts TLS 1.2 or 1.3 and nothing older."),
    "L08": ("end", "Containers are on a network of their own, none on the host's."),
    "L09": ("end", "Each container runs the image of its service's name, and not its tag latest."),
    "L10": ("advice", "The daemon is the container's first process, and SIGTERM ends it."),
    "L11": ("end", "The data of both stores is in volumes, in /home/LOGIN/data."),
    "L12": ("end", "The Makefile builds the images and starts the stack."),
    "L13": ("end", "WordPress has two users, and no administrator's login has admin in it."),
    "L14": ("end", "The database has the site in it, and lets root in with a password only."),
    "L15": ("rule", "The stores are named volumes, no bind mounts (since version 5.2 of the subject)."),
    "L16": ("rule", "Making it a second time succeeds."),
}
SHELLS = frozenset({"sh", "bash", "dash", "ash", "tail", "sleep"})
MANDATORY = ("nginx", "wordpress", "mariadb")
SLOW_S = 8
"""To stop in: Docker kills after 10."""
STORE = re.compile(r"mysql|mariadb|/var/www|html|wordpress")
NO_STORE = re.compile(r"\.\w+$|^/(var/log|var/cache|run|var/run|tmp|etc)(/|$)")
"""A file, and where programs keep what may be lost."""
NETWORK = "a network that reaches it, or the image on this Docker"
STARTED = "only with the stack built and started by the audit: --inception-live host, or vm"

Said = tuple[str, str, str, str, str]
"""rule, verdict, where, found, fix"""


def judge(facts: Facts, asked: AuditOptions, path: str) -> Iterator[InceptionRow]:
    """One row or more for every rule in ASKS."""
    if facts.made is not None and facts.made.status != 0:
        yield from _not_made(facts, path)
        return
    if not facts.containers:
        if facts.made is None:
            missing = "the stack: start it with its own make, from this directory"
            yield from nothing_seen(path, "no container of this submission is on this machine", missing)
            return
        yield row(
            path, "L12", "fail", "", f"{facts.made.command} started no container", "make the default goal start it"
        )
        yield from nothing_seen(path, "no container was started", "L12", but="L12")
        return
    found = [*_containers(facts, asked), *_site(facts), *_made(facts), *_wordpress(facts), *_over_time(facts)]
    for rule in ASKS:
        rows = [one for one in found if one[0] == rule]
        for _, verdict, where, says, fix in rows or [(rule, "pass", "", ASKS[rule][1], "")]:
            yield row(path, rule, verdict, where, says, fix)


def nothing_seen(path: str, found: str, missing: str, but: str = "") -> list[InceptionRow]:
    """Every rule is unclear for one reason."""
    return [row(path, rule, "unclear", "", found, missing) for rule in ASKS if rule != but]


def _not_made(facts: Facts, path: str) -> Iterator[InceptionRow]:
    assert facts.made is not None
    ended = "took too long" if facts.made.status is None else f"ended with status {facts.made.status}"
    log = f"the whole of it is in {facts.logs}" if facts.logs else "run it and see"
    if facts.made.unreached:  # which says nothing of the submission
        yield row(path, "L12", "unclear", "", f"{facts.made.command} {ended}: {facts.made.unreached[:200]}", NETWORK)
    else:
        yield row(path, "L12", "fail", "", f"{facts.made.command} {ended}: {facts.made.said[:200]}", log)
    yield from nothing_seen(path, "the stack was not started", "a stack that starts (L12)", but="L12")


def _made(facts: Facts) -> Iterator[Said]:
    if facts.made is None:
        for rule in ("L12", "L16"):
            yield rule, "not-applicable", "", STARTED, ""
        return
    yield "L12", "pass", "", f"{facts.made.command} took {facts.made.seconds:.0f} s; logs: {facts.logs}", ""
    if facts.again is not None and facts.again.status != 0:
        again = facts.again
        ended = "took too long" if again.status is None else f"ended with status {again.status}"
        yield "L16", "fail", "", f"{again.command}, on the running stack, {ended}: {again.said[:200]}", ASKS["L16"][1]


def _containers(facts: Facts, asked: AuditOptions) -> Iterator[Said]:
    for one in facts.containers:
        where = f"container {one.name}"
        if one.status != "running":
            yield "L01", "fail", where, f"it is {one.status}", f"docker logs {one.name}"
        if one.restarts:
            yield "L01", "fail", where, f"it was started again {one.restarts} times", f"docker logs {one.name}"
        if facts.crashes is None and one.policy in ("", "no"):
            yield "L05", "fail", where, "no restart policy", "restart: unless-stopped"
        if one.network_mode == "host" or "host" in one.networks:
            yield "L08", "fail", where, "on the host's network", "a network of the compose file"
        elif one.networks == ("bridge",):
            yield "L08", "fail", where, "on Docker's default bridge", "a network of the compose file"
        fix = f"image: {one.service}:inception"
        if one.image.rpartition("/")[2].partition(":")[0] != one.service:
            yield "L09", "fail", where, f"image {one.image} for the service {one.service}", fix
        elif one.image.endswith(":latest") or ":" not in one.image:
            yield "L09", "fail", where, f"image {one.image}: the tag is latest", fix
        if one.first_process in SHELLS:
            yield "L10", "advice", where, f"process 1 is {one.first_process}", "end the start script with exec DAEMON"
        yield from _ports(one, where)
        yield from _mounts(one, where, asked)


def _ports(one: Container, where: str) -> Iterator[Said]:
    entry = _is_entry(one)
    for inside, host in one.published:
        if entry and host in ("443", "80"):  # whether 80 answers is L02's
            continue
        if entry or one.service in MANDATORY:
            yield "L06", "fail", where, f"{inside} is published as {host}", "443 of NGINX and nothing else"


def _is_entry(one: Container) -> bool:
    return "nginx" in (one.service, one.first_process) or any(host == "443" for _, host in one.published)


def _mounts(one: Container, where: str, asked: AuditOptions) -> Iterator[Said]:
    login = re.escape(asked.login) if asked.login else "[^/]+"
    stores = [held for held in one.mounts if STORE.search(held[2]) and not NO_STORE.search(held[2])]
    if not stores and one.service in MANDATORY:
        yield "L11", "fail", where, "it mounts no volume for what it stores", "mount the store's volume"
    for kind, place, target in stores:
        if not re.fullmatch(rf"/home/{login}/data(/.*)?", place):
            yield (
                "L11",
                "fail",
                where,
                f"what is at {target} is kept in {place}",
                "driver_opts: device: /home/LOGIN/data/…",
            )
        if kind != "volume":
            verdict = "fail" if number(asked.subject or _newest(asked.day)) >= number("5.2") else "advice"
            yield "L15", verdict, where, f"{target} is a bind mount of {place}", "a named volume with driver_opts"


def _newest(day: date) -> str:
    return next((name for name, since in reversed(SUBJECTS) if since <= day), "1.1")


def _site(facts: Facts) -> Iterator[Said]:
    if facts.port is None or not facts.tls:
        at = "nothing publishes 443" if facts.port is None else f"nobody answers on port {facts.port}"
        yield "L02", "fail", "", at, 'ports: ["443:443"] for NGINX'
        yield "L07", "fail", "", at, 'ports: ["443:443"] for NGINX'
    else:
        where = f"port {facts.port}"
        old = [version for version in ("TLSv1", "TLSv1.1") if facts.tls.get(version)]
        if old:
            yield "L07", "fail", where, f"accepts {', '.join(old)}", "ssl_protocols TLSv1.2 TLSv1.3;"
        if not (facts.tls.get("TLSv1.2") or facts.tls.get("TLSv1.3")):
            yield "L07", "fail", where, "accepts neither TLS 1.2 nor 1.3", "ssl_protocols TLSv1.2 TLSv1.3;"
        yield from _answer(facts, where)
    if facts.http:
        yield "L02", "fail", "port 80", "it takes connections", "publish 443 only (or stop what else listens there)"


def _answer(facts: Facts, where: str) -> Iterator[Said]:
    page = facts.page
    if page is None:
        yield "L02", "fail", where, "no HTTP answer over TLS", "docker logs of NGINX"
    elif "install.php" in page[1]:
        yield "L02", "fail", where, f"redirects to {page[1]}: WordPress is not set up", "wp core install"
    elif page[0] != 200:
        yield "L02", "fail", where, f"answers {page[0]} {page[1]}".rstrip(), "the site itself, 200"
    elif facts.blank:
        yield "L02", "fail", where, "the page is empty", "a theme: WordPress shows nothing without"


# -- what takes a stack of our own -----------------------------------------------------


def _wordpress(facts: Facts) -> Iterator[Said]:
    if facts.made is None:
        yield "L03", "not-applicable", "", "it would write into the site; do it in a browser", ""
        for rule in ("L13", "L14"):
            yield rule, "not-applicable", "", STARTED, ""
        return
    if facts.site is None or not facts.site.installed:
        why = facts.no_site if facts.site is None else "WordPress is not set up"
        for rule in ("L03", "L13", "L14"):
            yield rule, "unclear", "", why, "a WordPress that is set up (L02)"
    else:
        yield from _users(facts.site, facts.ours)
        yield from _written(facts.site)
        if not facts.site.tables:
            yield "L14", "fail", "", "the database has no table", "install the site into it"
    if facts.passwordless:
        yield "L14", "fail", "", "root is let into the database without a password", "ALTER USER root … IDENTIFIED BY"


def _users(site: Site, ours: frozenset[str]) -> Iterator[Said]:
    owners = [login for login, roles in site.users if "administrator" in roles]
    for login in owners:
        if "admin" in login.lower():
            yield "L13", "fail", "", f"the administrator's login is {login}", "a login without admin in it"
        elif login in ours:
            yield (
                "L13",
                "unclear",
                "",
                f"the administrator's login, {login}, was made up",
                "the author's .env: --inception-env",
            )
    if not owners:
        yield "L13", "fail", "", "no user is administrator", "wp core install makes one"
    if len(site.users) < 2:
        yield (
            "L13",
            "fail",
            "",
            f"{len(site.users)} user: {', '.join(login for login, _ in site.users)}",
            "wp user create",
        )


def _written(site: Site) -> Iterator[Said]:
    if site.commented is None:
        yield "L03", "unclear", "", site.refusal, "a post that takes comments"
    elif not site.commented:
        yield "L03", "fail", "", f"a comment was not stored: {site.refusal}", "let visitors comment"
    if site.edited is False:
        yield "L03", "fail", "", "an edited page does not show its text", "look at the page in a browser"


def _over_time(facts: Facts) -> Iterator[Said]:
    for crash in facts.crashes or ():
        if crash.back_after is None:
            where = f"container {crash.name}"
            yield (
                "L05",
                "fail",
                where,
                "its first process was killed, and it did not come back",
                "restart: unless-stopped",
            )
    for stop in facts.stops or ():
        where = f"container {stop.name}"
        if stop.killed or stop.seconds > SLOW_S * facts.patience:
            after = (
                f"it had to be killed after {stop.seconds:.1f} s"
                if stop.killed
                else f"it took {stop.seconds:.1f} s to stop"
            )
            if not any(one.name == stop.name and one.first_process in SHELLS for one in facts.containers):
                yield "L10", "advice", where, after, "exec the daemon, and let it have SIGTERM"
    if facts.kept is None:
        why = "it would take the stack down; make down, make, and look again" if facts.made is None else "not tried"
        yield "L04", "not-applicable", "", why, ""
        return
    for what, kept in facts.kept:
        if not kept:
            yield (
                "L04",
                "fail",
                "",
                f"{what} was gone after down and up",
                "keep it in a volume, and let the start script leave it",
            )
    if not facts.kept:
        yield "L04", "unclear", "", "there was nothing to store in: no volume, no site", "a volume for each store"


def row(path: str, rule: str, verdict: str, where: str, found: str, fix: str) -> InceptionRow:
    """A row of a live rule, with the severity and the question that `ASKS` has for it."""
    severity, asks = ASKS[rule]
    printable = "".join(char if char.isprintable() else "?" for char in found)
    return InceptionRow(
        path=path, rule=rule, verdict=verdict, severity=Severity(severity), where=where, found=printable, why=asks,
        fix=fix,
    )  # fmt: skip
