"""What of the host a box really has is found under any name; what was made for the box is not called the host's."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from pytest_isolation import weaken
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.spec import BoxSpec, Volume
from pytest_isolation.options.boxes import parse
from pytest_isolation.outside.box import Box
from pytest_isolation.outside.shared.files import files
from pytest_isolation.technologies import technology
from tests.support import need


def start(spec: BoxSpec, run: Lifetime) -> Box:
    return technology(spec.technology).launch(spec, run)


@pytest.mark.parametrize("name", ["chroot", "namespaces", "bubblewrap", "docker", "podman", "runc", "gvisor"])
def test_a_plain_box_was_given_nothing(name: str, run: Lifetime) -> None:
    with start(need(name), run) as box:
        assert files(box) == []


def test_the_host_has_all_of_itself(run: Lifetime) -> None:
    with start(need("host"), run) as box:
        assert ("system", "/", "/") in {(one["kind"], one["target"], one["host"]) for one in files(box)}


def test_a_volume_is_no_place_of_the_system(run: Lifetime) -> None:
    spec = need("namespaces")
    with start(BoxSpec(technology=spec.technology, volumes=(Volume(target="/srv", read_only=True),)), run) as box:
        (one,) = files(box)
        assert (one["kind"], one["target"], one["mode"]) == ("volume", "/srv", "ro")
        assert one["host"] == str(box.parts.volumes["/srv"])


def test_what_docker_was_told_to_hand_in(run: Lifetime, tmp_path: Path) -> None:
    need("docker")
    (tmp_path / "data").mkdir()
    (tmp_path / "file").write_text("data")
    with socket.socket(socket.AF_UNIX) as ruler:
        ruler.bind(str(tmp_path / "docker.sock"))
        ruler.listen()
        handed = ["/etc:/etc-host:ro", "/:/deep/rootfs", f"{tmp_path}/docker.sock:/s", f"{tmp_path}/file:/etc/file"]
        spec = parse(f"docker:volumes={'+'.join([*handed, f'{tmp_path}/data:/data:ro'])}")
        with start(spec, run) as box:
            found = {one["target"]: (one["kind"], one["host"], one["mode"]) for one in files(box)}
    assert found == {
        "/etc-host": ("system", "/etc", "ro"),
        "/deep/rootfs": ("system", "/", "rw"),
        "/s": ("socket", f"{tmp_path}/docker.sock", "rw"),
        "/etc/file": ("volume", f"{tmp_path}/file", "rw"),
        "/data": ("volume", f"{tmp_path}/data", "ro"),
    }


def test_what_an_overlay_lies_over(run: Lifetime, tmp_path: Path) -> None:
    """Podman's volume `:O` is one: writes go elsewhere, and what is read is the host's."""
    need("podman")
    (tmp_path / "data").mkdir()
    with start(parse(f"podman:volume={tmp_path}/data:/over:O"), run) as box:
        found = {(one["kind"], one["target"], one["host"], one["mode"]) for one in files(box)}
    assert ("volume", "/over", f"{tmp_path}/data", "ro") in found


def test_control_groups_of_the_host(run: Lifetime) -> None:
    with start(need("namespaces").weakened(weaken.expose("/sys/fs/cgroup")), run) as box:
        assert [one["target"] for one in files(box) if one["kind"] == "system"]  # at a place that is drawn


def test_what_the_engine_keeps_of_others_is_not_the_boxs_own(run: Lifetime) -> None:
    """red: all below the engine's directories was the box's own: the root of another container, the networks of all."""
    with start(need("docker"), run) as other:
        theirs = [f"{other.parts.root}:/a:ro", f"/var/lib/docker/containers/{other.parts.id}:/b:ro"]
        theirs += ["/var/lib/docker/network:/c:ro", "/run/docker/netns:/d:ro"]
        with start(parse(f"docker:init=true,volumes={'+'.join(theirs)}"), run) as box:
            found = {one["target"]: one["kind"] for one in files(box)}
    assert found == {"/a": "volume", "/b": "volume", "/c": "volume", "/d": "system"}
