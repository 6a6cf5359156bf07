"""The files of one container, in the order in which they come: image, mounts, what its scripts write."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from pytest_isolation.inception import contents, rendered
from pytest_isolation.inception.dockerfile import HEREDOC
from pytest_isolation.inception.files.commands import Disk
from pytest_isolation.inception.files.flow import Files, Held, from_file
from pytest_isolation.inception.files.walk import Walk
from pytest_isolation.inception.place import Verbatim
from pytest_isolation.inception.variables import interpolate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_isolation.inception.dockerfile import Instruction
    from pytest_isolation.inception.model import Image, Submission


MAX_LINES = 20_000
"""Of one copied file; what a longer one holds is not looked at here."""


def files_of(s: Submission, image: Image, shipped: Mapping[str, str]) -> Files:
    """`shipped`: path -> those lines of a package's file that decide."""
    disk = Disk({path: Held(from_file(text, ""), shipped=True) for path, text in shipped.items()})
    disk.held = {
        path: Held(tuple((line, image.started_at) for line, _ in one.pieces), shipped=True)
        for path, one in disk.held.items()
    }
    build = image.service.build
    dash = bool(image.stages) and not image.stages[0].base.rpartition("/")[2].startswith("alpine")
    walk = Walk(disk, dict(rendered.arguments(image)), dash=dash)
    copied: dict[str, str] = {}
    if build is not None and image.dockerfile is not None:
        for one, copies in contents.layers(s, image.dockerfile, image.stages, build.context):
            _layer(s, walk, one, copies)
            copied |= copies
    for path, file in image.copies.items():
        if copied.get(path) != file:  # mounted, or given as a config
            _hold(s, disk, path, file)
    given = rendered.given(s, image)
    walk.words.values.clear()
    walk.words.values.update(given)
    walk.functions.clear()
    for start in image.starts:
        disk.here = str(image.service.text("working_dir") or image.workdir)
        if start.path is None:
            walk.follow(image.argv[2], image.started_at.file, image.started_at.line)
        elif start.path not in walk.followed:
            walk.followed.add(start.path)
            walk.words.arguments = None
            walk.follow(s.tree.lenient(start.path), start.path)
    return Files(disk.held, walk.cut)


def _hold(s: Submission, disk: Disk, path: str, file: str) -> None:
    text = s.tree.lenient(file)
    many = text.count("\n") > MAX_LINES
    disk.held[path] = Held(() if many else from_file(text, file), file, certain=not many)


def _layer(s: Submission, walk: Walk, one: Instruction, copies: Mapping[str, str]) -> None:
    for path, file in copies.items():
        above = posixpath.dirname(path)
        # COPY FILE PATH: whether PATH is a directory, its name has to say.
        if copies.get(above) == file and re.search(r"\.(?!d$)\w+$", above):
            continue
        if copies.get(posixpath.join(path, posixpath.basename(file))) == file and walk.disk.is_directory(path):
            continue
        _hold(s, walk.disk, path, file)
    if one.name == "ENV":
        walk.words.values.update({name: interpolate(value, walk.words.values) for name, value in one.pairs})
    elif one.name == "WORKDIR":
        walk.disk.here = walk.disk.path(interpolate(one.text.strip(), walk.words.values))
    elif one.name == "RUN":
        here, values = walk.disk.here, dict(walk.words.values)
        if one.exec_form is not None:
            words = list(one.exec_form)
            text = words[2] if len(words) > 2 and words[1].endswith("c") else " ".join(words)
            walk.follow(text, one.at.file, one.at.line)
        elif one.text.startswith("<<"):
            for body in one.bodies:
                walk.follow(str(body), body.at.file, body.at.line)
        else:
            walk.follow(_whole(one), one.at.file, one.at.line)
        walk.disk.here = here
        walk.words.values.clear()
        walk.words.values.update(values)
        walk.functions.clear()


def _whole(one: Instruction) -> str:
    """A RUN with the here-documents behind it."""
    names = [match[3] for match in HEREDOC.finditer(one.text)]
    text = one.text
    for name, body in zip(names, one.bodies, strict=False):
        assert isinstance(body, Verbatim | str)
        text += f"\n{body}{name}" if str(body).endswith("\n") else f"\n{body}\n{name}"
    return f"{text}\n"
