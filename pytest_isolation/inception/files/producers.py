"""Programs that make files of their own: what awk prints, certificates, what is downloaded."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from itertools import pairwise

from pytest_isolation.inception.files import awk
from pytest_isolation.inception.files.commands import Call, read_files
from pytest_isolation.inception.files.flow import Output, lines_of

INTO = re.compile(r"-out|-keyout|-[a-zA-Z]*[oO]|--output|--output-document|-cert-file|-key-file")
"""Options with the path of a file that is made."""


def by_awk(call: Call) -> Output:
    """`awk`, from a text to a text; gawk's `-i inplace`."""
    words = call.words[1:]
    options: list[str] = []
    in_place = False
    while words and words[0].startswith("-"):
        word = words.pop(0)
        if word == "-i" and words[:1] == ["inplace"]:
            in_place = True
            words.pop(0)
            continue
        options.append(word)
        if word in ("-v", "-F") and words:
            options.append(words.pop(0))
    program, names = words[:1], words[1:]
    if in_place:
        for path in list(call.disk.named(names)):
            made = _made(call, [*options, *program], read_files(call.disk, [path]))
            call.disk.write(path, made)
        return ()
    paths = list(call.disk.named(names))
    read = read_files(call.disk, paths) if paths and len(paths) >= len(names) else None if names else call.fed
    return _made(call, [*options, *program], read)


def _made(call: Call, words: list[str], read: Output) -> Output:
    if read is None:
        return None
    lines = lines_of(read)
    made = awk.edited(words, [line for line, _ in lines], call.values)
    if made is None:
        return None
    return tuple((f"{text}\n", at) for text, (_, at) in zip(made, lines, strict=True) if text)


def makes(call: Call) -> Output:
    """`openssl`, `curl`, `wget` and `mkcert`: a file is there, and what it holds is not known."""
    words = call.words
    named = [after for word, after in pairwise(words) if INTO.fullmatch(word) and not after.startswith("-")]
    named += [word.partition("=")[2] for word in words if word.startswith(("--output=", "--output-document="))]
    named += [word[2:] for word in words if word.startswith("-o/")]
    named = [word for word in named if "://" not in word]
    by_url = words[0].endswith("wget") and not named
    remote = any(re.fullmatch(r"-[a-zA-Z]*O[a-zA-Z]*|--remote-name", word) for word in words)
    if by_url or (words[0].endswith("curl") and remote):
        named += [posixpath.basename(word) for word in words[1:] if "://" in word]
    for word in named:
        if word and "://" not in word:
            call.disk.write(call.disk.path(word), None)
    return None


PRODUCERS: dict[str, Callable[[Call], Output]] = {
    "awk": by_awk, "gawk": by_awk, "mawk": by_awk, "openssl": makes, "curl": makes, "wget": makes, "mkcert": makes,
}  # fmt: skip
