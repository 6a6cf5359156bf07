"""The suite inside a machine, where control groups are v2 and nothing else."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from pytest_isolation.errors import BoxError
from pytest_isolation.machines import DockerMachine, carried, root, suite

LIMITS = ("cg.mem.enforced", "cg.cannot-raise-own")


@pytest.mark.long(seconds=180)
def test_crun_keeps_its_limits_on_v2(docker_machine: DockerMachine, tmp_path: Path) -> None:
    """crun refuses a hybrid host: here is where it is measured."""
    said: list[str] = []
    report = tmp_path / "report.json"
    wanted = ["--box=crun", f"--isolation-only={','.join(LIMITS)}", "--isolation-examples=1"]
    code = suite.run_in(docker_machine, [*wanted, "--isolation-report", f"json:{report}"], out=said.append)
    assert code == 0, "".join(said)
    assert "2 guarantees x 1 box: 2 hold" in "".join(said)
    found = json.loads(report.read_text())
    assert "json:report.json" in found["run"]["argv"], "it was called from the directory of the reports"
    assert found["host"]["cgroup"] == "v2"
    assert found["host"]["kernel"] == docker_machine.box.read_file("/proc/sys/kernel/osrelease").decode().strip()
    assert {row["guarantee"]: (row["verdict"], row["control"]) for row in found["results"]} == dict.fromkeys(
        LIMITS, ("holds", "fired")
    )


DELEGATED = """\
for group in / /given; do
  mkdir -p /sys/fs/cgroup/given/one
  echo +memory +pids +cpu >/sys/fs/cgroup$group/cgroup.subtree_control
done
cd /sys/fs/cgroup/given/one
chown 1000 . cgroup.procs cgroup.subtree_control
echo $$ >cgroup.procs
mkdir -p /tmp/user && chown 1000 /tmp/user && cd /tmp/user
export HOME=/tmp/user TMPDIR=/tmp/user
setpriv --reuid 1000 --regid 1000 --clear-groups python3 -m pytest --isolation "$@"
echo status $?
find /sys/fs/cgroup/given -type d
cat /sys/fs/cgroup/given/one/cgroup.subtree_control
grep -c . /sys/fs/cgroup/given/one/cgroup.procs
"""
"""As systemd gives a user a group: the directory and two of its files."""


@pytest.mark.long(seconds=120)
def test_a_delegated_group_is_used_and_left_as_it_was(docker_machine: DockerMachine) -> None:
    suite.mount(docker_machine)
    said: list[str] = []
    only = "--isolation-only=cg.mem.enforced,cg.cannot-leave,cg.cleanup"
    line = ["/bin/sh", "-euc", DELEGATED, "sh", "--box=namespaces", only, "--isolation-examples=2"]
    docker_machine.follow(line, env=suite.ENVIRONMENT, directory="/root", timeout=600, out=said.append)
    out = "".join(said)
    assert "not root" in out and "3 guarantees x 1 box: 3 hold" in out, out
    _, _, after = out.partition("status 0\n")
    # No group below it, nothing handed down, and the shell and grep are in it again.
    assert after.split() == ["/sys/fs/cgroup/given", "/sys/fs/cgroup/given/one", "2"], out


def test_its_exit_status_is_pytests(docker_machine: DockerMachine) -> None:
    said: list[str] = []
    assert suite.run_in(docker_machine, ["--box=no-such-box"], out=said.append) == 4
    assert "no-such-box" in "".join(said)


def test_which_python_a_disk_has_is_read_from_it(tmp_path: Path) -> None:
    for name, link in (("with", "python3.13"), ("without", None)):
        (tmp_path / name / "usr/bin").mkdir(parents=True)
        if link is not None:
            (tmp_path / name / "usr/bin/python3").symlink_to(link)
        made = ["mke2fs", "-q", "-t", "ext4", "-d", tmp_path / name, tmp_path / f"{name}.ext4", "2M"]
        subprocess.run(made, check=True)
    assert suite.python_of(tmp_path / "with.ext4") == (3, 13)
    with pytest.raises(BoxError, match=r"without\.ext4 has no link /usr/bin/python3; debugfs says: .*File not found"):
        suite.python_of(tmp_path / "without.ext4")


ENTERED = """\
mkdir -p /tmp/top /sys/fs/cgroup/outer
exec unshare --mount --propagation private --pid --fork --kill-child=KILL --net --ipc --uts \\
  sh /root/enter-root.sh / /tmp/top {place} {reports} /sys/fs/cgroup/outer \\
  env HOME=/root PYTHONPATH={place} python3 -m pytest -p no:cacheprovider --isolation --isolation-jobs 1 \\
  --box docker --box runc --isolation-only cg.pids.enforced --isolation-examples 1
"""


@pytest.mark.long(seconds=120)
def test_a_root_is_entered_on_v2(docker_machine: DockerMachine) -> None:
    """Its daemon hands controllers down, which a group with processes in it cannot."""
    suite.mount(docker_machine)
    docker_machine.box.write_file("/root/enter-root.sh", root.SCRIPT.read_bytes())
    said: list[str] = []
    line = ["/bin/sh", "-euc", ENTERED.format(place=carried.PLACE, reports=carried.REPORTS)]
    code = docker_machine.follow(line, env=suite.ENVIRONMENT, directory="/root", timeout=500, out=said.append)
    assert code == 0, "".join(said)
    assert "1 guarantee x 2 boxes: 2 hold" in "".join(said), "".join(said)
