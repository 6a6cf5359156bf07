"""Docker boxes on the live daemon: what each hole opens, keywords, users' images, and what is left."""

from __future__ import annotations

import io
import os
import secrets
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_isolation import Box, BoxError, BoxSpec, Unavailable, Volume, weaken
from pytest_isolation.agent.client import Program
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.host import LOCAL_HOST
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.weakenings import Weakening
from pytest_isolation.technologies import launcher, mounts
from pytest_isolation.technologies.capabilities import number_of
from pytest_isolation.technologies.clean import clean
from pytest_isolation.technologies.docker import Docker, image
from pytest_isolation.technologies.docker.daemon import LABEL, connect
from tests.proc import namespace, status
from tests.relay import relayed
from tests.support import docker_spec, need, opens_files_of_the_host, started

SPEC = BoxSpec(technology="docker")
DOCKER = Docker()
MIB = 1 << 20
EPERM, EROFS = 1, 30


@pytest.fixture(scope="module", autouse=True)
def _daemon() -> None:
    need("docker")


@pytest.fixture(scope="module")
def api() -> Any:
    return connect(None).api


@pytest.fixture(scope="module")
def plain(lifetime: Lifetime) -> Iterator[Box]:
    with started(lifetime, SPEC) as box:
        yield box


def mounts_of(box: Box) -> dict[str, list[str]]:
    """Mount point -> its options, as the last mount there has them."""
    lines = Path(f"/proc/{box.parts.init_pid}/mountinfo").read_text().splitlines()
    return {line.split()[4]: line.split()[5].split(",") for line in lines}


# -- what each hole opens --------------------------------------------------------------


@pytest.mark.parametrize("kind", ["pid", "net", "ipc", "uts"])
def test_share_gives_the_hosts_namespace(lifetime: Lifetime, plain: Box, kind: str) -> None:
    assert namespace(plain.parts.init_pid, kind) != namespace(os.getpid(), kind)
    with started(lifetime, SPEC.weakened(weaken.share(kind))) as box:
        assert namespace(box.parts.init_pid, kind) == namespace(os.getpid(), kind)


def test_share_cgroup_gives_the_hosts_namespace(lifetime: Lifetime) -> None:
    with started(lifetime, docker_spec(cgroupns="private")) as box:
        assert namespace(box.parts.init_pid, "cgroup") != namespace(os.getpid(), "cgroup")
    with started(lifetime, docker_spec(cgroupns="private").weakened(weaken.share("cgroup"))) as box:
        assert namespace(box.parts.init_pid, "cgroup") == namespace(os.getpid(), "cgroup")


@pytest.mark.parametrize("hole", [weaken.share("user"), weaken.drop("userns-map")], ids=str)
def test_root_in_the_box_is_root_outside(lifetime: Lifetime, hole: Weakening) -> None:
    with started(lifetime, SPEC.weakened(hole)) as box:
        assert namespace(box.parts.init_pid, "user") == namespace(os.getpid(), "user")
        assert os.stat(f"/proc/{box.parts.init_pid}").st_uid == 0


@pytest.mark.parametrize("kind", ["pid", "net", "ipc"])
def test_join_sibling_gives_both_one_namespace(lifetime: Lifetime, plain: Box, kind: str) -> None:
    assert namespace(plain.sibling.parts.init_pid, kind) != namespace(plain.parts.init_pid, kind)
    with started(lifetime, SPEC.weakened(weaken.join_sibling(kind))) as box:
        assert namespace(box.sibling.parts.init_pid, kind) == namespace(box.parts.init_pid, kind)
        assert namespace(box.parts.init_pid, kind) != namespace(os.getpid(), kind)


def limits_of(box: Box) -> dict[str, int]:
    assert box.parts.group is not None
    group = box.parts.group

    def read(controller: str, v1: str, v2: str) -> int:
        file = group.file(controller, v1, v2)
        assert file is not None
        word = file.read_text().split()[0]
        return -1 if word == "max" else int(word)

    return {
        "memory": read("memory", "memory.limit_in_bytes", "memory.max"),
        "pids": read("pids", "pids.max", "pids.max"),
        "cpu": read("cpu", "cpu.cfs_quota_us", "cpu.max"),
    }


ASKED = replace(SPEC, memory=64 * MIB, pids=40, cpus=0.5)


def test_limits_are_applied(lifetime: Lifetime) -> None:
    with started(lifetime, ASKED) as box:
        assert limits_of(box) == {"memory": 64 * MIB, "pids": 40, "cpu": 50_000}


@pytest.mark.parametrize("what", ["memory", "pids", "cpu"])
def test_unlimited_leaves_one_limit_out(lifetime: Lifetime, what: str) -> None:
    with started(lifetime, ASKED.weakened(weaken.unlimited(what))) as box:
        found, wanted = limits_of(box), {"memory": 64 * MIB, "pids": 40, "cpu": 50_000}
        assert {key for key in wanted if found[key] != wanted[key]} == {what}


@pytest.mark.parametrize("hole", [None, weaken.unlimited("pids"), weaken.share("pid")], ids=str)
def test_every_box_lies_under_the_guard(lifetime: Lifetime, hole: Weakening | None) -> None:
    with started(lifetime, SPEC.weakened(*filter(None, [hole]))) as box:
        group = box.parts.group
        assert group is not None
        file = group.file("pids", "pids.max", "pids.max")
        assert file is not None
        if connect(None).info["CgroupDriver"] == "cgroupfs" and os.geteuid() == 0:
            assert (file.parent.parent / "pids.max").read_text().strip() == str(launcher.GUARD.pids)
        else:
            assert int(file.read_text()) <= (launcher.GUARD.pids or 0)


@pytest.mark.parametrize("hole", sorted(h for h in DOCKER.weakenings() if h.kind == "grant"), ids=str)
def test_grant_gives_the_capability(lifetime: Lifetime, hole: Weakening) -> None:
    """Also one that Docker gives by default (NET_RAW), where the user's own options took it away."""
    bit = 1 << number_of(hole.what)
    bare = docker_spec(cap_drop=("ALL",))
    with started(lifetime, bare) as box:
        assert not int(status(box.parts.init_pid, "CapEff"), 16) & bit
    with started(lifetime, bare.weakened(hole)) as box:
        assert int(status(box.parts.init_pid, "CapEff"), 16) & bit


def test_granted_sys_admin_can_mount(lifetime: Lifetime, plain: Box) -> None:
    assert plain.proc.mount("tmpfs", "/srv", "tmpfs", 0).errno == EPERM
    with started(lifetime, SPEC.weakened(weaken.grant("SYS_ADMIN"))) as box:
        assert box.proc.mount("tmpfs", "/srv", "tmpfs", 0).ok


@pytest.mark.parametrize("path", ["/", "/tmp", "/run"])
def test_expose_shows_the_hosts_files(lifetime: Lifetime, plain: Box, path: str) -> None:
    opens_files_of_the_host(lifetime, SPEC, plain, path)


def test_expose_dev_shows_the_hosts_devices(lifetime: Lifetime, plain: Box) -> None:
    before = set(os.listdir("/dev"))
    strange = next(name for name in sorted(before) if not plain.proc.faccessat(AT_FDCWD, f"/dev/{name}", os.F_OK).ok)
    with started(lifetime, SPEC.weakened(weaken.expose("/dev"))) as box:
        assert box.proc.faccessat(AT_FDCWD, f"/dev/{strange}", os.F_OK).ok
    assert set(os.listdir("/dev")) == before


def test_expose_cgroups_shows_the_hosts_tree(lifetime: Lifetime, plain: Box) -> None:
    assert plain.parts.group is not None
    place = next(iter(plain.parts.group.places.values())).parent
    assert not [road for road in plain.outside.roads(place) if plain.proc.faccessat(AT_FDCWD, road, os.F_OK).ok]
    with started(lifetime, SPEC.weakened(weaken.expose("/sys/fs/cgroup"))) as box:
        assert [road for road in box.outside.roads(place) if box.proc.faccessat(AT_FDCWD, road, os.W_OK).ok]


def test_drop_seccomp_leaves_the_filter_out(lifetime: Lifetime, plain: Box) -> None:
    assert status(plain.parts.init_pid, "Seccomp") == "2"
    with started(lifetime, SPEC.weakened(weaken.drop("seccomp"))) as box:
        assert status(box.parts.init_pid, "Seccomp") == "0"
        # keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING): not in the default profile.
        assert plain.proc.keyctl(0, -3, 0).errno == EPERM
        assert box.proc.keyctl(0, -3, 1).errno != EPERM


def test_drop_masks_shows_what_is_masked(lifetime: Lifetime, plain: Box) -> None:
    masked = {path for path in ("/proc/kcore", "/proc/sys", "/sys/firmware") if os.path.exists(path)}
    assert masked <= set(mounts_of(plain))
    with started(lifetime, SPEC.weakened(weaken.drop("masks"))) as box:
        assert not masked & set(mounts_of(box))


def test_drop_read_only_makes_root_and_volumes_writable(lifetime: Lifetime) -> None:
    asked = replace(SPEC, read_only=True, volumes=(Volume(target="/data", read_only=True),))
    paths = ("/file", "/data/file")

    def errors(box: Box) -> list[int]:
        return [box.proc.openat(AT_FDCWD, path, os.O_CREAT | os.O_WRONLY, 0o600).errno for path in paths]

    with started(lifetime, asked) as box:
        assert errors(box) == [EROFS, EROFS]
        assert box.proc.openat(AT_FDCWD, "/tmp/file", os.O_CREAT | os.O_WRONLY, 0o600).ok
    with started(lifetime, asked.weakened(weaken.drop("read-only"))) as box:
        assert errors(box) == [0, 0]


def test_drop_init_puts_another_process_first(lifetime: Lifetime, plain: Box) -> None:
    assert plain.proc.getpid().value == 1
    with started(lifetime, SPEC.weakened(weaken.drop("init"))) as box:
        assert box.proc.getpid().value > 1
        assert (
            f"NSpid:\t{box.parts.init_pid}\t{box.proc.getpid().value}\n"
            in Path(f"/proc/{box.parts.init_pid}/status").read_text()
        )


def test_drop_private_root_shares_directories(lifetime: Lifetime, plain: Box) -> None:
    for box, shared in ((plain, False), (None, True)):
        if box is not None:
            box.write_file("/tmp/mine", b"mine")
            assert not box.sibling.proc.faccessat(AT_FDCWD, "/tmp/mine", os.F_OK).ok
            box.proc.unlinkat(AT_FDCWD, "/tmp/mine")
            continue
        with started(lifetime, SPEC.weakened(weaken.drop("private-root"))) as weak:
            for name in mounts.SHARED:
                weak.write_file(f"/{name}/mine", b"mine")
                assert weak.sibling.proc.faccessat(AT_FDCWD, f"/{name}/mine", os.F_OK).ok is shared


@pytest.mark.skipif(os.geteuid() != 0, reason="opened by a mount on the host, which is for root")
def test_drop_cgroup_ro_makes_the_tree_writable(lifetime: Lifetime, plain: Box) -> None:
    path = "/sys/fs/cgroup/made" if cgroups.mode() == "v2" else "/sys/fs/cgroup/pids/made"
    assert plain.proc.mkdirat(AT_FDCWD, path, 0o755).errno == EROFS
    with started(lifetime, SPEC.weakened(weaken.drop("cgroup-ro"))) as box:
        assert box.proc.mkdirat(AT_FDCWD, path, 0o755).ok


@pytest.mark.skipif(os.geteuid() != 0, reason="opened by a mount on the host, which is for root")
def test_drop_propagation_lets_a_mount_out(lifetime: Lifetime) -> None:
    token = f"pytest-isolation-{secrets.token_hex(6)}"

    def seen(*holes: Weakening) -> bool:
        with started(lifetime, SPEC.weakened(weaken.grant("SYS_ADMIN"), *holes)) as box:
            assert box.proc.mkdirat(AT_FDCWD, "/mnt/out", 0o755).ok
            assert box.proc.mount(token, "/mnt/out", "tmpfs", 0).ok
            return token in Path("/proc/self/mountinfo").read_text()

    assert not seen()
    assert seen(weaken.drop("propagation"))
    assert token not in Path("/proc/self/mountinfo").read_text()


def test_lossy_loses_configuration(lifetime: Lifetime) -> None:
    asked = replace(SPEC, env=(("TOKEN", "value"),), uid=1000, gid=1000, workdir="/tmp")

    def seen(box: Box) -> tuple[bool, int, bytes]:
        environ = Path(f"/proc/{box.parts.init_pid}/environ").read_bytes()
        working = os.readlink(f"/proc/{box.parts.init_pid}/cwd")
        return b"TOKEN=value" in environ, box.proc.getuid().value, os.fsencode(working)

    with started(lifetime, asked) as box:
        assert seen(box) == (True, 1000, b"/tmp")
    lost = [weaken.lossy(aspect) for aspect in ("environment", "identity", "workdir")]
    with started(lifetime, asked.weakened(*lost)) as box:
        assert seen(box) == (False, 0, b"/")


# -- what a box is ---------------------------------------------------------------------


def test_keywords_of_the_sdk_are_passed_on(lifetime: Lifetime, api: Any) -> None:
    asked = docker_spec(
        cap_drop=("NET_RAW", "MKNOD"),
        sysctls="net.ipv4.ip_forward=0",
        ulimits=("nofile=100:200",),
        shm_size="1m",
        tmpfs="/srv:size=1m",
        extra_hosts=("other:10.1.2.3",),
        labels="a=b",
        oom_score_adj="500",
        privileged="false",
    )
    with started(lifetime, replace(asked, pids=77)) as box:
        found = api.inspect_container(box.parts.id)
        host = found["HostConfig"]
        assert [word.removeprefix("CAP_") for word in host["CapDrop"]] == ["NET_RAW", "MKNOD"]
        assert host["Sysctls"] == {"net.ipv4.ip_forward": "0"}
        assert host["Ulimits"] == [{"Name": "nofile", "Soft": 100, "Hard": 200}]
        assert (host["ShmSize"], host["PidsLimit"], host["OomScoreAdj"]) == (MIB, 77, 500)
        assert host["Tmpfs"] == {"/srv": "size=1m"}
        assert host["ExtraHosts"] == ["other:10.1.2.3"]
        assert found["Config"]["Labels"] == {"a": "b", LABEL: lifetime.run_id}
        assert host["LogConfig"]["Type"] == "none"
        assert host["AutoRemove"] is True


def test_the_network_is_the_one_asked_for(lifetime: Lifetime, plain: Box) -> None:
    assert plain.parts.address is not None
    with started(lifetime, SPEC, network="none") as box:
        assert box.parts.address is None
        assert os.listdir(f"/proc/{box.parts.init_pid}/root/sys/class/net") == ["lo"]


def test_hostname_identity_and_working_directory(lifetime: Lifetime) -> None:
    with started(lifetime, SPEC, hostname="named", uid=12, gid=34, workdir="/var") as box:
        assert box.proc.uname().data.split(b"\0")[0] == b"Linux"
        assert b"named" in box.proc.uname().data
        assert (box.proc.getuid().value, box.proc.getgid().value) == (12, 34)
        assert os.readlink(f"/proc/{box.parts.init_pid}/cwd") == "/var"


def test_what_the_host_knows_of_a_box(plain: Box) -> None:
    assert plain.parts.root is not None
    assert (plain.parts.root / "agent").is_file()
    assert plain.parts.group is not None
    assert plain.parts.init_pid in plain.parts.group.pids()
    assert plain.parts.name.startswith("pytest-isolation-")


def test_a_volume_is_seen_on_both_sides(lifetime: Lifetime) -> None:
    asked = (Volume(target="/data"), Volume(target="/shown", nested=os.geteuid() == 0))
    with started(lifetime, SPEC, volumes=asked) as box:
        (box.parts.volumes["/data"] / "file").write_text("both")
        assert box.read_file("/data/file") == b"both"
        if os.geteuid() == 0:
            assert "/shown/nested" in mounts_of(box)
        places = list(box.parts.volumes.values())
    assert not any(place.exists() for place in places)


def test_the_exec_door_is_another_process_of_the_same_box(plain: Box) -> None:
    entered = plain.enter()
    assert entered.getpid().value != plain.proc.getpid().value
    program = Program()
    program.getpid()
    assert all(entered.run(program)[0].ok for _ in range(100))


# -- images ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def user_image(api: Any) -> Iterator[str]:
    """A user's image without our agent: a file, a user and a working directory of its own."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for name in ("etc", "work"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        entry = tarfile.TarInfo("etc/theirs")
        entry.size = 6
        archive.addfile(entry, io.BytesIO(b"theirs"))
    tag = f"a-user-of-docker:{secrets.token_hex(4)}"
    api.import_image_from_data(
        written.getvalue(),
        *tag.split(":"),
        changes=["WORKDIR /work", "USER 77", 'ENTRYPOINT ["/no-such"]', "ENV THEIRS=1"],
    )
    yield tag
    api.remove_image(tag)


@pytest.mark.parametrize("read_only", [False, True])
def test_the_users_image(lifetime: Lifetime, user_image: str, read_only: bool) -> None:
    with started(lifetime, SPEC, image=user_image, read_only=read_only) as box:
        assert box.read_file("/etc/theirs") == b"theirs"
        assert box.proc.getuid().value == 77
        assert os.readlink(f"/proc/{box.parts.init_pid}/cwd") == "/work"
        assert b"THEIRS=1" in Path(f"/proc/{box.parts.init_pid}/environ").read_bytes()
        assert box.enter().getuid().value == 77


def test_an_image_nobody_has_is_not_pulled() -> None:
    with pytest.raises(Unavailable, match=r"no image 'no/such:image'.*docker pull no/such:image, or docker import"):
        DOCKER.check_available(replace(SPEC, image="no/such:image"))


def test_the_image_is_made_once_and_removed_with_the_run(api: Any) -> None:
    def ours() -> list[str]:
        label = {"label": f"{LABEL}={made.run_id}"}
        return [tag for image in api.images(filters=label) for tag in image["RepoTags"]]

    made = Lifetime()
    try:
        for _ in range(2):
            with started(made, SPEC):
                assert len(ours()) == 1
    finally:
        made.close()
    assert ours() == []


# -- another way to the daemon ---------------------------------------------------------


@pytest.fixture
def over_tcp() -> Iterator[str]:
    """The daemon as it is reached from another machine: through TCP, its socket out of sight."""
    with relayed(connect(None).where.removeprefix("unix://")) as address:
        yield address


def test_a_daemon_of_this_machine_behind_a_port_is_a_plain_one(user_image: str, over_tcp: str, api: Any) -> None:
    """An observer box tells that its kernel and its namespaces are these; nothing of it is left."""
    run = Lifetime()
    try:
        with started(run, docker_spec(host=over_tcp), image=user_image, volumes=(Volume(target="/volume"),)) as box:
            assert box.proc.getpid().value == 1
            assert box.enter().getpid().ok
            assert box.parts.host is LOCAL_HOST
            assert box.parts.group is not None and box.parts.volumes["/volume"].is_dir()
            host = api.inspect_container(box.parts.id)["HostConfig"]
            assert host["CgroupParent"].startswith("/pytest-isolation/"), "it has no guard group"
        names = [name for one in api.containers(all=True) for name in one["Names"]]
        assert not [name for name in names if f"{run.run_id}-observer" in name]
    finally:
        run.close()
        connect(over_tcp).api.close()


# -- errors ----------------------------------------------------------------------------


def ours_of(api: Any, lifetime: Lifetime) -> list[Any]:
    return list(api.containers(all=True, filters={"label": f"{LABEL}={lifetime.run_id}"}))


def groups_of(lifetime: Lifetime) -> set[str]:
    """The groups of the run's boxes.  Other runs make and remove theirs meanwhile: os.walk passes those over."""
    return {
        os.path.join(place, name)
        for tree in set(cgroups.hierarchies().values())
        for place, names, _ in os.walk(tree)
        if os.path.basename(place).startswith(lifetime.run_id)
        for name in names
    }


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (replace(SPEC, network="no-such-network"), "refused: .*no-such-network"),
        (docker_spec(devices=("/dev/no-such-device",)), "refused: .*no-such-device"),
        (replace(SPEC, workdir="/agent"), "refused: .*agent"),
    ],
    ids=["network", "device", "workdir"],
)
def test_what_the_daemon_refuses_is_one_paragraph(lifetime: Lifetime, api: Any, asked: BoxSpec, said: str) -> None:
    before = groups_of(lifetime)
    with pytest.raises(BoxError, match=said) as caught:
        DOCKER.launch(asked, lifetime)
    assert "\n" not in str(caught.value)
    assert not ours_of(api, lifetime) or all("created" not in one["Status"].lower() for one in ours_of(api, lifetime))
    assert groups_of(lifetime) == before


def test_a_container_killed_from_outside_is_a_dead_box(lifetime: Lifetime, api: Any) -> None:
    with started(lifetime, SPEC) as box:
        api.kill(box.parts.id)
        assert not box.alive


# -- clean-up --------------------------------------------------------------------------


def test_clean_removes_what_a_dead_run_left_and_only_that(api: Any, user_image: str) -> None:
    made = Lifetime()
    other = api.create_container(user_image, ["/x"], name=f"bystander-{secrets.token_hex(4)}")["Id"]
    try:
        with started(made, SPEC) as box:
            name = box.parts.name
            tag = api.inspect_container(name)["Config"]["Image"]
            assert DOCKER.clean("container", name)
            assert not DOCKER.clean("container", name)
        assert DOCKER.clean("image", tag)
        assert not DOCKER.clean("image", tag)
        for kind, handle in (("container", other), ("image", user_image)):
            with pytest.raises(BoxError, match="somebody else's, and kept"):
                DOCKER.clean(kind, handle)
        assert api.inspect_container(other)["Id"] == other
    finally:
        api.remove_container(other)
        made.close()


def test_a_killed_run_leaves_no_container(api: Any) -> None:
    """The daemon closes the agent's input when our end of the stream is gone, and removes what has ended."""
    program = (
        "import os, signal; from pytest_isolation import BoxSpec\n"
        "from pytest_isolation.boxes.lifetime import Lifetime\n"
        "from pytest_isolation.technologies.docker import Docker\n"
        "run = Lifetime(); box = Docker().launch(BoxSpec(technology='docker'), run)\n"
        "print(box.parts.name, flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    name = done.stdout.strip()
    assert name.startswith("pytest-isolation-"), done.stderr
    rows = [row for row in clean() if name.split("-")[2] in row.run]
    assert rows, "nothing was registered"
    assert not [row for row in rows if row.outcome.startswith("kept")]
    assert not [one for one in api.containers(all=True) if f"/{name}" in one["Names"]]
    assert not api.images(filters={"label": f"{LABEL}={name.split('-')[2]}"})


def test_an_image_of_ours_goes_with_what_holds_it(api: Any) -> None:
    """As a container that a daemon under load has forgotten to remove: it would keep the image for good."""
    tag = f"{image.REPOSITORY}:{secrets.token_hex(4)}"
    labels = {LABEL: "0" * 12}
    api.import_image_from_data(b"\0" * 1024, *tag.split(":"), changes=[f"LABEL {LABEL}={labels[LABEL]}"])
    left = api.create_container(tag, ["/none"], labels=labels)["Id"]
    assert connect(None).remove_image(tag)
    assert not api.images(tag)
    assert left not in [found["Id"] for found in api.containers(all=True)]
