"""Numbers of the whole machine that many boxes share."""

from __future__ import annotations

import struct

from pytest_isolation.support.feature import feature
from pytest_isolation.support.trial import Absent, Trial, check, need


def _at_least(id: str, what: str, key: str, least: int) -> None:
    path = key.replace(".", "/")

    @feature(f"limit.{id}", what, remedy=f"sysctl -w {key}={least}")
    def limit(t: Trial) -> str:
        """read the sysctl and compare it with what ten boxes need"""
        value = t.kernel.sysctl(path)
        if value is None:
            raise Absent(f"there is no sysctl {key}")
        found = int(value.split()[-1])
        check(found >= least, f"{key} is {found}, ten boxes need {least}")
        return f"{key} = {found}"


_at_least("pid-max", "process numbers", "kernel.pid_max", 32768)
_at_least("threads-max", "threads", "kernel.threads-max", 4096)
_at_least("user-namespaces", "user namespaces", "user.max_user_namespaces", 100)
_at_least("net-namespaces", "network namespaces", "user.max_net_namespaces", 100)
_at_least("inotify-instances", "watchers of files", "fs.inotify.max_user_instances", 128)
_at_least("inotify-watches", "files watched", "fs.inotify.max_user_watches", 8192)
_at_least("files", "open files", "fs.file-max", 65536)
_at_least("mounts", "mounts in a namespace", "fs.mount-max", 10000)
_at_least("ptys", "terminals", "kernel.pty.max", 1024)
_at_least("map-count", "mappings of a process: databases, Java", "vm.max_map_count", 65530)
_at_least("aio", "asynchronous requests: databases", "fs.aio-max-nr", 65536)
_at_least("somaxconn", "waiting connections", "net.core.somaxconn", 128)
_at_least("shm", "System V shared memory", "kernel.shmmax", 32 << 20)


@feature("limit.nofile", "open files of one process")
def open_files(t: Trial) -> str:
    """prlimit(2) of RLIMIT_NOFILE"""
    _, most = struct.unpack("<2Q", need(t.proc.prlimit64(0, 7)).data)
    check(most >= 1024, f"the hard limit is {most}")
    return f"hard limit {most}"


@feature("limit.nproc", "processes of one user", remedy="raise the limit in /etc/security/limits.conf")
def processes(t: Trial) -> str:
    """prlimit(2) of RLIMIT_NPROC, and eight children at once"""
    _, most = struct.unpack("<2Q", need(t.proc.prlimit64(0, 6)).data)
    check(most >= 256, f"the hard limit is {most}")
    from contextlib import ExitStack

    with ExitStack() as stack:
        for _ in range(8):
            stack.enter_context(t.child())
    return f"hard limit {most if most < 1 << 63 else 'none'}"


@feature("limit.overcommit", "memory promised before it is there: Redis, large forks")
def overcommit(t: Trial) -> str:
    """vm.overcommit_memory is not 2"""
    value = t.kernel.sysctl("vm/overcommit_memory")
    if value is None:
        raise Absent("there is no sysctl vm.overcommit_memory")
    check(value != "2", "it is 2: nothing is promised that is not there")
    return f"vm.overcommit_memory = {value}"
