"""No character device of the machine opens in the box, but those that every box has."""

from errno import EACCES, ENOENT, ENOTDIR, EROFS

from hypothesis import given

from pytest_isolation import Box, Guarantee, Unsupported, family, guarantee, severity, weaken
from pytest_isolation.outside.objects.nodes import KINDS, USUAL, Kind, acting, nodes, opens, tried
from pytest_isolation.strategies import tokens

VAIN = (ENOENT, ENOTDIR, EROFS, EACCES)

closed = family(
    "dev.{entry.slug}-closed",
    over=KINDS,
    claim="no node in the box, there or made there, opens the machine's device for {entry.what}",
    sources=("oci:runtime-spec config-linux default-devices", "kernel:admin-guide/devices"),
    severity=lambda entry: severity.surface(entry.does),
    falsified_by=weaken.drop("devices"),
    needs_root=True,
    kind="per-window",
    distinct="{entry.what}: a device that some boxes are given for it",
)


@closed
@given(name=tokens())
def test_device_is_closed(box: Box, promise: Guarantee, entry: Kind, name: str) -> None:
    if not box.parts.shares_kernel:
        raise Unsupported("the box has a kernel of its own, and devices of that")
    there = [path for path, number in nodes(box.outside.proc).items() if number == entry.number]
    if not any(opens(box.outside.proc, path, entry.flags).ok for path in there):
        raise Unsupported(f"its machine has no device for {entry.what}, or does not let its own process in")
    with box.spawn() as proc:
        told = tried(box, proc, entry.number, entry.flags, name)
    promise.tried(*told, vain=VAIN)
    promise.held("refused")
    promise.require(not any(reply.ok for reply in told), *[reply for reply in told if reply.ok][:3])


promise = guarantee(
    "dev.char-nodes-closed",
    claim="no character device that the machine has in its /dev opens in the box, but those that every box has; those "
    "that are asked about one by one, and those whose opening does something, are left alone",
    sources=("oci:runtime-spec config-linux default-devices", "kernel:admin-guide/devices"),
    severity=severity.host("opens character devices of the host"),
    falsified_by=weaken.drop("devices"),
    needs_root=True,
    kind="per-box",
    distinct="every one that the machine has, whatever it is for",
)


@promise
@given(name=tokens())
def test_no_device_of_the_machine_opens(box: Box, name: str) -> None:
    if not box.parts.shares_kernel:
        raise Unsupported("the box has a kernel of its own, and devices of that")
    host = box.outside.proc
    numbers = {
        number: path
        for path, number in nodes(host).items()
        if number not in {*USUAL, *(kind.number for kind in KINDS)} and not acting(path) and opens(host, path, 0).ok
    }
    if not numbers:
        raise Unsupported("its machine has no character device but those that every box has")
    with box.spawn() as proc:
        told = {path: tried(box, proc, number, 0, name) for number, path in numbers.items()}
    promise.tried(*[reply for replies in told.values() for reply in replies], vain=VAIN)
    promise.held("refused")
    wrong = {path: reply for path, replies in told.items() for reply in replies if reply.ok}
    promise.require(not wrong, *list(wrong.values())[:3], opened=", ".join(wrong), of=len(told))
