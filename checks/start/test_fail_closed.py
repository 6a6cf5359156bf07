"""Where a layer that was asked for cannot be had, a box does not start, or its start says so."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Guarantee, Unsupported, family, severity, weaken
from pytest_isolation.boxes.procfs import text_of
from pytest_isolation.boxes.spec import Unobtainable
from pytest_isolation.errors import IsolationError, NotStarted, Undecided, Violation, WentAway
from pytest_isolation.guarantees.severity import Consequence
from pytest_isolation.technologies.lacking import NOUNS, TAKEN

STARTS = "a box that is asked for nothing more"
PLACES = ("/dev", "/run/netns", "/sys/class/net")
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def _open_files(box: Box) -> int:
    """More than the kernel lets any process have: proc_sys_fs(5), nr_open."""
    return int(text_of(box.outside.path("/proc/sys/fs/nr_open")))


def _processors(box: Box) -> int:
    """The number of the last processor that the machine could ever have."""
    told = text_of(box.outside.path("/sys/devices/system/cpu/possible"))
    return int(told.strip().replace("-", ",").rsplit(",", 1)[-1])


def _name_of(box: Box, _: str) -> str:
    """What the box's own engine calls it; one by the empty name has none, and nothing is asked."""
    return box.parts.name or box.parts.id or "nobody"


@dataclass(frozen=True)
class Layer:
    slug: str
    what: str
    """That cannot be had, with its article."""
    source: str
    does: str
    why: str
    called: Callable[[Box, str], str] = lambda _, word: f"nx{word}"
    """A name that is not there, or cannot be had."""
    above: Callable[[Box], int] = lambda _: 1000
    """A number below those that are not there."""
    reach: Callable[[str], Consequence] = severity.surface
    """Of the layer that is missing then."""


LAYERS = (
    Layer("filter", "a filter of system calls that does not load", "man:seccomp(2)",
          "starts without a filter that does not load", "the filter: the layer that is missed last"),
    Layer("apparmor", "an AppArmor profile that is not loaded", "oci:runtime-spec config, apparmorProfile",
          "starts without the AppArmor profile it was to have", "a module may be off on the next machine"),
    Layer("selinux", "an SELinux context that no policy has", "oci:runtime-spec config, selinuxLabel",
          "starts without the SELinux context it was to have", "the other module of the kernel, asked for otherwise"),
    Layer("user", "a user that nobody knows", "man:getpwnam(3)",
          "starts as another user than it was to run as", "who is root instead has more than one layer less"),
    Layer("device", "a device that the host has not", "man:mknod(2)",
          "starts without a device it was to have", "something given, not something taken away",
          reach=severity.portability),
    Layer("rlimit", "a limit of open files above what the kernel allows", "man:setrlimit(2)",
          "starts with other limits than it was to have", "set at the last moment", above=_open_files,
          reach=severity.use),
    Layer("processors", "a processor that the machine has not", "man:cpuset(7)",
          "starts on other processors than it was to have", "a control group's file that refuses", above=_processors,
          reach=severity.use),
    Layer("disk", "a limit on reading a disk that the machine has not", "kernel:admin-guide/cgroup-v2, io.max",
          "starts without a limit on a disk it was to have", "a limit whose disk may have another number tomorrow",
          reach=severity.use),
    Layer("network", "a network that the host has not", "man:veth(4)",
          "starts in another network than it was to be in", "the network, whose default is another one"),
    Layer("namespace", "a namespace that there is not", "man:setns(2)",
          "starts outside a namespace it was to join", "one that others have made, and that may be gone"),
    Layer("sysctl", "a setting that the kernel has not", "oci:runtime-spec config-linux, sysctl",
          "starts without a setting it was to have", "a file that a kernel of another release has not"),
    Layer("capability", "a capability taken away whose name is misspelt", "man:capabilities(7)",
          "starts with a capability it was not to have", "a word that is known or not, before any start"),
    Layer(TAKEN, "the name of another box", "https://docs.docker.com/reference/cli/docker/container/run/, --name",
          "starts under the name of another box", "a word that leads to one box, whoever asks by it", called=_name_of),
    Layer("hook", "a program run before it starts that is not there", "oci:runtime-spec config, posix-platform hooks",
          "starts though a program that prepares it failed", "layers that somebody else sets up: firewalls, labels"),
)  # fmt: skip

closed = family(
    "start.{entry.slug}-fails-closed",
    over=LAYERS,
    claim="a box that is asked to have {entry.what} does not start, or whoever starts it is told",
    sources=("{entry.source}", "oci:runtime-spec runtime, errors"),
    severity=lambda entry: entry.reach(entry.does),
    falsified_by=weaken.drop("fails-closed"),
    kind="per-box",
    distinct="{entry.why}",
)


@closed
@given(word=st.text(LETTERS, min_size=6, max_size=8), more=st.integers(1, 500))
def test_no_silent_start(box: Box, promise: Guarantee, entry: Layer, word: str, more: int) -> None:
    name, number = entry.called(box, word), entry.above(box) + more
    if any(box.outside.path(place, name).exists() for place in PLACES):
        promise.undecided(f"the machine has something called {name}")
    try:
        with box.fresh(awaited=False, lacking=Unobtainable(layer=entry.slug, name=name, number=number)) as other:
            said = other.parts.said()
            told = _names(said, name, number, entry, box.parts.said())
            promise.require(told, f"asked for {name} or {number}, and started", said=said or "nothing")
            promise.remark(f"it starts, and says: {said[:200]}")
            return
    except (Unsupported, Undecided, Violation, NotStarted, WentAway):
        raise
    except IsolationError as error:
        refusal = str(error)
    if not _names(refusal, name, number, entry) and STARTS not in box.witnesses:
        with box.fresh(awaited=False):  # else its start may have failed for another reason
            box.witnesses[STARTS] = ExitStack()
    promise.require(True, refusal)
    promise.held("refused")


def _names(said: str, name: str, number: int, entry: Layer, usual: str = "") -> bool:
    """Whether what was said is of what was asked for: by its name, its number, or what it is.

    `usual`: what a box that is asked for nothing more says at its start; a word in it tells nothing.
    """
    words = (name, str(number), entry.slug, *NOUNS[entry.slug].split()[-1:])
    return any(word in said.lower() and word not in usual.lower() for word in words)
