"""The sides of a box: its host, itself, its sibling; and pairs of them, in boxes started for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from pytest_isolation.agent.client import Proc
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.door import Door
from pytest_isolation.outside.box import Box
from pytest_isolation.suite.flow import receivers as found
from pytest_isolation.suite.flow.probes import Probe
from pytest_isolation.suite.flow.run import Actor, Side, Watcher, between
from pytest_isolation.technologies import technology
from pytest_isolation.technologies.pool import Pool

PORT = 20_111
"""The port of 127.0.0.1 that senders and receivers bind, and the next."""


@dataclass(frozen=True, slots=True)
class Direction:
    """From whom to whom."""

    sender: str
    receiver: str

    def __str__(self) -> str:
        return f"{self.sender} to {self.receiver}"


HOST_TO_BOX, BOX_TO_HOST, BOX_TO_SIBLING = (
    Direction("host", "box"), Direction("box", "host"), Direction("box", "sibling"),
)  # fmt: skip
DIRECTIONS = (BOX_TO_SIBLING, HOST_TO_BOX, BOX_TO_HOST)


class Boxes:
    """Pairs of sides of one spec: fresh boxes each time, one started before the other as asked.

    Of a spec with door "exec" programs on its sides come through that door, into boxes that run.  `other`: the spec of
    the box beside it; None: its sibling.
    """

    def __init__(self, spec: BoxSpec, pool: Pool, other: BoxSpec | None, receivers: dict[str, Sequence[Probe]]) -> None:
        self._door = spec.door
        self._spec, self._pool, self._other = replace(spec, door=Door.START), pool, other
        self.receivers = receivers
        """Side -> what it can be asked: looked for once."""
        self.one_kernel = True
        """Whether the last boxes stood on the host's kernel."""

    @contextmanager
    def between(
        self, direction: Direction, receiver_first: bool, wanted: Sequence[Probe] | None = None
    ) -> Iterator[tuple[Actor, Watcher]]:
        """An actor and a watcher, which has the receivers `wanted`, or all.  Raises IsolationError: no such box."""
        with ExitStack() as undo:
            box = undo.enter_context(self._pool.launch(self._spec))
            self.one_kernel = box.parts.shares_kernel
            sides: dict[str, Side] = {}
            names = (direction.receiver, direction.sender) if receiver_first else (direction.sender, direction.receiver)
            for name in names:
                sides[name] = self._side(name, box, undo)
            receiver = sides[direction.receiver]
            if wanted is None:
                if direction.receiver not in self.receivers:
                    self.receivers[direction.receiver] = found.receivers(receiver.proc, receiver.place)
                wanted = self.receivers[direction.receiver]
            with between(sides[direction.sender], receiver, wanted, receiver_first=receiver_first) as pair:
                yield pair

    def _side(self, name: str, box: Box, undo: ExitStack) -> Side:
        if name == "host":

            def start() -> Proc:
                process = box.outside.process()
                undo.callback(process.close)
                return process.proc

            return self._made(name, start, start(), box, is_host=True)
        if name == "box":
            one = box
        else:
            one = box.sibling if self._other is None else undo.enter_context(self._pool.launch(self._other))
        if (self._door if name == "box" or self._other is None else self._other.door) == Door.EXEC:
            one = one.entered
        return self._made(name, one.spawn, one.proc, one, is_host=False)

    def _made(self, name: str, spawn: Callable[[], Proc], proc: Proc, box: Box, *, is_host: bool) -> Side:
        foreign = found.hosts_own(
            proc, box.outside.proc, is_host=is_host or box.spec.attached, shares_kernel=box.parts.shares_kernel
        )
        if any(hole.kind == "expose" for hole in box.spec.weakenings):
            foreign |= {"mnt"}  # where the kernel is the box's own, its files have numbers of their own
        place = found.place_of(proc, box.parts.agent_path, PORT)
        if is_host:
            place = replace(place, locked="/proc/self/exe")
        return Side(name, proc, spawn, place, foreign)


@contextmanager
def boxes(
    spec: BoxSpec, other: BoxSpec | None = None, receivers: Mapping[str, Sequence[Probe]] | None = None
) -> Iterator[Boxes]:
    """With a register of their own.  Raises IsolationError where the spec cannot be started.

    `receivers`: what is known of sides that are alike.
    """
    technology(spec.technology).check_available(spec)
    lifetime = Lifetime()
    pool = Pool(lifetime)
    try:
        yield Boxes(spec, pool, other, dict(receivers or {}))
    finally:
        pool.close()
        lifetime.close()
