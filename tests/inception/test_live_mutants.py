"""The reference, built and started, with one thing wrong at a time: what is said of it.

Everything here is real: three containers, their processes, ports, volumes and database.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.inception.asked import AuditOptions
from pytest_isolation.inception.live import taken
from pytest_isolation.inception.live.audit import Way, started
from pytest_isolation.inception.live.facts import Facts
from pytest_isolation.inception.live.judge import ASKS, judge
from pytest_isolation.inception.live.stack import Stack
from tests.inception.support import DAY, REFERENCE, apply

ASKED = AuditOptions(day=DAY, login="student")
COMPOSE = "srcs/docker-compose.yml"
NGINX = "srcs/requirements/nginx"


@dataclass(frozen=True)
class Mutant:
    edits: tuple[tuple[str, str, str], ...]
    """(file, what is there, what comes instead)"""
    says: dict[str, str]
    """Rule -> verdict, of all that do not pass."""
    does: Callable[[Stack, Facts], Facts] = lambda _, facts: facts
    """What else is looked at."""
    fresh: bool = False
    """Whether it shows only where nothing is stored yet."""


def crash(stack: Stack, facts: Facts) -> Facts:
    return replace(facts, crashes=stack.crash_all())


def stop(stack: Stack, facts: Facts) -> Facts:
    return replace(facts, stops=stack.stop_all())


def down_and_up(stack: Stack, facts: Facts) -> Facts:
    stack.store()
    assert stack.cycle().status == 0
    return replace(facts, kept=stack.kept(facts.site))


OWN = "  mariadb:\n    <<: *common\n"
CONF, START = f"{NGINX}/conf/nginx.conf", "srcs/requirements/mariadb/tools/start.sh"
OF_NGINX, OF_MARIADB, OF_WORDPRESS = (f"    build: requirements/{one}\n" for one in ("nginx", "mariadb", "wordpress"))
OLD_TLS = "ssl_ciphers ALL:@SECLEVEL=0; ssl_protocols TLSv1.1 TLSv1.2"
ON_HOST = "  mariadb:\n    restart: always\n    env_file: .env\n    network_mode: host\n"
MUTANTS = {
    "TLS 1.1 allowed": Mutant(((CONF, "ssl_protocols TLSv1.2", OLD_TLS),), {"L07": "fail"}),
    "port 80 open": Mutant(
        ((CONF, "listen 443 ssl;", "listen 443 ssl; listen 80;"),
         (COMPOSE, '- "443:443"', '- "443:443"\n      - "80:80"')), {"L02": "fail"},
    ),
    "no restart": Mutant(((COMPOSE, OF_NGINX, OF_NGINX + '    restart: "no"\n'),), {"L05": "fail"}, crash),
    "PID 1 is a shell": Mutant(
        ((f"{NGINX}/Dockerfile", 'CMD ["nginx", "-g", "daemon off;"]', "CMD nginx -g 'daemon off;'; true"),),
        {"L10": "advice"}, stop,
    ),
    "extra port": Mutant(((COMPOSE, OF_MARIADB, OF_MARIADB + '    ports: ["33060:3306"]\n'),), {"L06": "fail"}),
    "host network": Mutant(
        ((COMPOSE, OWN, ON_HOST),
         (COMPOSE, OF_WORDPRESS, OF_WORDPRESS + '    extra_hosts: ["mariadb:host-gateway"]\n')), {"L08": "fail"},
    ),
    "bind mount instead of a volume": Mutant(
        ((COMPOSE, "- mariadb:/var/lib/mysql", "- ${DATA}/mariadb:/var/lib/mysql"),), {"L15": "fail"},
    ),
    "admin user named admin": Mutant(
        (("srcs/.env", "WP_BOSS_LOGIN=captain", "WP_BOSS_LOGIN=TheAdmin"),), {"L13": "fail"}, fresh=True,
    ),
    "data not persistent": Mutant(
        ((START, "set -eu\n", "set -eu\nrm -rf /var/lib/mysql/* /var/lib/mysql/.i*\n"),), {"L04": "fail"},
        down_and_up, fresh=True,
    ),
    "wizard not finished": Mutant(
        (("srcs/requirements/wordpress/tools/start.sh", "php /opt/inception/install.php\n", ""),),
        # Of a site that is not set up nobody can say who its users are.
        {"L02": "fail", "L03": "unclear", "L13": "unclear", "L14": "unclear"}, fresh=True,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def running(built: Lifetime, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The reference, up."""
    way = Way(logs=tmp_path_factory.mktemp("logs"))
    with pytest.MonkeyPatch.context() as patch, ExitStack() as undo:
        patch.setattr(taken, "MAKES", 2 * len(MUTANTS))
        stack, _, made = undo.enter_context(started(REFERENCE, ASKED, built, way))
        assert made.status == 0, (way.logs / "make.log").read_text()[-2000:]
        yield stack


def down(stack: Stack, *, forget: bool) -> None:
    """As a whole: NGINX looks up where WordPress is once, when it starts."""
    assert stack.run(stack.plan.compose("down"), "down").status == 0
    for store in stack.plan.stores if forget else ():
        for one in Path(store).iterdir():
            shutil.rmtree(one) if one.is_dir() else one.unlink()


@pytest.mark.long("live mutants")
@pytest.mark.parametrize("name", MUTANTS)
def test_mutant(name: str, running: Stack) -> None:
    mutant = MUTANTS[name]
    top = Path(running.venue.top)
    kept = {file: (top / file).read_text() for file, _, _ in mutant.edits}
    down(running, forget=mutant.fresh)
    apply(top, mutant.edits)
    try:
        made = running.make(name.replace(" ", "-"))
        assert made.status == 0, made
        running.settle()
        site, no_site = running.visit()
        facts = replace(running.look(), made=made, site=site, no_site=no_site, passwordless=running.passwordless())
        rows = list(judge(mutant.does(running, facts), ASKED, "x"))
    finally:
        for file, text in kept.items():
            (top / file).write_text(text)
        down(running, forget=mutant.fresh)
    said = {row.rule: row.verdict for row in rows if row.verdict not in ("pass", "not-applicable")}
    assert said == mutant.says, [(row.rule, row.where, row.found) for row in rows if row.rule in said]
    assert {row.rule for row in rows} == set(ASKS)
