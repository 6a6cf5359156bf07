"""In a directory of the host's that the box may write to, what programs of the host run later stays as it is."""

import os
from errno import EISDIR

from pytest_isolation import Box, Unsupported, guarantee, severity, weaken
from pytest_isolation.agent.client import Program, Reply
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.outside.shared import Shared, shared

TRIGGERS = {
    ".git/hooks": "git(1) runs what is in it, at the next commit: githooks(5)",
    ".git/config": "names programs that git(1) runs: git-config(1), core.fsmonitor",
    ".gitconfig": "the same, of a home",
    ".envrc": "direnv(1) runs it for who enters the directory",
    ".bashrc": "bash(1) runs it",
    ".profile": "every login shell runs it",
    ".zshrc": "zsh(1) runs it",
    ".vscode": "an editor runs its tasks, some when the directory is opened",
    ".idea": "the same, of another editor",
    ".mcp.json": "names programs that an assistant starts",
}
"""Name below the directory -> who runs it."""

promise = guarantee(
    "mnt.host-trigger-files",
    claim="in no directory of the host's that was handed in can a process of the box make, or write to, a file that "
    "programs of the host run later: hooks and settings of git, start files of a shell, tasks of an editor",
    sources=(
        "man:githooks(5)",
        "man:bash(1) FILES",
        "https://github.com/anthropic-experimental/sandbox-runtime (README: mandatory deny paths)",
    ),
    severity=severity.host("writes files that programs of the host run later"),
    falsified_by=weaken.hand_in("directory"),
    distinct="a workspace is there to be written to: what of it others run can be kept read-only all the same",
)


@promise
def test_what_others_run_stays(box: Box) -> None:
    """Nothing is written: a file is opened, a directory is asked about, and so is the one where a file is not there."""
    handed = [one for one in shared(box) if one.directory and one.fd is None and _is_handed(one)]
    if not handed and box.parts.size is not None:
        raise Unsupported("the machine has mounted no directory of the host's; what it was handed: vol.data-not-given")
    promise.held("refused" if handed else "absent")
    open_to: list[tuple[Reply, str]] = []
    for one in handed:
        open_to += _open_to(box, one)
    promise.require(not open_to, *(reply for reply, _ in open_to), files=", ".join(file for _, file in open_to))


def _is_handed(one: Shared) -> bool:
    """A directory of the host's that is for data, or somebody's home: there shells and Git look for what they run."""
    home = one.host is not None and (one.host == "/root" or os.path.dirname(one.host) == "/home")
    return one.kind == "volume" or (one.kind == "system" and home)


def _open_to(box: Box, handed: Shared) -> list[tuple[Reply, str]]:
    """The replies of the calls that show that the box may write there, and the file or where it would be."""
    found = []
    for name in TRIGGERS:
        path = os.path.join(handed.target, name)
        program = Program()
        opened = program.openat(AT_FDCWD, path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        program.close(opened)
        asked = program.faccessat(AT_FDCWD, path, os.W_OK | os.X_OK)
        above = program.faccessat(AT_FDCWD, os.path.dirname(path), os.W_OK | os.X_OK)
        top = program.faccessat(AT_FDCWD, handed.target, os.W_OK | os.X_OK)
        replies = box.proc.run(program)
        there = replies[opened]
        if there.ok:
            found.append((there, path))
        elif there.errno == EISDIR and replies[asked].ok:
            found.append((replies[asked], path))
        elif not box.proc.faccessat(AT_FDCWD, path, os.F_OK).ok:
            # Not there: where the directory above it is not either, that can be made first.
            above_it = (
                replies[above] if box.proc.faccessat(AT_FDCWD, os.path.dirname(path), os.F_OK).ok else replies[top]
            )
            if above_it.ok:
                found.append((above_it, path))
    return found
