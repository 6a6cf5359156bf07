"""The kinds of calls that sequences are drawn of, and the hole by which each goes wrong: boxes/skewed.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

from pytest_isolation.boxes.weakenings import SKEWED, Weakening, lossy
from pytest_isolation.outside.behaviour import channels, files, locks, memory, names, processes, times
from pytest_isolation.outside.behaviour.play import Call, Play, Verb


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind."""

    name: str
    what: str
    """In words, as the object of a sentence."""
    source: str
    verbs: Mapping[str, Verb]
    begin: Callable[[Play], None]
    """Makes what the sequence is about; nothing of it is compared."""
    end: Callable[[Play], None]
    """Looks at what there is when the sequence is over."""
    on_image: bool = False
    """It is made on a tree that came with the image, in a box of its own."""
    takes_time: bool = False
    """What is sent may be on its way still when the other side is asked."""
    most: int = 48
    """Calls of one sequence."""

    def calls(self, drawn: Iterable[tuple[int, int, int, int]]) -> tuple[Call, ...]:
        """Those that numbers from 0 to 15, and three from 0 to 7 each, mean."""
        verbs = list(self.verbs)
        return tuple(Call(verbs[verb % len(verbs)], *numbers) for verb, *numbers in islice(drawn, self.most))

    def whole(self, drawn: Iterable[tuple[int, int, int, int]]) -> tuple[Call, ...]:
        """As calls(), and then each verb once: one seed in a thousand draws ten sequences without a verb of files.

        So a hole is seen by the first sequence, which has nothing drawn.
        """
        return (*self.calls(drawn), *map(Call, self.verbs))

    @property
    def hole(self) -> Weakening:
        """A layer below it answers one of its calls otherwise."""
        return lossy(f"behaviour-{self.name}")


KINDS = (
    Kind("files", "files by their descriptors", "man:read(2), write(2), lseek(2), fallocate(2), copy_file_range(2)",
         files.VERBS, files.begin, files.end),
    Kind("names", "names of files", "man:link(2), rename(2), symlink(2), unlink(2), mkdir(2)",
         names.VERBS, names.begin, names.end),
    Kind("image", "files of the image", "man:rename(2), open(2); kernel:filesystems/overlayfs Non-standard behavior",
         names.ON_TREE, names.begin_on_tree, names.end_on_tree, on_image=True),
    Kind("times", "times of files and clocks", "man:utimensat(2), inode(7), clock_gettime(2)",
         times.VERBS, times.begin, times.end),
    Kind("channels", "pipes and sockets", "man:pipe(7), unix(7), tcp(7), udp(7), shutdown(2), poll(2)",
         channels.VERBS, channels.begin, channels.end, takes_time=True),
    Kind("locks", "locks of files", "man:flock(2), fcntl(2)", locks.VERBS, locks.begin, locks.end),
    Kind("memory", "mapped memory", "man:mmap(2), mprotect(2), msync(2), madvise(2)",
         memory.VERBS, memory.begin, memory.end),
    Kind("processes", "processes and signals", "man:wait(2), kill(2), signal(7), setpgid(2)",
         processes.VERBS, processes.begin, processes.end, most=12),
)  # fmt: skip
assert tuple(SKEWED) == tuple(f"behaviour-{kind.name}" for kind in KINDS)
BY_NAME = {kind.name: kind for kind in KINDS}
