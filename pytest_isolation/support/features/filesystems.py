"""What root file systems of boxes are made of."""

from __future__ import annotations

import errno
import os
import struct

from pytest_isolation.agent.constants import AT_FDCWD, CLONE, LSMT_ROOT
from pytest_isolation.agent.memory import OutBuffer
from pytest_isolation.support.disks import SIZE, loop_device
from pytest_isolation.support.feature import feature, sysctl
from pytest_isolation.support.features.namespaces import USER_SWITCHES
from pytest_isolation.support.trial import ROOM, Absent, Trial, Untried, check, need

BEFORE_5_11 = "before Linux 5.11 an overlay is root's, in a user namespace too"
NO_DISK = "such file systems need a device, and a user has none"


def _overlay(t: Trial, options: str = "") -> None:
    room = t.room()
    for name in ("lower", "upper", "work", "merged"):
        need(t.proc.mkdirat(AT_FDCWD, f"{room}/{name}"))
    t.proc.close(t.open(f"{room}/lower/file", os.O_CREAT | os.O_WRONLY))
    layers = f"lowerdir={room}/lower,upperdir={room}/upper,workdir={room}/work{options}"
    need(t.proc.mount("none", f"{room}/merged", "overlay", 0, layers))
    need(t.proc.unlinkat(AT_FDCWD, f"{room}/merged/file"))
    check(t.exists(f"{room}/lower/file"), "the lower layer was changed")


OVERLAY_REMEDY = "modprobe overlay; without it: Docker with vfs, Podman with fuse-overlayfs or vfs"


@feature(
    "fs.overlay",
    "layers of an image shared by boxes",
    config="OVERLAY_FS",
    modules="overlay",
    user=BEFORE_5_11,
    remedy=OVERLAY_REMEDY,
)
def overlay(t: Trial) -> None:
    """an overlay on a scratch tmpfs: a file removed above stays below"""
    _overlay(t)


@feature(
    "fs.overlay-userns",
    "layers of an image without root",
    config="OVERLAY_FS USER_NS",
    modules="overlay",
    since="5.11",
    switches=USER_SWITCHES,
    remedy=OVERLAY_REMEDY,
)
def overlay_in_user_namespace(t: Trial) -> None:
    """the same overlay, with userxattr, inside a user namespace"""
    if t.as_ == "root":
        need(t.proc.unshare(CLONE.NEWUSER))
        t.map(t.proc)
    _overlay(t, ",userxattr")


@feature(
    "fs.overlay-volatile",
    "layers that are not synced",
    config="OVERLAY_FS",
    modules="overlay",
    since="5.10",
    user=BEFORE_5_11,
)
def overlay_volatile(t: Trial) -> None:
    """an overlay with the option volatile"""
    _overlay(t, ",volatile")


@feature("fs.tmpfs", "a file system in memory with a size", config="TMPFS")
def tmpfs(t: Trial) -> None:
    """a tmpfs of 64 KiB takes no more"""
    t.own(CLONE.NEWNS)
    need(t.proc.mount("none", ROOM, "tmpfs", 0, "size=64k,mode=0777"))
    fd = t.open(f"{ROOM}/file", os.O_CREAT | os.O_RDWR)
    check(t.proc.fallocate(fd, 0, 0, 1 << 20).errno == errno.ENOSPC, "1 MiB fits a tmpfs of 64 KiB")


@feature("fs.tmpfs-xattr", "attributes of files in memory", config="TMPFS_XATTR")
def tmpfs_xattr(t: Trial) -> None:
    """security.* (a user: user.*) set on a file of a scratch tmpfs"""
    room = t.room()
    t.proc.close(t.open(f"{room}/file", os.O_CREAT | os.O_RDWR))
    answer = t.proc.lsetxattr(f"{room}/file", "security.test" if t.as_ == "root" else "user.test", b"x")
    if answer.errno == errno.ENOTSUP and t.as_ == "user" and t.kernel.version < (6, 6):
        raise Absent(f"Linux {t.kernel.release} is older than 6.6, which brought a user's own", "Linux 6.6 or later")
    need(answer)


@feature("fs.bind-readonly", "a directory of the host shown read-only")
def bind_read_only(t: Trial) -> None:
    """a bind mount made read-only refuses a write"""
    room = t.room()
    need(t.proc.mkdirat(AT_FDCWD, f"{room}/a"))
    need(t.proc.mount(f"{room}/a", f"{room}/a", None, 0x1000))
    need(t.proc.mount(None, f"{room}/a", None, 0x1000 | 0x20 | 0x1))
    check(
        t.proc.openat(AT_FDCWD, f"{room}/a/file", os.O_CREAT | os.O_RDWR, 0o600).errno == errno.EROFS, "it was written"
    )


@feature("fs.pivot-root", "the host's root left behind")
def pivot_root(t: Trial) -> None:
    """pivot_root(2) into a scratch tmpfs, and the old root unmounted"""
    room = t.room()
    need(t.proc.mkdirat(AT_FDCWD, f"{room}/old"))
    answer = t.proc.pivot_root(room, f"{room}/old")
    if answer.errno == errno.EINVAL and t.kernel.name != "running":
        raise Absent("the root is the initramfs, which cannot be moved", "boot with a root file system of its own")
    need(answer)
    need(t.proc.chdir("/"))
    need(t.proc.umount2("/old", 2))
    check(not t.exists("/etc"), "the old root is still there")


@feature(
    "fs.chroot", "another root directory", user="chroot takes CAP_SYS_CHROOT, which a user has in a user namespace only"
)
def chroot(t: Trial) -> None:
    """chroot(2) into a scratch directory"""
    if t.as_ == "root":
        room = t.room()
        need(t.proc.chroot(room))
        need(t.proc.chdir("/"))
        check(not t.exists("/proc/self"), "the old root is still there")
    else:
        need(t.proc.chroot("/"))


@feature("fs.propagation", "mounts that travel, or do not, between boxes")
def propagation(t: Trial) -> None:
    """a mount in a shared tree appears in the peer; in a private one it does not"""
    room = t.room()
    for name in ("a", "b"):
        need(t.proc.mkdirat(AT_FDCWD, f"{room}/{name}"))
    need(t.proc.mount("none", f"{room}/a", "tmpfs", 0, None))
    need(t.proc.mount(None, f"{room}/a", None, 1 << 20))
    need(t.proc.mkdirat(AT_FDCWD, f"{room}/a/x"))
    need(t.proc.mount(f"{room}/a", f"{room}/b", None, 0x1000))
    need(t.proc.mount("none", f"{room}/a/x", "tmpfs", 0, None))
    need(t.proc.mkdirat(AT_FDCWD, f"{room}/a/x/seen"))
    check(t.exists(f"{room}/b/x/seen"), "the mount did not travel")


@feature("fs.new-mount-api", "mounts built by descriptor: fsopen, fsconfig, fsmount, move_mount", since="5.2")
def new_mount_api(t: Trial) -> None:
    """a tmpfs made by fsopen, fsconfig and fsmount, attached by move_mount"""
    t.own(CLONE.NEWNS)
    fs = need(t.proc.fsopen("tmpfs")).value
    need(t.proc.fsconfig(fs, 1, "mode", "0777"))
    need(t.proc.fsconfig(fs, 6))
    made = need(t.proc.fsmount(fs)).value
    need(t.proc.move_mount(made, "", AT_FDCWD, ROOM, 4))
    t.proc.close(t.open(f"{ROOM}/file", os.O_CREAT | os.O_RDWR))


@feature("fs.mount-setattr", "a whole tree of mounts made read-only at once", since="5.12")
def mount_setattr(t: Trial) -> None:
    """mount_setattr(2) with MOUNT_ATTR_RDONLY on a scratch tmpfs"""
    room = t.room()
    need(t.proc.mount_setattr(AT_FDCWD, room, 0x8000, 1))
    answer = t.proc.openat(AT_FDCWD, f"{room}/file", os.O_CREAT | os.O_RDWR, 0o600)
    check(answer.errno == errno.EROFS, "it was written")


@feature(
    "fs.idmap",
    "files shown with other owners: one image for boxes with different ids",
    since="5.12",
    user="changing the ids of a mount takes CAP_SYS_ADMIN over the file system",
    config="USER_NS",
    remedy="keep images on ext4, xfs, btrfs or overlay, or (Linux 6.3) tmpfs",
)
def idmapped_mount(t: Trial) -> str:
    """mount_setattr(2) with MOUNT_ATTR_IDMAP on a detached copy of the file system boxes are kept on"""
    place = next((one for one in ("/var/lib", "/var", "/tmp") if t.exists(one)), "/")
    tree = need(t.proc.call("open_tree", AT_FDCWD, place, 1 | os.O_CLOEXEC)).value
    with t.child(CLONE.NEWUSER) as child:
        t.write(f"/proc/{child.pid}/uid_map", "0 100000 1000")
        t.write(f"/proc/{child.pid}/gid_map", "0 100000 1000")
        namespace = t.open(f"/proc/{child.pid}/ns/user", 0)
        answer = t.proc.mount_setattr(tree, "", 0x1000, 0x100000, userns_fd=namespace)
        if answer.errno == errno.EINVAL and t.kernel.ours and t.kernel.version < (6, 3):
            raise Untried("there is nothing but tmpfs here, which Linux 6.3 brought it to; other file systems had it")
        if answer.errno == errno.EINVAL:
            raise Absent(f"Linux {t.kernel.release} cannot do it on {_kind(t, place)}, which {place} is on")
        need(answer)
    seen = struct.unpack_from("<I", need(t.proc.statx(tree, "", 0x1000)).data, 20)[0]
    check(seen == 65534 or seen >= 100000 or seen < 1000, f"the owner is shown as {seen}")
    return f"{_kind(t, place)} at {place}"


def _kind(t: Trial, path: str) -> str:
    magic = struct.unpack_from("<q", need(t.proc.statfs(path)).data)[0]
    names = {
        0xEF53: "ext4",
        0x9123683E: "btrfs",
        0x58465342: "xfs",
        0x01021994: "tmpfs",
        0x794C7630: "overlay",
        0x858458F6: "ramfs",
        0x6969: "nfs",
        0x2FC12FC1: "zfs",
    }
    return names.get(magic, f"file system {magic:#x}")


def _known(id: str, name: str, what: str, config: str, modules: str) -> None:
    @feature(id, what, config=config, modules=modules, user=NO_DISK, remedy=f"modprobe {modules.split()[0]}")
    def known(t: Trial) -> None:
        """fsopen(2) knows the file system, or mount(2) asks for a device instead of ENODEV"""
        t.own(CLONE.NEWNS)
        answer = t.proc.mount("none", ROOM, name, 1, None)
        if answer.errno == errno.ENODEV:
            raise Absent(f"the kernel knows no file system {name}")
        # "none" is no device; some ask first what they would mount
        need(answer, errno.ENOTBLK, errno.ENOENT, errno.EINVAL)


_known("fs.ext4", "ext4", "the usual file system of a host", "EXT4_FS", "ext4")
_known("fs.xfs", "xfs", "a file system with quotas by box", "XFS_FS", "xfs")
_known("fs.btrfs", "btrfs", "a file system with snapshots: a storage driver of Docker and Podman", "BTRFS_FS", "btrfs")
_known("fs.squashfs", "squashfs", "compressed read-only images", "SQUASHFS", "squashfs")
_known("fs.erofs", "erofs", "read-only images, opened lazily", "EROFS_FS", "erofs")


@feature("fs.virtiofs", "directories of the host inside a VM", config="VIRTIO_FS", modules="virtiofs", user=NO_DISK)
def virtiofs(t: Trial) -> None:
    """mount(2) knows virtiofs"""
    t.own(CLONE.NEWNS)
    answer = t.proc.mount("none", ROOM, "virtiofs", 1, None)
    if answer.errno == errno.ENODEV:
        raise Absent("the kernel knows no file system virtiofs")
    need(answer, errno.EINVAL, errno.ENOENT)


@feature(
    "fs.fuse",
    "file systems served by programs: lxcfs, fuse-overlayfs, gVisor's mounts",
    config="FUSE_FS",
    modules="fuse",
    since="4.18",
    remedy="modprobe fuse; chmod 666 /dev/fuse",
)
def fuse(t: Trial) -> None:
    """open /dev/fuse and mount it in a mount namespace of its own"""
    t.own(CLONE.NEWNS)
    if not t.exists("/dev/fuse"):
        raise Absent("there is no /dev/fuse")
    fd = t.open("/dev/fuse")
    need(t.proc.mount("none", ROOM, "fuse", 0, f"fd={fd},rootmode=40000,user_id=0,group_id=0"))


@feature(
    "fs.loop",
    "image files mounted as disks",
    config="BLK_DEV_LOOP",
    modules="loop",
    user="loop devices belong to root",
    remedy="modprobe loop",
)
def loop(t: Trial) -> None:
    """a memory file attached to a free loop device, and detached"""
    with loop_device(t) as (number, _):
        size = int(t.read(f"/sys/block/loop{number}/size"))
        check(size == SIZE // 512, f"the device has {size} sectors, the file {SIZE // 512}")


@feature("fs.devpts", "terminals of a box are its own", config="UNIX98_PTYS")
def devpts(t: Trial) -> None:
    """a new instance of devpts shows its first terminal as 0"""
    t.own(CLONE.NEWNS)
    need(t.proc.mount("none", ROOM, "devpts", 0, "newinstance,ptmxmode=0666"))
    t.open(f"{ROOM}/ptmx", os.O_RDWR | os.O_NOCTTY)
    check(t.exists(f"{ROOM}/0"), "the first terminal is not 0")


@feature("fs.mqueue", "POSIX message queues", config="POSIX_MQUEUE")
def mqueue(t: Trial) -> None:
    """mq_open(3) in an ipc namespace of its own"""
    t.own(0x8000000)
    need(t.proc.mq_open("support", os.O_CREAT | os.O_RDWR))


@feature(
    "fs.quota-project",
    "a limit on the size of a box's files",
    config="QUOTA|XFS_QUOTA",
    remedy="mount with prjquota",
    user="quotas are root's to set",
)
def project_quota(t: Trial) -> None:
    """ask quotactl(2) whether the file system boxes are kept on counts by project"""
    place = "/var/lib" if t.exists("/var/lib") else "/"
    fd = t.open(place, os.O_RDONLY | os.O_DIRECTORY)
    answer = t.proc.call("quotactl_fd", fd, 0x800007 << 8 | 2, 0, OutBuffer(128))
    if answer.errno in (errno.ESRCH, errno.ENOTSUP, errno.EINVAL, errno.ENOTBLK, errno.ENOSYS):
        raise Absent(f"{place} counts nothing by project")
    need(answer)


@feature("fs.handles", "files reopened by handle: systemd, criu", config="FHANDLE")
def handles(t: Trial) -> None:
    """name_to_handle_at(2) of a directory of the host"""
    answer = t.proc.name_to_handle_at(AT_FDCWD, "/proc" if t.kernel.name != "running" else "/")
    need(answer, errno.EOPNOTSUPP)


@feature(
    "fs.binfmt",
    "programs of other machines run through an emulator",
    config="BINFMT_MISC",
    modules="binfmt_misc",
    user="the handlers are root's to set",
    remedy="mount -t binfmt_misc none /proc/sys/fs/binfmt_misc",
)
def binfmt(t: Trial) -> None:
    """mount binfmt_misc in a mount namespace of its own and read its status"""
    t.own(CLONE.NEWNS)
    need(t.proc.mount("none", ROOM, "binfmt_misc", 0, None))
    check(t.read(f"{ROOM}/status") == "enabled", "it is disabled")


@feature(
    "fs.binfmt-userns",
    "emulators of a box's own",
    config="BINFMT_MISC USER_NS",
    since="6.7",
    modules="binfmt_misc",
    switches=USER_SWITCHES,
)
def binfmt_in_user_namespace(t: Trial) -> None:
    """mount binfmt_misc inside a user namespace"""
    need(t.proc.unshare(CLONE.NEWUSER | CLONE.NEWNS))
    t.map(t.proc)
    need(t.proc.mount("none", ROOM, "binfmt_misc", 0, None))


@feature(
    "fs.protected-links",
    "links in shared directories that cannot be turned against others",
    switches=(sysctl("fs.protected_symlinks", "0", to="1"), sysctl("fs.protected_hardlinks", "0", to="1")),
)
def protected_links(t: Trial) -> None:
    """fs.protected_symlinks and fs.protected_hardlinks are 1"""
    for name in ("symlinks", "hardlinks"):
        check(t.kernel.sysctl(f"fs/protected_{name}") == "1", f"fs.protected_{name} is 0")


@feature("fs.statmount", "mounts listed without text", since="6.8")
def statmount(t: Trial) -> None:
    """listmount(2) of the root mount"""
    need(t.proc.listmount(LSMT_ROOT, 0, OutBuffer(80)))
