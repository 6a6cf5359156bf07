"""What the containers of a running stack guarantee: real ones, labelled as compose labels them, attached to."""

from __future__ import annotations

import json
import os
import secrets
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pytest_isolation.agent.client import Agent
from pytest_isolation.boxes.image import base_image
from pytest_isolation.inception import contained, services
from pytest_isolation.inception.row import InceptionRow
from pytest_isolation.technologies.docker import stream
from pytest_isolation.technologies.docker.daemon import connect
from tests.inception.support import reference
from tests.inception.test_run import DATE, SCHEMA, run
from tests.support import need
from tests.technologies.test_docker_attach import trace

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="attaching is for root")
HARDENED: dict[str, Any] = {
    "read_only": True, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges"], "mem_limit": "64m",
    "pids_limit": 20, "nano_cpus": 500_000_000,
}  # fmt: skip
LIVE = ("--inception-live", "running", "--inception-login", "student")
MEASURED = ("pid.signal-out-refused", "mnt.host-secret-unreadable", "net.host-loopback-unreachable")


def listen(agent: Agent, port: int) -> None:
    fd = agent.proc.socket(socket.AF_INET, socket.SOCK_STREAM).value
    assert agent.proc.bind(fd, struct.pack("<H", socket.AF_INET) + struct.pack(">H", port) + bytes(12)).ok
    assert agent.proc.listen(fd, 8).ok


@contextmanager
def stack(top: Path, **hosts: dict[str, Any]) -> Iterator[dict[str, str]]:
    """Service -> id of its container, which runs from `top` and listens on port 9000."""
    api = connect(None).api
    tag = f"stack-{secrets.token_hex(4)}"
    with ExitStack() as undo:
        api.import_image_from_data(base_image().to_tar(), repository=tag, tag="1")
        undo.callback(api.remove_image, f"{tag}:1")
        undo.callback(api.remove_network, api.create_network(tag)["Id"])
        ids = {}
        for service, host in hosts.items():
            label = "com.docker.compose."
            labels = {f"{label}project": "p", f"{label}service": service, f"{label}project.working_dir": str(top)}
            made = api.create_container(
                f"{tag}:1", command=["/agent"], stdin_open=True, labels=labels, name=f"{tag}-{service}",
                user=host.pop("user", "0:0"), host_config=api.create_host_config(**host),
                networking_config=api.create_networking_config({tag: api.create_endpoint_config()}),
            )["Id"]  # fmt: skip
            ids[service] = made
            undo.callback(api.remove_container, made, force=True)
            words = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
            channel = stream.channel(api.attach_socket(made, params=words))
            api.start(made)
            agent = Agent(channel)
            undo.callback(agent.close)
            listen(agent, 9000)
        yield ids


@needs_root
def test_a_plain_and_a_hardened_service(tmp_path: Path) -> None:
    """One report of both, in three forms; the containers are left as they were."""
    need("docker")
    top = reference(tmp_path / "submission")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with stack(top, plain={}, hard=HARDENED | {"user": "1000:1000"}) as ids:
        before = {name: trace(name) for name in ids.values()}
        done = run(
            elsewhere, "pytest", f"--inception={top}", *DATE, *LIVE, "--isolation-only", ",".join(MEASURED),
            "--isolation-report", "json:r.json", "--isolation-report", "md:r.md",
        )  # fmt: skip
        assert {name: trace(name) for name in ids.values()} == before
    report = json.loads((elsewhere / "r.json").read_text())
    jsonschema.Draft202012Validator(SCHEMA).validate(report)
    assert {(box["name"], box["available"], box["submission"]) for box in report["boxes"]} == {
        ("plain", True, str(top)), ("hard", True, str(top)),
    }  # fmt: skip
    assert {(row["box"], row["guarantee"], row["verdict"], row["door"]) for row in report["results"]} == {
        (box, one, "holds", "exec") for box in ids for one in MEASURED
    }  # fmt: skip
    rows = [InceptionRow.from_json(row) for row in report["inception"] if row["rule"].startswith("I")]
    assert {row.rule for row in rows} == set(contained.WHY) - {"I13", "I14"}, "domains that were not asked for"
    for rule, plain, hard in (
        ("I01", "open", "open"), ("I02", "open", "holds"), ("I03", "open", "holds"), ("I04", "open", "holds"),
        ("I05", "open", "holds"), ("I06", "open", "open"), ("I08", "open", "holds"), ("I09", "holds", "holds"),
        ("I10", "holds", "holds"), ("I11", "holds", "holds"), ("I12", "holds", "holds"),
    ):  # fmt: skip
        assert said(rows, rule) == {"plain": plain, "hard": hard}, rule
    assert "plain: reaches hard:9000" in {row.found for row in rows}
    seen = [line for row in rows if row.rule == "I06" for line in row.evidence]
    assert all("connected to" in line and ":9000: getpeername(" in line for line in seen), seen
    page, shown = (elsewhere / "r.md").read_text(), done.stdout
    for text in (page, shown):
        assert "do and do not guarantee" in text and "pid.signal-out-refused holds in hard and plain" in text
    assert page.startswith("# Inception: ") and "its containers: " in shown


def said(rows: list[InceptionRow], rule: str) -> dict[str, str]:
    """Service -> holds or open, the worse of what a rule says of it."""
    found: dict[str, str] = {}
    for row in rows:
        if row.rule == rule:
            for service in row.found.partition(":")[0].split(" and "):
                word = "open" if row.verdict == "advice" or found.get(service) == "open" else "holds"
                found[service] = word
    return found


@needs_root
def test_a_service_with_holes(tmp_path: Path) -> None:
    """Each is said of it, and of it alone."""
    need("docker")
    top = reference(tmp_path / "submission")
    shared = tmp_path / "shared"
    shared.mkdir()
    holes = {
        "security_opt": ["seccomp=unconfined"],
        "pid_mode": "host",
        "binds": [f"{shared}:/data", "/var/run/docker.sock:/s/docker.sock"],
    }
    with stack(top, open=holes, sound={"binds": [f"{shared}:/data:ro"]}):
        run(
            tmp_path, "pytest", f"--inception={top}", *DATE, *LIVE, "--isolation-only", "pid.signal-out-refused",
            "--isolation-report", "json:r.json",
        )  # fmt: skip
    report = json.loads((tmp_path / "r.json").read_text())
    rows = [InceptionRow.from_json(row) for row in report["inception"] if row["rule"].startswith("I")]
    told = {row.found for row in rows if row.verdict == "advice"}
    assert {
        "open: holds Docker's socket, at /s/docker.sock",
        "open: no filter (seccomp): every system call can be tried", "open: may write to /data with sound",
    } <= told, told  # fmt: skip
    assert any(one.startswith("open: not guaranteed (pid.signal-out-refused)") for one in told), told
    assert "sound: without Docker's socket, and not privileged" in {row.found for row in rows}
    proof = next(row for row in rows if "not guaranteed" in row.found).evidence
    assert any("kill(" in line for line in proof), proof


PLAIN: dict[str, Any] = {
    "own_kernel": False, "uid_on_host": 0, "capabilities": ["CHOWN"], "no_new_privileges": False, "seccomp": True,
    "root_writable": True, "privileged": False, "limits": {}, "writes_to": [], "shares": [], "engine_socket": [],
    "reaches": [],
}  # fmt: skip


@pytest.mark.parametrize(
    ("fact", "rule", "verdict", "says"),
    [
        ({"own_kernel": True}, "I01", "pass", "a kernel of their own"),
        ({"capabilities": []}, "I03", "pass", "not one capability"),
        ({"privileged": True}, "I09", "advice", "privileged"),
        ({"limits": {"memory": 1, "pids": 1}}, "I08", "advice", "all of the machine's cpus"),
        ({"reaches": []}, "I07", "pass", "no route out"),
        (
            {"reaches": [{"what": "22", "kind": "host", "to": "10.0.0.1:22", "answered": True, "calls": ["connect"]}]},
            "I07", "advice", "on port 22",
        ),
        (
            {"reaches": [{"what": "22", "kind": "host", "to": "10.0.0.1:22", "answered": False, "calls": ["no"]}]},
            "I07", "pass", "no port of the machine",
        ),
    ],
)  # fmt: skip
def test_a_fact_and_its_row(fact: dict[str, Any], rule: str, verdict: str, says: str) -> None:
    """What no container here can be, or be made to be: one change of a plain service's facts."""
    rows = [row for row in contained.judge("x", {"one": PLAIN | fact}, [], {}) if row.rule == rule]
    assert any(row.verdict == verdict and says in row.found for row in rows), rows


def test_what_cannot_be_attached_to_is_unclear() -> None:
    rows = contained.unmeasured("x", "nginx: attaching is for root", "run pytest as root")
    assert {row.rule for row in rows} == set(contained.WHY) and {row.verdict for row in rows} == {"unclear"}


def test_listeners_of_a_process() -> None:
    """Those for others than itself: loopback alone is nobody's to reach."""
    with socket.create_server(("0.0.0.0", 0)) as every, socket.create_server(("127.0.0.1", 0)) as own:
        found = services.listening("self", lambda path: Path(path).read_bytes())
        assert ("0.0.0.0", every.getsockname()[1]) in found
        assert own.getsockname()[1] not in {port for _, port in found}


def test_listeners_on_every_address_of_both_kinds() -> None:
    with socket.create_server(("::", 0), family=socket.AF_INET6) as every:
        assert ("0.0.0.0", every.getsockname()[1]) in services.listening("self", lambda path: Path(path).read_bytes())
