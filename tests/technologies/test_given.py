"""What a box was given is in its report: files, namespaces, privileges and ports, by what the host sees of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_isolation import weaken
from pytest_isolation.boxes.weakenings import NAMESPACES, Weakening
from pytest_isolation.options.boxes import parse
from pytest_isolation.outside.start import handed_in
from pytest_isolation.technologies.pool import Pool
from tests.runs import run
from tests.support import need


def targets(pool: Pool, name: str, kind: str) -> list[str]:
    return [row["target"] for row in pool.measured[name]["given"] if row["kind"] == kind]


def test_the_host_shares_everything(own_pool: Pool) -> None:
    own_pool.box(need("host"))
    assert set(targets(own_pool, "host", "namespace")) == set(NAMESPACES)
    assert targets(own_pool, "host", "system") == ["/"]


def test_namespaces_of_its_own(own_pool: Pool) -> None:
    own_pool.box(need("namespaces"))
    assert not {"mnt", "pid", "net", "ipc", "uts"} & set(targets(own_pool, "namespaces", "namespace"))


@pytest.mark.parametrize(
    ("hole", "kind", "target"),
    [
        (weaken.share("pid"), "namespace", "pid"),
        (weaken.share("net"), "namespace", "net"),
        (weaken.grant("SYS_ADMIN"), "capability", "SYS_ADMIN"),
    ],
    ids=str,
)
def test_a_hole_shows(hole: Weakening, kind: str, target: str, own_pool: Pool) -> None:
    own_pool.box(need("namespaces").weakened(hole))
    assert target in targets(own_pool, "namespaces", kind)


def test_the_hosts_root_shows_wherever_it_is_mounted(own_pool: Pool) -> None:
    """At a place that is drawn."""
    own_pool.box(need("namespaces").weakened(weaken.expose("/")))
    assert len(targets(own_pool, "namespaces", "system")) == 1


def test_what_docker_was_told(own_pool: Pool, tmp_path: Path) -> None:
    need("docker")
    words = f"volumes={tmp_path}:/d:ro,group_add=27,cap_drop=ALL,cap_add=NET_RAW"
    spec = parse(f"docker:{words}")
    own_pool.box(spec)
    given = own_pool.measured["docker"]["given"]
    assert {"kind": "volume", "target": "/d", "host": str(tmp_path), "mode": "ro"}.items() <= given[0].items()
    assert targets(own_pool, "docker", "capability") == ["NET_RAW"]
    assert "27" in targets(own_pool, "docker", "group")


def test_groups_of_a_box_with_users_of_its_own_are_by_numbers_of_its_own(own_pool: Pool) -> None:
    """0 of the box is 100000 of the machine."""
    need("podman")
    box = own_pool.box(parse("podman:uidmap=0:100000:65536,gidmap=0:100000:65536,group_add=27+28"))
    pid = box.parts.init_pid
    assert pid is not None
    assert handed_in.further_groups(box, pid) == {100027, 100028}
    box.write_file("/etc/group", b"root:x:0:\nsome:x:27:root\n")
    assert handed_in.further_groups(box, pid) == {100028}


def test_a_published_port(own_pool: Pool) -> None:
    need("docker")
    own_pool.box(parse("docker:ports=80/tcp=18473"))
    assert ("80/tcp", "0.0.0.0:18473") in {
        (row["target"], row["host"]) for row in own_pool.measured["docker"]["given"] if row["kind"] == "port"
    }


def test_a_kernel_of_its_own(own_pool: Pool) -> None:
    own_pool.box(need("gvisor"))
    assert targets(own_pool, "gvisor", "kernel") == ["its own"]
    assert targets(own_pool, "gvisor", "namespace") == []


def test_every_report_has_it(tmp_path: Path) -> None:
    done = run(
        tmp_path / "run", "-v", "--isolation", "--box", "host", "--isolation-only", "pid.signal-out-refused",
        "--isolation-report", f"md:{tmp_path / 'r.md'}",
    )  # fmt: skip
    (box,) = done.report["boxes"]
    assert {"kind": "namespace", "target": "pid"}.items() <= next(
        row for row in box["given"] if row["target"] == "pid"
    ).items()
    done.said("what each box was given of its host", "namespaces shared with the host: pid, mnt, net")
    assert "## What each box was given of its host" in (tmp_path / "r.md").read_text()
    done.said("cause: the box shares the host's processes")
