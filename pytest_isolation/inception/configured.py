"""NGINX's configuration as the containers have it, whatever way it got there."""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from pytest_isolation.inception import nginx, rendered
from pytest_isolation.inception.dockerfile import run_texts
from pytest_isolation.inception.place import Place, Unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_isolation.inception.model import Image, Submission
    from pytest_isolation.inception.script import Script

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
    for path in sorted(set(image.copies.values()) - _not_included(s, image, values)):
        text = s.tree.lenient(path)
        if path.endswith((".sh", "Dockerfile", ".md")) or text.startswith("#!") or not nginx.looks_like_one(text):
            continue
        places = [path, *(inside for inside, file in image.copies.items() if file == path)]
        _read(s, rendered.filled(text, places, image, values), path, 1, found)
    for script in [start.script for start in image.starts] + image.build_scripts:
        for body, at in texts_written(script):
            if nginx.looks_like_one(body):
                _read(s, rendered.from_here_document(body, values), at.file, at.line, found)
    for stage in image.stages:
        for one in stage.every("RUN"):
            for body in one.bodies:
                if nginx.looks_like_one(body):
                    _read(s, body, body.at.file, body.at.line, found)
    for _, tree in found:
        _include(s, image, tree, {file for file, _ in found}, values, 0)
    return found


MAIN = "/etc/nginx/nginx.conf"
OF_PACKAGES = ("conf.d/*", "http.d/*", "sites-enabled/*", "sites-available/default", "modules-enabled/*")
"""What the main configuration of Debian's and Alpine's packages includes; `default` by a link."""
INCLUDES = re.compile(
    r"^[^\S\n]*include\s+[\"']?([^;\"'\n]+?)[\"']?\s*;|[;{]\s*include\s+[\"']?([^;\"'\n]+?)[\"']?\s*;", re.M
)

RELATIVE = re.compile(r"\bnginx\s(?:[^;&|\n]*\s)?-c\s*[\"']?(?![/\"'\s])\S")
"""`nginx -c site.conf`."""


def _not_included(s: Submission, image: Image, values: Mapping[str, str]) -> set[str]:
    """Files that lie in NGINX's directories, and that neither its configuration nor a script names."""
    said = " ".join(image.argv)
    said += "\n".join(str(text) for stage in image.stages for text in run_texts(stage))
    said += "\n".join(s.tree.lenient(file) for start in image.starts for file in start.files)
    asked = re.search(r"(?:^|\s)-c\s*(/\S+\.conf)\b", said)
    # From where a path that does not begin with / is meant, the package decides.
    main = None if RELATIVE.search(said) else image.copies.get(asked[1] if asked else MAIN)
    if main is None and (asked or RELATIVE.search(said)):
        return set()
    wanted = [] if main else [f"/etc/nginx/{one}" for one in OF_PACKAGES]
    active: set[str] = {main} if main else set()
    pending = [main] if main else []
    while pending or wanted:
        for file in pending:
            text = rendered.filled(s.tree.lenient(file), [file], image, values)
            wanted += [
                posixpath.normpath(posixpath.join("/etc/nginx", one or other)) for one, other in INCLUDES.findall(text)
            ]
        if any("$" in one for one in wanted):
            return set()
        pending = [
            file for inside, file in image.copies.items()
            if file not in active and any(fnmatchcase(inside, one) for one in wanted)
        ]  # fmt: skip
        active.update(pending)
        wanted = []
    idle = {
        inside: file for inside, file in image.copies.items() if file not in active and inside.startswith("/etc/nginx/")
    }
    # A COPY without / at its end may be to a file or to a directory: one of its two names is enough.
    return set(idle.values()) - {file for inside, file in idle.items() if _is_named(inside, said)}


def _is_named(inside: str, said: str) -> bool:
    """Whether a script has a file's name, or the directory that it is in as a whole."""
    if posixpath.basename(inside) in said:
        return True
    whole = posixpath.dirname(inside)
    directory = rf"(?:{re.escape(whole)}|(?<![\w/.-])(?:\.\.?/)*{re.escape(posixpath.basename(whole))})"
    return re.search(rf"{directory}/?(?:[\"'\s;|&)*$]|$)|{directory}/[^\s\"']*[*$]", said, re.M) is not None


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


def texts_written(script: Script) -> list[tuple[str, Place]]:
    """Texts that a script writes: here-documents, and what it echoes over several lines."""
    echoed = [
        (re.sub(r"\\([$\"`\\])", r"\1", word), one.at)
        for one in script.commands
        if one.name in ("echo", "printf")
        for word in one.words[1:]
        if "\n" in word
    ]
    return [*((body, at) for _, body, at in script.heredocs), *echoed]
