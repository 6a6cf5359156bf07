"""The files of one container, in the order in which they come: image, mounts, what its scripts write."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from pytest_isolation.inception import contents, rendered
from pytest_isolation.inception.dockerfile import HEREDOC
from pytest_isolation.inception.files import daemons
from pytest_isolation.inception.files.around import within
from pytest_isolation.inception.files.commands import Disk
from pytest_isolation.inception.files.flow import Files, Held, Ran, from_file
from pytest_isolation.inception.files.walk import Walk
from pytest_isolation.inception.follow import files_of as files_of_word
from pytest_isolation.inception.place import Verbatim
from pytest_isolation.inception.variables import interpolate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_isolation.inception.dockerfile import Dockerfile, Instruction
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
        stages = Stages(s, image, image.dockerfile, build.context)
        for one, copies in contents.layers(s, image.dockerfile, image.stages, build.context):
            stages.layer(walk, one, copies)
            copied |= copies
    for path, file in image.copies.items():
        if copied.get(path) != file:  # mounted, or given as a config
            _hold(s, disk, path, file)
    given = rendered.given(s, image)
    walk.words.values.clear()
    walk.words.values.update(given)
    walk.functions.clear()
    walk.building = False
    here = str(image.service.text("working_dir") or image.workdir)
    if not image.starts:
        walk.ran.append(Ran(tuple(within(image.argv)), None, image.started_at, building=False))
    for start in image.starts:
        disk.here = here
        walk.opened.clear()
        if start.path is None:
            walk.follow(image.argv[2], image.started_at.file, image.started_at.line)
        elif start.path not in walk.followed:
            walk.followed.add(start.path)
            walk.words.arguments = _arguments(image, start.path)
            walk.follow(s.tree.lenient(start.path), start.path)
    _by_supervisor(walk)
    return Files(disk.held, walk.cut, walk.ran, disk.unseen)


def _by_supervisor(walk: Walk) -> None:
    """What supervisord starts."""
    for one in [one for one in walk.ran if one.name == "supervisord" and not one.building]:
        for text, at in daemons.supervisor(walk.disk.held, one.words).programs:
            walk.follow(text, at.file, at.line)


def _arguments(image: Image, path: str) -> list[str] | None:
    """What a script of ENTRYPOINT or CMD is handed; None where another starts it."""
    for at, word in enumerate(image.argv):
        if path in files_of_word(image, word):
            return image.argv[at + 1 :]
    return None


@dataclass(slots=True)
class Stages:
    """A Dockerfile's instructions, carried out; another stage's as far as something is copied from it."""

    s: Submission
    image: Image
    dockerfile: Dockerfile
    context: str
    disks: dict[str, Disk | None] = field(default_factory=dict)

    def disk(self, name: str) -> Disk | None:
        """The files of another stage; None where it is none of this Dockerfile."""
        if name not in self.disks:
            self.disks[name] = None  # a stage that copies from itself
            stages = self.dockerfile.stages
            named = [one for at, one in enumerate(stages) if name in ((one.name or "").lower(), str(at))]
            if named and len(self.disks) <= contents.MAX_STAGES:
                lineage = self.dockerfile.lineage(named[0])
                dash = not lineage[0].base.rpartition("/")[2].startswith("alpine")
                walk = Walk(Disk(), dict(rendered.arguments(self.image, lineage)), dash=dash)
                for one, copies in contents.layers(self.s, self.dockerfile, lineage, self.context):
                    self.layer(walk, one, copies)
                self.disks[name] = walk.disk
        return self.disks[name]

    def layer(self, walk: Walk, one: Instruction, copies: Mapping[str, str]) -> None:
        """One instruction; `copies` are the files of the submission that it copies."""
        if one.name in ("COPY", "ADD") and "from" in one.flags:
            self._from(walk.disk, one)
        else:
            _layer(self.s, walk, one, copies)

    def _from(self, disk: Disk, one: Instruction) -> None:
        there = self.disk(one.flags["from"].lower())
        *sources, last = one.words or ("",)
        target = disk.path(last)
        directory = last.endswith(("/", "/.")) or len(sources) > 1 or disk.is_directory(target)
        for word in sources:
            source = posixpath.normpath(posixpath.join("/", word))
            held = there.held if there is not None else {}
            known = there is not None and (source in there.held or source in there.made)
            for path in [path for path in held if path == source or fnmatchcase(path, source)]:
                into = posixpath.join(target, posixpath.basename(path)) if directory else target
                disk.held[into] = replace(held[path], used=False, writes=0)
                known = True
            below = there.below(source) if there is not None else []
            # In a directory of a package there is more than what was put into it.
            known = known or (bool(below) and not re.match(r"/(etc|usr|var|lib|bin)(/|$)", source))
            for path in below:
                into = posixpath.join(target, path[len(source.rstrip("/")) + 1 :])
                disk.held[into] = replace(held[path], used=False, writes=0)
            if not known:
                name = posixpath.basename(source)
                into = posixpath.join(target, name) if directory and "." in name else target
                disk.unseen.add(into)
                if "." in posixpath.basename(into) and into not in disk.held:
                    disk.held[into] = Held((), certain=False)
                disk.doubt([into])


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
