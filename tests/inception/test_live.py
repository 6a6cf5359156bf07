"""The running stack: our ClientHello against real servers, and what is said of facts.

The facts are those of the reference submission as it ran on Docker 20.10; each live mutant is one change of them.
"""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_isolation.inception import hello
from pytest_isolation.inception.asked import AuditOptions
from pytest_isolation.inception.live.facts import Container, Crash, Facts, Made, Site, Stop
from pytest_isolation.inception.live.judge import ASKS, judge
from pytest_isolation.inception.live.stack import UNREACHED
from tests.inception.support import DAY

ASKED = AuditOptions(day=DAY, login="student")
NETWORK = "inception_inception"


def container(service: str, process: str, *mounts: tuple[str, str, str], **more: Any) -> Container:
    plain: dict[str, Any] = {
        "service": service, "name": f"inception_{service}_1", "image": f"{service}:inception", "status": "running",
        "restarts": 0, "policy": "unless-stopped", "network_mode": NETWORK, "networks": (NETWORK,), "published": (),
        "mounts": mounts, "first_process": process,
    }  # fmt: skip
    return Container(**plain | more)


SECRET = ("bind", "/home/student/inception/secrets/db_password.txt", "/run/secrets/db_password")
SITE = ("volume", "/home/student/data/wordpress", "/var/www/html")
DATA = ("volume", "/home/student/data/mariadb", "/var/lib/mysql")
MARIADB = container("mariadb", "mariadbd", SECRET, DATA)
WORDPRESS = container("wordpress", "php-fpm8.2", SECRET, SITE)
NGINX = container("nginx", "nginx", SITE, published=(("443", "443"),))
TLS = {"TLSv1": False, "TLSv1.1": False, "TLSv1.2": True, "TLSv1.3": True}
GOOD = Facts((MARIADB, NGINX, WORDPRESS), 443, TLS, (200, ""))


def flagged(facts: Facts) -> dict[str, str]:
    rows = list(judge(facts, ASKED, "x"))
    assert {row.rule for row in rows} == set(ASKS)
    return {row.rule: row.verdict for row in rows if row.verdict not in ("pass", "not-applicable")}


def with_one(**changes: Any) -> Facts:
    """NGINX changed."""
    return replace(GOOD, containers=(MARIADB, replace(NGINX, **changes), WORDPRESS))


def test_the_reference_passes() -> None:
    assert flagged(GOOD) == {}


MUTANTS: dict[str, tuple[Facts, dict[str, str]]] = {
    "TLS 1.1 allowed": (replace(GOOD, tls=TLS | {"TLSv1.1": True}), {"L07": "fail"}),
    "neither 1.2 nor 1.3": (replace(GOOD, tls=dict.fromkeys(TLS, False)), {"L07": "fail"}),
    "1.2 alone": (replace(GOOD, tls=TLS | {"TLSv1.3": False}), {}),
    "port 80 open": (replace(GOOD, http=True), {"L02": "fail"}),
    "no restart": (with_one(policy="no"), {"L05": "fail"}),
    "process 1 is a shell": (with_one(first_process="sh"), {"L10": "advice"}),
    "process 1 nobody may see": (with_one(first_process=None), {}),
    "an extra port": (with_one(published=(("443", "443"), ("80", "8080"))), {"L06": "fail"}),
    "the database is published": (
        replace(GOOD, containers=(replace(MARIADB, published=(("3306", "3306"),)), NGINX, WORDPRESS)), {"L06": "fail"},
    ),
    "a bonus is published": (
        replace(GOOD, containers=(*GOOD.containers, container("ftp", "vsftpd", published=(("21", "21"),)))), {},
    ),
    "the host's network": (with_one(network_mode="host", networks=("host",)), {"L08": "fail"}),
    "the default bridge": (with_one(network_mode="default", networks=("bridge",)), {"L08": "fail"}),
    "a bind mount": (with_one(mounts=(("bind", *SITE[1:]),)), {"L15": "fail"}),
    "no volume": (with_one(mounts=()), {"L11": "fail"}),
    "data in Docker's directory": (
        with_one(mounts=(("volume", "/var/lib/docker/volumes/x/_data", SITE[2]),)), {"L11": "fail"},
    ),
    "data of another login": (with_one(mounts=(("volume", "/home/other/data/wordpress", SITE[2]),)), {"L11": "fail"}),
    "a configuration file mounted": (with_one(mounts=(SITE, ("bind", "/srv/x.cnf", "/etc/mysql/x.cnf"))), {}),
    "the wizard": (replace(GOOD, page=(302, "https://student.42.fr/wp-admin/install.php")), {"L02": "fail"}),
    "an empty page": (replace(GOOD, blank=True), {"L02": "fail"}),
    "an error": (replace(GOOD, page=(502, "")), {"L02": "fail"}),
    "no answer": (replace(GOOD, page=None), {"L02": "fail"}),
    "nobody on 443": (replace(GOOD, port=None, tls={}, page=None), {"L02": "fail", "L07": "fail"}),
    "started again": (with_one(restarts=3), {"L01": "fail"}),
    "restarting": (with_one(status="restarting"), {"L01": "fail"}),
    "another image": (with_one(image="web:1"), {"L09": "fail"}),
    "latest": (with_one(image="nginx"), {"L09": "fail"}),
}  # fmt: skip


USERS = (("captain", ("administrator",)), ("scribe", ("author",)))
SITE_FACTS = Site(installed=True, users=USERS, tables=12, commented=True, edited=True)
MADE = Made("make", 0, 3.0, "done")
THROUGH = replace(
    GOOD, made=MADE, again=MADE, site=SITE_FACTS, passwordless=False, kept=(("the comment", True),),
    crashes=tuple(Crash(one.name, 0.5) for one in GOOD.containers),
    stops=tuple(Stop(one.name, 1.0, False) for one in GOOD.containers),
)  # fmt: skip
"""Of a stack that was started and put through everything."""


def told(**changes: Any) -> Facts:
    """By WordPress."""
    return replace(THROUGH, site=replace(SITE_FACTS, **changes))


UNSEEN = dict.fromkeys(ASKS, "unclear")
MUTANTS |= {
    "all of it passes": (THROUGH, {}),
    "make fails": (replace(THROUGH, made=replace(MADE, status=2)), UNSEEN | {"L12": "fail"}),
    "make had no network": (
        replace(THROUGH, made=replace(MADE, status=2, unreached="lookup registry: no such host")),
        UNSEEN | {"L12": "unclear"},
    ),
    "make takes too long": (replace(THROUGH, made=replace(MADE, status=None)), UNSEEN | {"L12": "fail"}),
    "make starts nothing": (replace(THROUGH, containers=()), UNSEEN | {"L12": "fail"}),
    "make fails the second time": (replace(THROUGH, again=replace(MADE, status=2)), {"L16": "fail"}),
    "a crash it does not come back from": (replace(THROUGH, crashes=(Crash(NGINX.name, None),)), {"L05": "fail"}),
    "it restarts in fact": (replace(THROUGH, containers=with_one(policy="no").containers), {}),
    "killed to stop": (replace(THROUGH, stops=(Stop(NGINX.name, 10.2, True),)), {"L10": "advice"}),
    "slow to stop": (replace(THROUGH, stops=(Stop(NGINX.name, 9.0, False),)), {"L10": "advice"}),
    "an administrator called so": (told(users=(("WpAdmin", ("administrator",)), USERS[1])), {"L13": "fail"}),
    "a writer called so": (told(users=(*USERS, ("adminton", ("author",)))), {}),
    "one user": (told(users=USERS[:1]), {"L13": "fail"}),
    "no administrator": (told(users=(*USERS[1:], ("x", ()))), {"L13": "fail"}),
    "a made-up administrator": (replace(THROUGH, ours=frozenset({"captain"})), {"L13": "unclear"}),
    "an empty database": (told(tables=0), {"L14": "fail"}),
    "root without a password": (replace(THROUGH, passwordless=True), {"L14": "fail"}),
    "no comment": (told(commented=False), {"L03": "fail"}),
    "comments are closed": (told(commented=None), {"L03": "unclear"}),
    "an edit that is not seen": (told(edited=False), {"L03": "fail"}),
    "the comment was lost": (replace(THROUGH, kept=(("the comment", False), ("a file", True))), {"L04": "fail"}),
    "nothing to keep": (replace(THROUGH, kept=()), {"L04": "unclear"}),
    "no WordPress": (replace(THROUGH, site=None, no_site="none"), dict.fromkeys(("L03", "L13", "L14"), "unclear")),
    "WordPress is not set up": (told(installed=False), dict.fromkeys(("L03", "L13", "L14"), "unclear")),
}  # fmt: skip


def test_a_bind_mount_is_advice_before_it_was_forbidden() -> None:
    facts = MUTANTS["a bind mount"][0]
    rows = list(judge(facts, replace(ASKED, subject="3"), "x"))
    assert {row.rule: row.verdict for row in rows if row.rule == "L15"} == {"L15": "advice"}


@pytest.mark.parametrize("name", MUTANTS)
def test_live_mutant(name: str) -> None:
    facts, says = MUTANTS[name]
    assert flagged(facts) == says


def test_a_stack_that_does_not_run_is_unclear() -> None:
    assert set(flagged(Facts((), None)).values()) == {"unclear"}


# -- our ClientHello against real servers ----------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed: apt-get install openssl")
    place = tmp_path_factory.mktemp("tls") / "both.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=student.42.fr",
         "-keyout", str(place) + ".key", "-out", str(place) + ".crt"], check=True, capture_output=True,
    )  # fmt: skip
    place.write_text(Path(f"{place}.key").read_text() + Path(f"{place}.crt").read_text())
    return place


@contextmanager
def server(certificate: Path, lowest: ssl.TLSVersion, highest: ssl.TLSVersion) -> Iterator[int]:
    """A TLS server of Python's; yields its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # old versions are what this is about
        context.minimum_version, context.maximum_version = lowest, highest
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                try:
                    with context.wrap_socket(connection, server_side=True):
                        pass
                except OSError:
                    connection.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@pytest.mark.parametrize(
    ("lowest", "highest", "accepted"),
    [
        (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3, ["TLSv1.2", "TLSv1.3"]),
        (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3, ["TLSv1.3"]),
        (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2, ["TLSv1.2"]),
        (ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ["TLSv1.1", "TLSv1.2"]),
        (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1, ["TLSv1"]),
    ],
    ids=str,
)
def test_versions(certificate: Path, lowest: ssl.TLSVersion, highest: ssl.TLSVersion, accepted: list[str]) -> None:
    with server(certificate, lowest, highest) as port:
        found = {name for name in hello.VERSIONS if hello.accepts("127.0.0.1", port, "student.42.fr", name)}
    assert found == set(accepted)


def test_nobody_there_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(OSError, match=r"refused"):
        hello.accepts("127.0.0.1", port, "x", "TLSv1.2")


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 400 no\r\n\r\n", b"\x16\x03\x03\xff\xff\x02", b"\x15\x03\x03\0\2\2\x46"]
)
def test_a_server_that_is_none(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        assert not hello.accepts("127.0.0.1", listener.getsockname()[1], "x", "TLSv1.2")
        thread.join(5)


@pytest.mark.parametrize(
    "line",
    [
        'Get "https://registry.example/v2/": dial tcp: lookup registry.example on 10.0.2.3:53: no such host',
        "ERROR: failed to do request: Head ...: net/http: TLS handshake timeout",
        "  Temporary failure resolving 'deb.example'",
        "curl: (6) Could not resolve host: wordpress.example",
        "wget: unable to resolve host address 'wordpress.example'",
    ],
)
def test_no_network_is_recognised(line: str) -> None:
    assert UNREACHED.search(line)


@pytest.mark.parametrize(
    "line", ["make: *** [Makefile:8: up] Error 1", "E: Unable to locate package ngnix", "cp: no such file"]
)
def test_a_mistake_is_no_lack_of_network(line: str) -> None:
    assert not UNREACHED.search(line)
