"""Virtual machines: KVM in three steps, and what talks to a guest."""

from __future__ import annotations

import errno
import struct

from pytest_isolation.agent.client import Program
from pytest_isolation.agent.memory import In, OutBuffer
from pytest_isolation.support.feature import feature
from pytest_isolation.support.trial import Absent, Trial, Untried, check, need

GROUP = "/dev/kvm belongs to root and the group kvm"
IN_GROUP = "usermod -aG kvm USER, who logs in again"
HARDWARE = "run on hardware, or ask the provider for nested virtualisation"
NO_KVM = f"modprobe kvm_intel (kvm_amd); else: {HARDWARE}"


def _kvm(t: Trial) -> int:
    if not t.exists("/dev/kvm"):
        raise Absent("there is no /dev/kvm", NO_KVM)
    return t.open("/dev/kvm")


@feature(
    "virt.kvm",
    "virtual machines at the processor's speed",
    config="KVM|KVM_INTEL|KVM_AMD",
    modules="kvm kvm_amd|kvm_intel",
    user=GROUP,
    user_remedy=IN_GROUP,
    remedy=NO_KVM,
)
def kvm(t: Trial) -> None:
    """open /dev/kvm and ask for the version of its interface"""
    check(need(t.proc.ioctl(_kvm(t), 0xAE00)).value == 12, "it answers another version than 12")


@feature(
    "virt.kvm-runs",
    "a virtual processor that runs code",
    config="KVM|KVM_INTEL|KVM_AMD",
    modules="kvm kvm_amd|kvm_intel",
    user=GROUP,
    user_remedy=IN_GROUP,
    remedy=HARDWARE,
)
def kvm_runs(t: Trial) -> None:
    """a machine with one page of memory executes `hlt`, and says so"""
    kvm = _kvm(t)
    if t.proc.agent.machine != "x86_64":
        raise Untried("the program is one for x86-64")
    machine = need(t.proc.ioctl(kvm, 0xAE01)).value
    file = need(t.proc.memfd_create("guest")).value
    need(t.proc.write(file, b"\xf4" * 4096))
    memory = need(t.proc.mmap(0, 4096, 3, 1, file)).value
    need(t.proc.ioctl(machine, 0x4020AE46, In(struct.pack("<IIQQQ", 0, 0, 0x1000, 4096, memory))))
    processor = need(t.proc.ioctl(machine, 0xAE41, 0)).value
    size = need(t.proc.ioctl(kvm, 0xAE04)).value
    state = need(t.proc.mmap(0, size, 3, 1, processor)).value
    special = bytearray(need(t.proc.ioctl(processor, 0x8138AE83, OutBuffer(312))).data)
    special[0:8] = bytes(8)  # cs.base
    special[12:14] = bytes(2)  # cs.selector
    need(t.proc.ioctl(processor, 0x4138AE84, In(bytes(special))))
    need(t.proc.ioctl(processor, 0x4090AE82, In(struct.pack("<18Q", *[0] * 16, 0x1000, 2))))
    need(t.proc.ioctl(processor, 0xAE80))
    program = Program()
    pipe = program.place(In(bytes(8)))
    program.call("pipe2", pipe, 0)
    reader, writer = program.load(pipe, 4), program.load(pipe, 4, 4)
    program.call("write", writer, state + 8, 4)
    step = program.read(reader, 4)
    reason = int.from_bytes(need(t.proc.run(program)[step]).data, "little")
    check(reason == 5, f"the processor stopped for reason {reason}, expected 5 (halt)")


@feature(
    "virt.kvm-boots",
    "a Linux guest at the processor's speed",
    config="KVM|KVM_INTEL|KVM_AMD",
    modules="kvm kvm_amd|kvm_intel",
    user=GROUP,
    user_remedy=IN_GROUP,
    remedy=f"QEMU without KVM (accel=tcg), some ten times slower; else: {HARDWARE}",
)
def kvm_boots(t: Trial) -> str:
    """QEMU boots a Linux kernel image on it to its first process, with a deadline"""
    t.proc.close(_kvm(t))
    if t.kernel.guest is None:
        raise Untried("no guest is booted inside a guest")
    if (reason := t.kernel.guest()) is not None:
        raise Absent(reason)
    return "its first process answered"


@feature(
    "virt.kvm-nested",
    "virtual machines inside virtual machines",
    config="KVM|KVM_INTEL|KVM_AMD",
    modules="kvm kvm_amd|kvm_intel",
    remedy="modprobe kvm_intel nested=1",
)
def nested(t: Trial) -> None:
    """the parameter nested of kvm_intel or kvm_amd is on"""
    values = [t.kernel.text(f"/sys/module/kvm_{name}/parameters/nested") for name in ("intel", "amd")]
    if not any(values):
        raise Absent("neither kvm_intel nor kvm_amd is loaded", NO_KVM)
    check(any(value in ("Y", "1") for value in values), "it is off")


def _device(id: str, what: str, path: str, config: str, module: str) -> None:
    @feature(
        f"virt.{id}",
        what,
        config=config,
        modules=module,
        user=f"{path} is not open to users",
        remedy=f"modprobe {module}",
    )
    def device(t: Trial) -> None:
        """open the device"""
        if not t.exists(path):
            raise Absent(f"there is no {path}")
        t.open(path)


_device("vhost-net", "a guest's network served by the kernel", "/dev/vhost-net", "VHOST_NET", "vhost_net")
_device("vhost-vsock", "sockets between a host and its guests", "/dev/vhost-vsock", "VHOST_VSOCK", "vhost_vsock")
_device("vsock", "this kernel's own vsock address", "/dev/vsock", "VSOCKETS", "vsock")
_device("vfio", "devices given to a guest", "/dev/vfio/vfio", "VFIO", "vfio")


@feature("virt.vsock-socket", "sockets to a host or a guest", config="VSOCKETS", modules="vsock")
def vsock(t: Trial) -> None:
    """socket(AF_VSOCK)"""
    answer = t.proc.socket(40, 1, 0)
    if answer.errno == errno.EAFNOSUPPORT:
        raise Absent("the kernel knows no AF_VSOCK")
    need(answer)


@feature("virt.hugepages", "guests' memory in large pages", config="HUGETLBFS", remedy="sysctl -w vm.nr_hugepages=64")
def huge_pages(t: Trial) -> None:
    """a mapping with MAP_HUGETLB, or refused for want of reserved pages"""
    answer = t.proc.mmap(0, 2 << 20, 3, 0x40022)
    if answer.errno == errno.ENOMEM:
        raise Absent("no huge page is reserved")
    need(answer)


@feature("virt.ksm", "equal pages of guests kept once", config="KSM", user="/sys/kernel/mm/ksm is root's")
def same_pages(t: Trial) -> None:
    """madvise(MADV_MERGEABLE) of a page"""
    page = need(t.proc.mmap(0, 4096, 3, 0x22)).value
    need(t.proc.madvise(page, 4096, 12))


@feature(
    "virt.iommu",
    "devices given to a guest, kept from the rest of memory",
    config="IOMMU_SUPPORT",
    remedy="boot with intel_iommu=on (amd_iommu=on), and switch it on in the firmware",
)
def iommu(t: Trial) -> None:
    """/sys/kernel/iommu_groups has groups"""
    from pytest_isolation.agent import shortcuts

    if not shortcuts.listing(t.proc, "/sys/kernel/iommu_groups"):
        raise Absent("there are no IOMMU groups")
