"""Which groups a /proc/PID/cgroup says that a process is in."""

from __future__ import annotations

from pytest_isolation.boxes.cgroups import memberships

HYBRID = """\
12:cpu,cpuacct:/a/b
3:memory:/
1:name=systemd:/user:1
0::/../c\rd
"""


def test_of_each_hierarchy() -> None:
    assert memberships(HYBRID) == [
        (("cpu", "cpuacct"), "/a/b"),
        (("memory",), "/"),
        (("name=systemd",), "/user:1"),
        (("unified",), "/../c\rd"),
    ]


def test_what_is_no_line_is_left_out() -> None:
    assert memberships("") == memberships("\n3\nno line:\n") == []
