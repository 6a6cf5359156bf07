"""NGINX's configuration as the containers have it, whatever way it got there."""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from pytest_isolation.inception import nginx, rendered
from pytest_isolation.inception.place import Place, Unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_isolation.inception import shell
    from pytest_isolation.inception.model import Image, Submission

MAX_CONFIGURATIONS = 100
MAX_INCLUDES = 4
"""Files that one includes the other."""

Read = list[tuple[str, list[nginx.Directive]]]
"""(file of the submission, its directives)"""


def nginx_files(s: Submission) -> Read:
    """Of the stack's NGINX."""
    return [one for image in s.role("nginx") for one in of_image(s, image)]


def of_image(s: Submission, image: Image) -> Read:
    """Files that are copied, mounted or given as configs, and here-documents of the build and of its scripts."""
    found: Read = []
    values = rendered.known(s, image)
    for path in sorted(set(image.copies.values())):
        text = s.tree.lenient(path)
        if path.endswith((".sh", "Dockerfile", ".md")) or text.startswith("#!") or not nginx.looks_like_one(text):
            continue
        places = [path, *(inside for inside, file in image.copies.items() if file == path)]
        _read(s, rendered.filled(text, places, image, values), path, 1, found)
    for written in image.written.values():
        if nginx.looks_like_one(written):
            _read(s, written, written.at.file, written.at.line, found)
    for script in [start.script for start in image.starts] + image.build_scripts:
        for body, at in texts_written(script):
            if nginx.looks_like_one(body):
                _read(s, rendered.from_here_document(body, values), at.file, at.line, found)
    for stage in image.stages:
        for one in stage.every("COPY", "RUN"):
            for body in one.bodies:
                if nginx.looks_like_one(body):
                    _read(s, body, body.at.file, body.at.line, found)
    for _, tree in found:
        _include(s, image, tree, {file for file, _ in found}, values, 0)
    return found


def _include(
    s: Submission, image: Image, tree: list[nginx.Directive], read: set[str], values: Mapping[str, str], depth: int
) -> None:
    """Puts files of the submission in the place of the `include` that names them, unless they were read already."""
    for number in range(len(tree) - 1, -1, -1):
        one = tree[number]
        if one.block:
            _include(s, image, one.block, read, values, depth)
        if one.name != "include" or not one.arguments or depth >= MAX_INCLUDES:
            continue
        wanted = posixpath.normpath(posixpath.join("/etc/nginx", one.arguments[0]))
        for inside, file in sorted(image.copies.items()):
            if file in read or not fnmatchcase(inside, wanted):
                continue
            part: Read = []
            _read(s, rendered.filled(s.tree.lenient(file), [inside, file], image, values), file, 1, part)
            for _, directives in part:
                _include(s, image, directives, read | {file}, values, depth + 1)
                tree[number:number] = [replace(each, parents=(*one.parents, *each.parents)) for each in directives]


def _read(s: Submission, text: str, path: str, line: int, found: Read) -> None:
    if len(found) >= MAX_CONFIGURATIONS:
        return
    try:
        found.append((path, nginx.parse(text, path, line)))
    except Unreadable as error:
        if not any(str(one) == str(error) and one.at == error.at for one in s.problems):
            s.problems.append(error)


def texts_written(script: shell.Script) -> list[tuple[str, Place]]:
    """Texts that a script writes: here-documents, and what it echoes over several lines."""
    echoed = [
        (re.sub(r"\\([$\"`\\])", r"\1", word), one.at)
        for one in script.commands
        if one.name in ("echo", "printf")
        for word in one.words[1:]
        if "\n" in word
    ]
    return [*((body, at) for _, body, at in script.heredocs), *echoed]
