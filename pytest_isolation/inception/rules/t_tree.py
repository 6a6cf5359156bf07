"""T: the submission can be read at all."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_isolation.inception.finding import Finding, Severity, advice, fail, unclear
from pytest_isolation.inception.model import Submission
from pytest_isolation.inception.place import Broken, Place
from pytest_isolation.inception.registry import rule

SHOWN = 10


@rule(
    "T01", Severity.RULE,
    asks="A submission holds files and directories of its own: no FIFO, no device, no link that leads out of it.",
    look="find . -type p -o -type b -o -type c -o -type s -o -type l",
)  # fmt: skip
def own_files(s: Submission) -> Iterator[Finding]:
    for odd in [one for one in s.tree.oddities if one.kind in ("link", "special")][:SHOWN]:
        yield fail(odd.at, f"{odd.says}; it was not opened", "remove it, or put a file of your own in its place")


@rule(
    "T02", Severity.RULE,
    asks="A submission is small enough to be read whole.",
    look="du -sh . ; find . -type f | wc -l",
)  # fmt: skip
def bounded(s: Submission) -> Iterator[Finding]:
    for odd in [one for one in s.tree.oddities if one.kind in ("size", "count", "depth", "access")][:SHOWN]:
        inside = odd.at.file.startswith(s.srcs) or odd.kind in ("count", "depth", "access")
        told = "a smaller submission, with nothing in it that is generated or downloaded"
        yield unclear(odd.at, odd.says, told) if inside else advice(odd.at, odd.says, "leave it out of the repository")


@rule(
    "T03", Severity.RULE,
    asks="Every file the stack is made of can be parsed.",
    look="docker compose config; docker compose build",
)  # fmt: skip
def parsed(s: Submission) -> Iterator[Finding]:
    dockerfiles = {image.problem for image in s.images.values()}
    for problem in [one for one in s.problems if one not in dockerfiles and not isinstance(one, Broken)][:SHOWN]:
        yield fail(problem.at, str(problem), "correct it: what cannot be read here was not judged")
    scripts = [one.script for image in s.images.values() for one in image.starts]
    scripts += [script for image in s.images.values() for script in image.build_scripts]
    scripts += [script for _, script in s.host_scripts]
    for cut in dict.fromkeys(script.cut for script in scripts if script.cut is not None):
        yield unclear(cut, "a script too large or too tangled to be read whole", "what it does from there on")


@rule(
    "T04", Severity.ADVICE,
    asks="The repository's objects are what their names say.",
    look="git fsck",
)  # fmt: skip
def honest_git(s: Submission) -> Iterator[Finding]:
    if ".git" in s.tree:  # a file: of a worktree, a submodule, or of somebody who wants another repository read
        says = s.tree.lenient(".git").strip().split("\n")[0][:120]
        yield unclear(Place(".git", 1), f"the repository is elsewhere, and was not opened: {says}",
                      "what is tracked: audit a clone of it (git clone)")  # fmt: skip
    for at, says in (s.git.problems if s.git else [])[:SHOWN]:
        yield unclear(at, says, "a repository whose `git fsck` is silent: clone it again")


@rule(
    "T05", Severity.ADVICE,
    asks="Reading the Makefile runs nothing.",
    look="grep -n 'shell' Makefile",
)  # fmt: skip
def quiet_makefile(s: Submission) -> Iterator[Finding]:
    for line in (s.makefile.shells if s.makefile else [])[:SHOWN]:
        if any(word in line for word in ("rm ", "curl", "wget", "sudo", "docker", "> ", "sh -c", "eval")):
            yield advice(line.at, f"runs whenever make reads the file: {line[:120]}", "move it into a recipe")


@rule(
    "T06", Severity.END,
    asks="docker compose can read the compose file.",
    look="docker compose config",
)  # fmt: skip
def compose_reads_it(s: Submission) -> Iterator[Finding]:
    for problem in [one for one in s.problems if isinstance(one, Broken)][:SHOWN]:
        yield fail(problem.at, str(problem), "correct it: no version of compose starts a service of this file")
