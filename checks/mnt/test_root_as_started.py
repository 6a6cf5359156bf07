"""The root file system of this box, as it was started, refuses writes."""

from pytest_isolation import Box, guarantee, severity, weaken

promise = guarantee(
    "mnt.root-read-only",
    claim="the box's root file system is mounted read-only, as statfs(2) says inside",
    sources=("oci:runtime-spec config root.readonly", "CIS Docker Benchmark 1.6.0, 5.12", "man:statfs(2) ST_RDONLY"),
    severity=severity.use("was given a root that its processes may change"),
    falsified_by=weaken.drop("read-only"),
    control_box={"read_only": True},
    kind="per-box",
    oracle="errno",
    distinct="how this box was started; mnt.rootfs-readonly brings a read-only root, and tells of the technology",
)
ST_RDONLY = 1


@promise
def test_root_is_read_only(box: Box) -> None:
    told = promise.prepared(box.proc.statfs("/"), "what the kernel says of the root file system")
    flags = int.from_bytes(told.data[80:88], "little")  # struct statfs: f_flags
    promise.held("refused")
    promise.require(bool(flags & ST_RDONLY), told)
