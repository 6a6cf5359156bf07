"""The same calls on the same image end the same way in every box."""

import os
from errno import EACCES, EEXIST, EINVAL, EISDIR, ENOENT, ENOTDIR, EROFS

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.client import Reply
from pytest_isolation.boxes.image import Entry, Image
from pytest_isolation.outside.carried import alike, ids_of
from pytest_isolation.strategies import ids

promise = guarantee(
    "port.same-image-same-result",
    claim="a user who is not root gets, on the image's files, the results that their modes and owners decide",
    sources=("man:path_resolution(7), Permissions", "man:open(2)"),
    severity=severity.portability("gives a user other rights on the image's files"),
    falsified_by=weaken.lossy("modes"),
    kind="per-box",
    distinct="judges what a process may do, not what stat(2) tells: a capability kept, or a user mapped to root, "
    "breaks it while every mode has arrived",
)
ST_RDONLY = 1
"""In the flags that statfs(2) gives."""
MODES = st.lists(st.tuples(st.integers(0, 0o777), st.booleans(), st.booleans()), min_size=3, max_size=6)


@promise
@given(uid=ids(), gid=ids(), files=MODES)
def test_results_are_the_same(box: Box, uid: int, gid: int, files: list[tuple[int, bool, bool]]) -> None:
    uid, gid = ids_of(box, uid, gid)
    others = ids_of(box, uid + 1, gid + 1)
    entries = [Entry(path=b"image", kind="dir", mode=0o755)]
    for number, (mode, mine, group) in enumerate(files):
        path, owner, owners = f"image/F{number}".encode(), uid if mine else others[0], gid if group else others[1]
        entries.append(Entry(path=path, kind="file", mode=mode, uid=owner, gid=owners))
    with alike(box, image=Image(tuple(entries)), uid=uid, gid=gid) as fresh:
        proc = fresh.proc
        # Where nothing may be written: EROFS, and for who may not anyway the kernel is free to say either.
        read_only = proc.statfs("/image").data[80:81] and proc.statfs("/image").data[80] & ST_RDONLY
        denied = {EACCES, EROFS} if read_only else {EACCES}
        results: list[tuple[set[int], Reply]] = []
        for entry, (mode, mine, group) in zip(entries[1:], files, strict=True):
            bits = mode >> (6 if mine else 3 if group else 0)
            for flags, needed in ((os.O_RDONLY, 4), (os.O_WRONLY, 2), (os.O_RDWR, 6)):
                allowed = {EROFS} if read_only and needed & 2 else {0}
                refused = denied if needed & 2 else {EACCES}
                wanted = allowed if bits & needed == needed else refused
                results.append((wanted, proc.openat(-100, b"/" + entry.path, flags)))
        results += [
            ({ENOENT}, proc.openat(-100, "/image/f0", os.O_RDONLY)),
            ({ENOTDIR}, proc.openat(-100, "/image/F0/x", os.O_RDONLY)),
            ({EISDIR}, proc.openat(-100, "/image", os.O_WRONLY)),
            ({EEXIST}, proc.mkdirat(-100, "/image/F0")),
            (denied, proc.mkdirat(-100, "/image/new")),
            (denied, proc.unlinkat(-100, "/image/F0")),
            ({EINVAL}, proc.readlinkat(-100, "/image/F0")),
        ]
    other = [(expected, reply) for expected, reply in results if reply.errno not in expected]
    promise.require(not other, *(reply for _, reply in other), expected=[sorted(expected) for expected, _ in other])
