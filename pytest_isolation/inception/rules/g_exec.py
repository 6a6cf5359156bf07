"""G01: what a container starts can be executed."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from pytest_isolation.inception.dockerfile import Instruction
from pytest_isolation.inception.finding import Finding, Severity, advice, fail
from pytest_isolation.inception.follow import SHELLS
from pytest_isolation.inception.model import Image, Submission
from pytest_isolation.inception.place import Place
from pytest_isolation.inception.registry import rule
from pytest_isolation.inception.rules.g_start import _build_commands, _copy_flags, _family, _mounted

WITHOUT_BASH = re.compile(
    r"nginx|openssl|curl|wget|tar|ca-certificates|gettext|envsubst|tzdata|shadow|su-exec|redis|vsftpd|mariadb|"
    r"mariadb-client|mysql|mysql-client|php\d*(-[a-z_]+)*|wordpress|netcat-openbsd|less|sed|dos2unix"
)
"""Alpine's packages that bring no bash with them."""
NOT_INSTALLED = frozenset({"zsh", "fish", "ksh", "tcsh", "csh"})
"""Shells that neither distribution has, and that nothing a stack needs brings with it."""


def _started_files(image: Image) -> Iterator[tuple[str, str, bool]]:
    """(path in the image, file of the submission, whether the kernel executes it) of what it is started with."""
    argv = image.argv
    if not argv or argv[0].rpartition("/")[2] == "env":
        return
    program = argv[0]
    by_shell = program.rpartition("/")[2] in SHELLS and len(argv) > 1 and not argv[1].startswith("-")
    word = argv[1] if by_shell else program
    here = image.service.text("working_dir") or image.workdir
    path = posixpath.normpath(posixpath.join(here, word)) if "/" in word or by_shell else None
    if path is None:
        path = next((at for at in image.copies if posixpath.basename(at) == word and "/bin/" in at), None)
    if path is not None and path in image.copies and not _mounted(image, path):
        yield path, image.copies[path], not by_shell


def _made_executable(image: Image, path: str) -> bool:
    """Whether a chmod of the build may be about `path`, or COPY sets its mode."""
    for stage in image.stages:
        for one in stage.every("COPY", "ADD"):
            if "chmod" in one.flags and _is_x(one.flags["chmod"]) and _puts(one, path, image.copies[path]):
                return True
    for command in _build_commands(image):
        words = [*command.real]
        names = [word.rpartition("/")[2] for word in words]
        if command.name in ("install", "find", "xargs"):
            return True
        if "chmod" in names and any(_may_be(word, path) for word in words[names.index("chmod") + 1 :]):
            return True
    return False


def _is_x(mode: str) -> bool:
    """Whether a mode lets somebody execute the file; of one that is no number, whether it may."""
    return any(int(digit) % 2 for digit in mode[-3:]) if re.fullmatch(r"[0-7]{3,4}", mode) else True


def _puts(one: Instruction, path: str, file: str) -> bool:
    """Whether COPY or ADD may be what puts the submission's `file` at `path`."""
    *sources, target = one.words or ("",)
    if "from" in one.flags or one.bodies or "$" in one.text or path.endswith(target):
        return True
    names = [posixpath.normpath(source).lstrip("/") for source in sources if "://" not in source]
    return any(name == "." or fnmatchcase(f"/{file}", f"*/{name}") or f"/{name}/" in f"/{file}" for name in names)


def _may_be(word: str, path: str) -> bool:
    """Whether an argument of chmod may name `path`: itself, from some working directory, by a pattern, or above it."""
    if "$" in word or "`" in word:
        return True
    name, word = posixpath.basename(path), word.rstrip("/")
    return (
        fnmatchcase(path, word)
        or fnmatchcase(name, posixpath.basename(word))
        or (word.startswith("/") and path.startswith(f"{word}/"))
        or word in ("", ".", "*")
    )


@rule(
    "G01", Severity.END,
    asks="What a container starts can be executed: its mode, its first line, its line endings, its interpreter.",
    look="docker compose up; docker compose logs",
    needs="compose",
)  # fmt: skip
def can_be_executed(s: Submission) -> Iterator[Finding]:
    for image in s.images.values():
        texts = " ".join(map(str, _build_commands(image)))
        for path, file, by_kernel in _started_files(image):
            at = Place(file, 1)
            text = _raw(s, file)
            first = text.split("\n", 1)[0]
            if by_kernel and not s.executable(file) and not _made_executable(image, path):
                yield fail(at, f'{image.service.name}: exec: "{path}": permission denied: it has no x bit',
                           f"RUN chmod +x {path}")  # fmt: skip
            if first.endswith("\r") and not re.search(r"dos2unix|\\r|tr -d", texts):
                if by_kernel:
                    says = f"exec {path}: " + (
                        "no such file or directory" if first.startswith("#!") else "exec format error"
                    )
                elif re.search(r"^set -\w*\r$", text, re.M):
                    says = "set: Illegal option -"
                elif re.search(r"^[^\S\n]*(then|do|fi|done)\r$", text, re.M):
                    says = "syntax error: unexpected end of file"
                else:
                    says = r"$'\r': command not found"
                yield fail(at, f"{image.service.name}: {says}: its lines end with CR LF", f"sed -i 's/\\r$//' {file}")
            elif by_kernel and not first.startswith("#!"):
                late = next((n for n, line in enumerate(text.split("\n")[:30], 1) if line.startswith("#!")), 0)
                if "init" in image.service.raw or "\0" in text or _rewritten(image, path) or not text.strip():
                    continue
                says = f"{image.service.name}: exec {path}: exec format error"
                if late:
                    yield fail(Place(file, late), f"{says}: #! is not on the first line", "move it to line 1")
                else:
                    yield fail(at, f"{says}: it has no #!", "#!/bin/sh as its first line")
            elif by_kernel:
                yield from _interpreter(image, path, at, first)


def _rewritten(image: Image, path: str) -> bool:
    """Whether a command of the build may change the file's text."""
    return any(
        one.name in ("sed", "awk", "tail", "perl", "mv", "cp") and any(_may_be(word, path) for word in one.words[1:])
        for one in _build_commands(image)
    )


def _raw(s: Submission, file: str) -> str:
    """As a clone has it, with its line endings."""
    if s.git is not None and (sha := s.git.tracked.get(file)) and (data := s.git.blob(sha)) is not None:
        return data.decode("utf-8", "replace")
    return s.tree.lenient(file)


def _interpreter(image: Image, path: str, at: Place, first: str) -> Iterator[Finding]:
    words = first[2:].split()
    if not words:
        return
    here = str(image.service.text("working_dir") or image.workdir).rstrip("/") or "/"
    if not words[0].startswith("/") and here != "/" and "$" not in here:
        yield fail(at, f"{image.service.name}: exec {path}: no such file or directory: {first} is looked for in {here}",
                   f"#!/{words[0]}")  # fmt: skip
        return
    name = words[1] if words[0].endswith("/env") and len(words) > 1 else words[0].rpartition("/")[2]
    if name in NOT_INSTALLED and name not in image.packages and _family(image) in ("debian", "alpine"):
        if "--from" not in _copy_flags(image) and not any("$" in str(one) for one in _build_commands(image)):
            yield fail(at, f"{image.service.name}: exec {path}: no such file or directory: nothing installs {name}",
                       f"install {name}, or write it for sh")  # fmt: skip
        return
    if name != "bash" or _family(image) != "alpine" or "bash" in image.packages or "--from" in _copy_flags(image):
        return
    installs = [one for one in _build_commands(image) if one.name == "apk"]
    if any("$" in str(one) for one in installs) or not installs:
        return
    says = (
        "env: can't execute 'bash': No such file or directory"
        if words[0].endswith("/env")
        else (f"exec {path}: no such file or directory")
    )
    kind = fail if all(WITHOUT_BASH.fullmatch(one) for one in image.packages) else advice
    yield kind(at, f"{image.service.name}: {says}: Alpine has no bash", "apk add bash, or write it for sh")
