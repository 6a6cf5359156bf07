"""What a mount table says can be seen, and what lies below something else."""

from __future__ import annotations

import pytest

from pytest_isolation.boxes.mount_table import parse, visible

TABLE = """\
21 1 8:1 / / rw - ext4 /dev/sda1 rw
30 21 0:20 / /sys rw - sysfs sysfs rw
31 30 0:30 / /sys/fs/cgroup rw - tmpfs tmpfs rw
32 31 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
33 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
"""


def _points(table: str) -> list[str]:
    return [mount.point for mount in visible(parse(table))]


def test_all_are_seen() -> None:
    assert _points(TABLE) == ["/", "/sys", "/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/memory"]


def test_a_mount_above_hides_them() -> None:
    assert _points(TABLE + "40 31 0:40 / /sys/fs/cgroup rw - tmpfs none rw\n") == ["/", "/sys", "/sys/fs/cgroup"]
    assert _points(TABLE + "40 30 0:40 / /sys/fs rw - tmpfs none rw\n") == ["/", "/sys", "/sys/fs"]


def test_a_mount_on_the_same_place_hides_the_one_below() -> None:
    over = TABLE + "40 32 0:40 / /sys/fs/cgroup/unified rw - tmpfs none rw\n"
    assert [mount.number for mount in visible(parse(over))] == [21, 30, 31, 33, 40]


def test_a_name_that_begins_alike_hides_nothing() -> None:
    assert "/sys/fs/cgroup/unified" in _points(TABLE + "40 31 0:40 / /sys/fs/cgroup/uni rw - tmpfs none rw\n")


def test_what_is_no_line_is_left_out() -> None:
    assert parse(f"\n21 1\nx 1 8:1 / / rw - ext4 sda rw\n{TABLE}") == parse(TABLE)
    assert len(parse(TABLE)) == 5


@pytest.mark.parametrize("odd", ["\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\udcff"])
def test_a_name_ends_no_line(odd: str) -> None:
    """red: a mount at such a place was in no table of ours; at one with a carriage return, none could be listed."""
    (mount,) = parse(f"41 21 8:2 /x{odd}y /srv/a{odd}b ro,nodev shared:7 master:2 - ext4 /dev/sdb rw\n")
    assert (mount.root, mount.point) == (f"/x{odd}y", f"/srv/a{odd}b")
    assert (mount.flags, mount.tags, mount.read_only) == ("ro,nodev", ("shared:7", "master:2"), True)


def test_an_empty_source() -> None:
    (mount,) = parse("41 21 0:9 / /tmp rw - tmpfs  rw,size=4k\n")
    assert (mount.fstype, mount.source, mount.options, mount.read_only) == ("tmpfs", "", "rw,size=4k", False)
