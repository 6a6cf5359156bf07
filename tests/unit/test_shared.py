"""Which paths of a host are its system's, and what lies behind a line of a mount table."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from pytest_isolation.boxes.mount_table import parse
from pytest_isolation.outside.shared import places, table

TABLE = """\
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
28 27 0:21 / /proc rw,relatime - proc proc rw
42 27 254:0 /var/lib/docker /var/lib/docker rw,relatime shared:1 - ext4 /dev/vda rw
43 27 8:1 /@data /srv/with\\040space ro,relatime - btrfs /dev/sda1 rw
not a line
44 27 8:2 / /gone//deleted rw - ext4 /dev/sdb rw
"""


def test_a_table() -> None:
    mounts = parse(TABLE)
    assert [mount.point for mount in mounts] == ["/", "/proc", "/var/lib/docker", "/srv/with space", "/gone"]
    assert [mount.read_only for mount in mounts] == [False, False, False, True, False]


@pytest.mark.parametrize(
    ("device", "root", "names"),
    [
        ("254:0", "/etc", ["/etc"]),
        ("254:0", "/", ["/"]),
        ("254:0", "/var/lib/docker/x", ["/var/lib/docker/x"]),
        ("8:1", "/@data/one", ["/srv/with space/one"]),
        ("8:1", "/@database", []),
        ("9:9", "/", []),
    ],
)
def test_the_hosts_names_of_a_mount(device: str, root: str, names: list[str]) -> None:
    assert table.names_of(device, root, parse(TABLE)) == names


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/etc",
        "/root",
        "/home",
        "/home/me",
        "/usr",
        "/boot",
        "/var/lib",
        "/run",
        "/proc/1",
        "/sys/fs/cgroup",
        "/run/docker/netns",
        "/run/netns/one",
    ],
)
def test_a_place_of_the_system(path: str) -> None:
    assert places.system(path) is not None


@pytest.mark.parametrize(
    "path",
    ["/etc/apt", "/etc/cron.daily", "/etc/init.d", "/etc/udev/rules.d", "/etc/network", "/var/spool/cron/crontabs"],
)
def test_a_place_from_which_the_host_runs_something(path: str) -> None:
    """red: whoever had one of these had a volume, and vol.system-not-given held."""
    assert places.system(path) is not None


@pytest.mark.parametrize(
    "path",
    ["/home/me/project", "/srv/www", "/data", "/etc/nginx", "/opt/app/data", "/var/lib/mysql", "/mnt", "/run/mysqld"],
)
def test_a_directory_of_data(path: str) -> None:
    assert places.system(path) is None


def test_what_has_a_place_in_it_is_one_and_says_why() -> None:
    for place in places.PLACES:
        assert place.why
        for above in PurePosixPath(place.path).parents:
            assert places.system(str(above)) is not None, f"{place.path} is in {above}"


def test_files_and_sockets() -> None:
    assert places.system_file("/etc/shadow")
    assert places.system_file("/home/me/.ssh/id_rsa")
    assert places.system_file("/proc/kcore")
    assert places.system_file("/etc/crontab")
    assert places.system_file("/etc/cron.d/one")
    assert not places.system_file("/etc/localtime")
    assert not places.system_file("/home/me/notes")
    assert places.rules("/run/docker.sock")
    assert places.rules("/run/user/1000/docker.sock")
    assert places.rules("/run/user/1000/bus")
    assert not places.rules("/run/mysqld/mysqld.sock")
    assert places.in_store("/var/lib/docker/containers/1/hosts")
    assert not places.in_store("/var/lib/docker")
    # Rootless Podman's, where nobody has made it a directory of /run/user.
    assert places.in_store("/tmp/podman-run-1001/containers/vfs-containers/1/userdata/hosts")
    assert not places.in_store("/tmp/podman-run-1001/notes")
    assert not places.in_store("/tmp/podman-run-of-mine/containers/notes")


@pytest.mark.parametrize(
    ("options", "layers"),
    [
        (
            "rw,lowerdir=/srv/a:/etc,upperdir=/var/tmp/u,workdir=/var/tmp/w",
            [("/srv/a", True), ("/etc", True), ("/var/tmp/u", False)],
        ),
        ("ro,lowerdir=/srv/with\\040space:/srv/a\\134:b", [("/srv/with space", True), ("/srv/a:b", True)]),
        ("rw,lowerdir+=/srv/a,datadir+=/srv/d,lowerdir=l/SHORT", [("/srv/a", True)]),
        ("rw,relatime", []),
    ],
)
def test_what_an_overlay_lies_over(options: str, layers: list[tuple[str, bool]]) -> None:
    assert table.layers(options) == layers
