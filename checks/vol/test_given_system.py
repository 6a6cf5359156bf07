"""The box was handed nothing of the host's system, whatever its user could do with it."""

from dataclasses import dataclass

from pytest_isolation import Box, Guarantee, family, severity, weaken
from pytest_isolation.boxes.weakenings import Weakening
from pytest_isolation.outside.shared.found import Shared, of_its_machine, shared
from pytest_isolation.outside.shared.rulers import rulers
from pytest_isolation.outside.shared.table import below


@dataclass(frozen=True)
class Kind:
    slug: str
    name: str
    hole: Weakening
    does: str
    why: str

    @property
    def whether(self) -> str:
        return "" if self.slug == "writable" else "read-only or not, "

    def of(self, one: Shared, ruling: list[str]) -> str | None:
        """The host's path of such a thing that whoever has `one` has."""
        if one.is_the_hosts and one.kind == self.slug:
            return one.host
        if self.slug == "data":
            return one.host if one.kind == "volume" else None
        if self.slug == "writable":
            lasting = one.is_the_hosts or one.kind == "volume"
            return one.host if lasting and not one.read_only and one.kind != "socket" else None
        if self.slug == "socket" and one.host is not None and one.directory:
            return next((path for path in ruling if below(path, one.host)), None)
        return None


KINDS = (
    Kind(
        "system", "file or directory of the host's system", weaken.hand_in("file"), "was handed a place of the system",
        "what was handed in, not what this box's user may do with it: the next image may have another user",
    ),
    Kind(
        "socket", "socket of a daemon that rules the host", weaken.hand_in("socket"), "was handed a ruling socket",
        "that it is there, not that it answers: a user, a filter or a daemon that is down may hide it for today",
    ),
    Kind(
        "data", "directory or file of the host's that is not of its system", weaken.hand_in("directory"),
        "was handed a directory of the host's",
        "data that outlives the box, which is what most boxes are handed: each is to be known",
    ),
    Kind(
        "writable", "directory or file of the host's that can be written to", weaken.hand_in("directory"),
        "was handed a writable place of the host's",
        "what is left there is read, or run, by others when the box has ended; read-only, it is not",
    ),
)  # fmt: skip

given = family(
    "vol.{entry.slug}-not-given",
    over=KINDS,
    claim="no {entry.name} is mounted in the box, or open in its first process or in the one that is its machine: "
    "{entry.whether}usable by its user or not",
    sources=(
        "CIS Docker Benchmark 1.6.0, 5.5 and 5.31",
        "https://docs.docker.com/engine/storage/bind-mounts/#considerations-and-constraints",
    ),
    severity=lambda entry: severity.host(entry.does),
    falsified_by=lambda entry: entry.hole,
    distinct="{entry.why}",
)


def _comes_with_the_network(box: Box, one: Shared) -> bool:
    """Whether it is the /sys that whoever is in the host's network has: sysfs(5) is one for each network namespace."""
    if (one.target, one.fstype, one.read_only, box.parts.init_pid is None) != ("/sys", "sysfs", True, False):
        return False
    theirs, ours = (box.outside.path(f"/proc/{pid}/ns/net") for pid in (box.parts.init_pid, "self"))
    return theirs.readlink() == ours.readlink()


@given
def test_nothing_of_it_was_given(box: Box, promise: Guarantee, entry: Kind) -> None:
    """Every mount and every descriptor, with what the host has behind it; of a machine, of the process that it is."""
    found, ruling = [one for one in shared(box) if not _comes_with_the_network(box, one)], rulers(box)
    found += of_its_machine(box)
    handed = [(one, host) for one in found if (host := entry.of(one, ruling))]
    unknown = sorted(one.target for one in found if one.kind == "unknown")
    if unknown and not handed:
        promise.remark(f"nobody says which files of the host, if any, are behind {', '.join(unknown)}")
    promise.held("absent")
    promise.require(not handed, given="; ".join(f"{one.target} has the host's {host}" for one, host in handed))
