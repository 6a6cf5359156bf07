"""What a mount table says can be seen, and what lies below something else."""

from __future__ import annotations

from pytest_isolation.boxes.mounted import visible

TABLE = """\
21 1 8:1 / / rw - ext4 /dev/sda1 rw
30 21 0:20 / /sys rw - sysfs sysfs rw
31 30 0:30 / /sys/fs/cgroup rw - tmpfs tmpfs rw
32 31 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
33 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
"""


def _points(table: str) -> list[str]:
    return [line.split()[4] for line in visible(table.splitlines())]


def test_all_are_seen() -> None:
    assert _points(TABLE) == ["/", "/sys", "/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/memory"]


def test_a_mount_above_hides_them() -> None:
    assert _points(TABLE + "40 31 0:40 / /sys/fs/cgroup rw - tmpfs none rw\n") == ["/", "/sys", "/sys/fs/cgroup"]
    assert _points(TABLE + "40 30 0:40 / /sys/fs rw - tmpfs none rw\n") == ["/", "/sys", "/sys/fs"]


def test_a_mount_on_the_same_place_hides_the_one_below() -> None:
    over = TABLE + "40 32 0:40 / /sys/fs/cgroup/unified rw - tmpfs none rw\n"
    assert [line.split()[0] for line in visible(over.splitlines())] == ["21", "30", "31", "33", "40"]


def test_a_name_that_begins_alike_hides_nothing() -> None:
    assert "/sys/fs/cgroup/unified" in _points(TABLE + "40 31 0:40 / /sys/fs/cgroup/uni rw - tmpfs none rw\n")


def test_what_is_no_line_is_left_out() -> None:
    assert visible(["", "21 1", *TABLE.splitlines()]) == TABLE.splitlines()
