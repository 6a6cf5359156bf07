"""What a container has from the submission: copied, also from another stage, mounted, or given as a config."""

from __future__ import annotations

import posixpath
import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from pytest_isolation.inception.dockerfile import HEREDOC
from pytest_isolation.inception.place import Text, Verbatim
from pytest_isolation.inception.tree import Tree, normal
from pytest_isolation.inception.variables import interpolate
from pytest_isolation.inception.yaml import Map, Seq

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_isolation.inception.compose_service import Service
    from pytest_isolation.inception.dockerfile import Dockerfile, Instruction, Stage
    from pytest_isolation.inception.model import Image, Submission

MAX_STAGES = 8
"""Stages that one copies from the other."""
MAX_COPIED = 2_000


def put(made: Submission, image: Image) -> None:
    """Fills `copies` and `workdir` of an image whose Dockerfile was read."""
    assert image.service.build is not None
    assert image.dockerfile is not None
    image.copies, image.workdir = _of_stages(made, image.dockerfile, image.stages, image.service.build.context, 0)
    _mounts(made, image)
    _configs(made, image)


def _of_stages(
    made: Submission, file: Dockerfile, stages: list[Stage], context: str, depth: int
) -> tuple[dict[str, str], str]:
    """(path in the image -> file of the submission, working directory) after these stages."""
    copies: dict[str, str] = {}
    workdir = "/"
    for one, added in layers(made, file, stages, context, depth):
        copies |= added
        if one.name == "WORKDIR":
            workdir = posixpath.join(workdir, one.text.strip())
    return copies, workdir


def layers(
    made: Submission, file: Dockerfile, stages: list[Stage], context: str, depth: int = 0
) -> Iterator[tuple[Instruction, dict[str, str]]]:
    """Each instruction, and what it copies: path in the image -> file of the submission."""
    workdir = "/"
    known: dict[str, str] = {}
    for stage in stages:
        for one in stage.instructions:
            copies: dict[str, str] = {}
            if one.name == "WORKDIR":
                workdir = posixpath.join(workdir, one.text.strip())
            elif one.name in ("ENV", "ARG"):
                known |= {name: interpolate(value, known) for name, value in one.pairs}
            elif one.name not in ("COPY", "ADD"):
                pass
            elif one.bodies:
                _write(made.tree, one, workdir, known, copies)
            elif "from" in one.flags:
                _from_stage(made, file, one, context, workdir, copies, depth)
            elif context != "?":
                _copy(made.tree, one, context, workdir, copies)
            yield one, copies


def _write(tree: Tree, one: Instruction, workdir: str, known: dict[str, str], copies: dict[str, str]) -> None:
    """`COPY <<EOF /path`: a file whose text stands in the Dockerfile; the builder puts variables in, unless quoted."""
    target = (one.words or ("",))[-1]
    names = [match[3] for match in HEREDOC.finditer(one.text)]
    for name, body in zip(names, one.bodies, strict=False):
        inside = posixpath.normpath(posixpath.join(workdir, target, name if target.endswith("/") else ""))
        text = (
            str(body)
            if isinstance(body, Verbatim)
            else EXPANDED.sub(lambda found: "$" if found[0] == "\\$" else known.get(found[1] or found[2], ""), body)
        )
        path = f"{one.at.file} <<{inside}"
        tree.write(path, text)
        copies[inside] = path


EXPANDED = re.compile(r"\\\$|\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})")


def _copy(tree: Tree, one: Instruction, context: str, workdir: str, copies: dict[str, str]) -> None:
    """A directory's files one by one."""
    *sources, target = one.words or ("",)
    target = posixpath.join(workdir, target)
    for source in sources:
        path = normal(posixpath.join(context, source.lstrip("/")))
        if path is None:
            continue
        for file, name in matched(tree, path):
            directory = target.endswith("/") or len(sources) > 1 or name != ""
            inner = name or posixpath.basename(file)
            into = posixpath.join(target, inner) if directory else target
            copies[posixpath.normpath(into)] = file
            if not directory:  # the target may be a directory of the base image
                copies.setdefault(posixpath.normpath(posixpath.join(target, inner)), file)


def _from_stage(
    made: Submission, file: Dockerfile, one: Instruction, context: str, workdir: str, copies: dict[str, str], depth: int
) -> None:
    name = one.flags["from"].lower()
    named = [one for number, one in enumerate(file.stages) if name in ((one.name or "").lower(), str(number))]
    found = named[0] if named else None
    if found is None or depth >= MAX_STAGES:
        return
    there, _ = _of_stages(made, file, file.lineage(found), context, depth + 1)
    *sources, target = one.words or ("",)
    target = posixpath.join(workdir, target)
    for source in sources:
        path = posixpath.normpath(posixpath.join("/", source))
        for at, copied in list(there.items())[:MAX_COPIED]:
            if at == path:
                into = posixpath.join(target, posixpath.basename(at)) if target.endswith("/") else target
            elif at.startswith(path.rstrip("/") + "/"):
                into = posixpath.join(target, at[len(path.rstrip("/")) + 1 :])
            else:
                continue
            copies[posixpath.normpath(into)] = copied


def matched(tree: Tree, path: str) -> list[tuple[str, str]]:
    """(file, its path below the copied directory or "")."""
    if path in tree:
        return [(path, "")]
    if any(char in path for char in "*?["):
        directory = posixpath.dirname(path)
        return [(one, posixpath.basename(one)) for one in tree.under(directory)
                if fnmatchcase(one, path) and one.count("/") == path.count("/")]  # fmt: skip
    return [(one, one[len(path) + 1 if path else 0 :]) for one in tree.under(path)][:MAX_COPIED]


def _mounts(made: Submission, image: Image) -> None:
    """Files and directories of the submission that lie over what the image has."""
    for one in image.service.mounts:
        if one.kind == "bind" and not one.source.startswith(("/", "~", "$")) and one.target.startswith("/"):
            path = normal(posixpath.join(image.service.base, one.source))
            for file, name in matched(made.tree, path) if path else ():
                image.copies[posixpath.normpath(posixpath.join(one.target, name))] = file


def _configs(made: Submission, image: Image) -> None:
    assert image.service.build is not None
    for name, target in configs_of(image.service):
        given = made.compose.top("configs").get(name) if made.compose is not None else None
        if not isinstance(given, Map):
            continue
        content, file = given.get("content"), given.get("file")
        if isinstance(content, Text):
            inside = f"{content.at.file} <<{target}"
            made.tree.write(inside, content)
            image.copies[target] = inside
        elif isinstance(file, Text) and (path := made.tree.find(posixpath.join(image.service.base, file))):
            image.copies[target] = path


def configs_of(service: Service) -> list[tuple[str, str]]:
    """(name, path in the container)"""
    listed = service.raw.get("configs")
    found = []
    for one in listed if isinstance(listed, Seq) else ():
        if isinstance(one, Text):
            found.append((str(one), f"/{one}"))
        elif isinstance(one, Map) and isinstance(one.get("source"), Text):
            target = str(one.get("target") or one["source"])
            found.append((str(one["source"]), posixpath.join("/", target)))
    return found
