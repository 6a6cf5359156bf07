"""A submission, read: what the rules look at.

The road from a service to what runs in it: service → build → last stage of its Dockerfile → ENTRYPOINT and CMD
(compose may replace them) → the scripts they start → the scripts those start.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

from pytest_isolation.inception import configured, contents, nginx, shell, shipped
from pytest_isolation.inception import dockerfile as docker
from pytest_isolation.inception import makefile as make
from pytest_isolation.inception.asked import AuditOptions
from pytest_isolation.inception.compose import NAMES as COMPOSE_NAMES
from pytest_isolation.inception.compose import Compose, choose, read_compose
from pytest_isolation.inception.compose_service import Service
from pytest_isolation.inception.dockerfile import Dockerfile, Instruction, Stage, run_texts
from pytest_isolation.inception.files.flow import Files
from pytest_isolation.inception.files.made import files_of as files_of_container
from pytest_isolation.inception.follow import Start, files_of, is_shell, run_words, starts
from pytest_isolation.inception.git import Git
from pytest_isolation.inception.makefile import Makefile, read_makefile
from pytest_isolation.inception.place import Place, Text, Unreadable
from pytest_isolation.inception.releases import SUBJECTS, number
from pytest_isolation.inception.script import Command, Script
from pytest_isolation.inception.started import copy_as_make_does, used_by_make
from pytest_isolation.inception.tree import Tree, shortened
from pytest_isolation.inception.variables import interpolate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Read = TypeVar("Read")

MAX_HOST_SCRIPTS = 200
INSTALLERS = {"apt-get": "install", "apt": "install", "apk": "add"}


@dataclass(slots=True)
class Image:
    """What one service is built from."""

    service: Service
    dockerfile: Dockerfile | None
    stage: Stage | None
    stages: list[Stage]
    problem: Unreadable | None
    entrypoint: list[str]
    command: list[str]
    started_at: Place
    broken_json: Instruction | None
    """An instruction that starts like an exec form and is none."""
    packages: dict[str, Place] = field(default_factory=dict)
    starts: list[Start] = field(default_factory=list)
    build_scripts: list[Script] = field(default_factory=list)
    copies: dict[str, str] = field(default_factory=dict)
    """Path in the container -> file of the submission: what is copied, mounted or given as a config."""
    workdir: str = "/"
    role: str = "other"
    """nginx, wordpress, mariadb or other."""

    @property
    def argv(self) -> list[str]:
        """The words that the container is started with: ENTRYPOINT, then CMD."""
        return [*self.entrypoint, *self.command]


@dataclass
class Submission:
    """All that the rules look at; what could not be read is in `problems`."""

    tree: Tree
    asked: AuditOptions
    root: str
    """Of the project, relative to the tree: repositories nest it."""
    git: Git | None = None
    makefile: Makefile | None = None
    compose: Compose | None = None
    images: dict[str, Image] = field(default_factory=dict)
    problems: list[Unreadable] = field(default_factory=list)
    _held: dict[str, Files] = field(default_factory=dict)

    def path(self, *parts: str) -> str:
        """A path of the tree, from one relative to the project's root."""
        return posixpath.join(self.root, *parts) if self.root else posixpath.join(*parts)

    @property
    def srcs(self) -> str:
        """The directory `srcs` of the project."""
        return self.path("srcs")

    @cached_property
    def subject(self) -> str:
        """The version of the subject it is judged by."""
        if self.asked.subject:
            return self.asked.subject
        newest = next((name for name, since in reversed(SUBJECTS) if since <= self.asked.day), "1.1")
        documented = any(self.path(name) in self.tree for name in ("USER_DOC.md", "DEV_DOC.md"))
        return "5" if documented and number(newest) < 5 else newest

    def since(self, version: str) -> bool:
        """Whether the subject is at least this version."""
        return number(self.subject) >= number(version)

    def role(self, role: str) -> list[Image]:
        """The images of that role: nginx, wordpress, mariadb or other."""
        return [image for image in self.images.values() if image.role == role]

    def tracked(self, path: str) -> bool | None:
        """Whether git has the file; None when there is no repository to ask."""
        return None if self.git is None else path in self.git.tracked

    def executable(self, path: str) -> bool:
        """As a clone has it; of what git does not have, as it is on disk."""
        if self.git is not None and path in self.git.tracked:
            return path in self.git.executable
        return path in self.tree.executable

    def content(self, path: str) -> str:
        """What is tracked of a file, else what is on disk."""
        if self.git is not None and (sha := self.git.tracked.get(path)):
            data = self.git.blob(sha)
            if data is not None:
                return shortened(data.decode("utf-8", "replace"))
        return self.tree.lenient(path) if path in self.tree else ""

    def published(self) -> list[str]:
        """Files an evaluator gets: those in git's index, else those on disk."""
        if self.git is None:
            return sorted(self.tree.files.keys() - self.tree.made)
        return sorted(self.git.tracked)

    @cached_property
    def login(self) -> str | None:
        """From the option, else from the volumes' place or the domain."""
        if self.asked.login:
            return self.asked.login
        if self.compose is None:
            return None
        for volume in self.compose.top("volumes").values():
            options = volume.get("driver_opts") if volume else None
            device = options.get("device") if options else None
            if isinstance(device, str) and (match := re.match(r"/home/([^/${}]+)/data\b", device)):
                return match[1]
        return None

    @cached_property
    def domain(self) -> str | None:
        """The site's name, LOGIN.42.fr unless told otherwise; None where the login is not known."""
        return self.asked.domain.format(login=self.login) if self.login or "{login}" not in self.asked.domain else None

    def held(self, image: Image) -> Files:
        """The files of an image's container, as they are when its daemon starts."""
        name = str(image.service.name)
        if name not in self._held:
            self._held[name] = files_of_container(self, image, shipped.files(self, image))
        return self._held[name]

    @cached_property
    def nginx_files(self) -> list[tuple[str, list[nginx.Directive]]]:
        """NGINX configuration that the NGINX containers have."""
        return configured.nginx_files(self)

    def directives(self, name: str) -> list[nginx.Directive]:
        """NGINX's directives of that name, at any depth, in all its files."""
        return [one for _, tree in self.nginx_files for one in nginx.walk(tree) if one.name == name]

    @cached_property
    def host_scripts(self) -> list[tuple[str, Script]]:
        """Scripts of the repository that no image copies."""
        copied = {path for image in self.images.values() for path in image.copies.values()}
        found: list[tuple[str, Script]] = []
        for path in self.tree.under(self.root):
            if path.endswith(".sh") and path not in copied and len(found) < MAX_HOST_SCRIPTS:
                try:
                    found.append((path, shell.parse(self.tree.text(path), path)))
                except Unreadable:
                    continue
        return found


def find_root(tree: Tree) -> str:
    """The directory with srcs/ beside a Makefile, at the top or nested; "" when there is none.

    Other projects of a repository may have both: one whose srcs/ has a compose file goes first.
    """

    def rank(directory: str) -> tuple[int, int, str]:
        return -_has(tree, directory), directory.count("/") + bool(directory), directory

    return min(_candidates(tree), key=rank)


def other_roots(tree: Tree, root: str) -> list[str]:
    """Directories that are as much a project as `root`, and not below it."""
    has = _has(tree, root)
    if has < WHOLE or not root:
        return []
    below = f"{root}/"
    return sorted(
        one for one in _candidates(tree) if one != root and not one.startswith(below) and _has(tree, one) == has
    )


def _candidates(tree: Tree) -> list[str]:
    return ["", *(one for one in tree.directories if one.count("/") < 3)]


WHOLE = 3
"""What a project has: srcs/, a Makefile and a compose file in srcs/."""


def _has(tree: Tree, directory: str) -> int:
    return sum((
        f"{directory}/srcs".lstrip("/") in tree.directories,
        any(f"{directory}/{name}".lstrip("/") in tree for name in make.NAMES),
        any(f"{directory}/srcs/{name}".lstrip("/") in tree for name in COMPOSE_NAMES),
    ))  # fmt: skip


def read_submission(tree: Tree, asked: AuditOptions, git: Git | None) -> Submission:
    """Reads Makefile, compose files, Dockerfiles and scripts; what cannot be read becomes one of its `problems`."""
    made = Submission(tree, asked, find_root(tree), git)
    for name in make.NAMES:
        if made.path(name) in tree:
            made.makefile = _or_problem(made, partial(read_makefile, tree, made.path(name)))
            break
    copy_as_make_does(made)
    used = used_by_make(made)
    paths = choose(tree, made.srcs, used.files)
    if paths:
        made.compose = _or_problem(made, lambda: read_compose(tree, paths, used))
    if made.compose is not None:
        made.problems += made.compose.problems
        for name, service in made.compose.services.items():
            image = _image(made, service)
            made.images[name] = image
            if image.problem is not None:
                made.problems.append(image.problem)
        for image in made.images.values():
            image.role = _role(made, image)
        _one_entry(made)
    if made.makefile is not None:
        made.problems += made.makefile.problems
    return made


def _or_problem(made: Submission, read: Callable[[], Read]) -> Read | None:
    try:
        return read()
    except Unreadable as error:
        made.problems.append(error)
        return None


# -- images ----------------------------------------------------------------------------


def _image(made: Submission, service: Service) -> Image:
    image = Image(service, None, None, [], None, [], [], service.at, None)
    if service.build is None:
        return image
    try:
        image.dockerfile = _dockerfile(made, service)
    except Unreadable as error:
        image.problem = error
        return image
    image.stage = image.dockerfile.stage(service.build.target)
    if image.stage is None:
        image.problem = Unreadable(f"no stage is called {service.build.target!r}", service.build.at)
        return image
    image.stages = image.dockerfile.lineage(image.stage)
    contents.put(made, image)
    _packages(made, image)
    starts(made, image)
    return image


def _dockerfile(made: Submission, service: Service) -> Dockerfile:
    build = service.build
    assert build is not None
    given = {name: str(value) for name, value in build.args.items() if value}
    if build.inline is not None:
        return docker.parse(build.inline, build.inline.at.file, given)
    path = made.tree.find(build.dockerfile) if build.dockerfile != "?" else None
    if path is None and build.dockerfile.endswith("/Dockerfile"):
        path = made.tree.find(build.dockerfile[: -len("Dockerfile")] + "dockerfile")
    if path is None:
        raise Unreadable(f"the Dockerfile {build.dockerfile!r} is not in the submission", build.at)
    return docker.parse(made.tree.text(path), path, given)


def _packages(made: Submission, image: Image) -> None:
    """What RUN installs: by name, by a variable of ARG, ENV or the script, and in the scripts that it starts."""
    known = dict(image.dockerfile.arguments) if image.dockerfile is not None else {}
    given = image.service.build.args if image.service.build is not None else {}
    opened: set[str] = set()
    for stage in image.stages:
        for one in stage.every("ARG", "ENV"):
            bare = [(word, "") for word in one.words if "=" not in word and given.get(word)]
            for name, value in [*one.pairs, *(bare if one.name == "ARG" else ())]:
                if one.name == "ARG" and given.get(name):
                    value = str(given[name])
                known[name] = Text(interpolate(value, known), one.at)
        scripts = [shell.parse(str(text), text.at.file, text.at.line) for text in run_texts(stage)]
        for script in scripts:  # which grows
            image.build_scripts.append(script)
            own = known | {name: Text(value, at) for name, (value, at) in script.assignments.items()}
            for place, command in enumerate(script.commands):
                _installs(image, command, own, script)
                for file in _lists(image, place, script):
                    _listed(image, command, made.tree.lenient(file))
                for path in (path for word in run_words(command) for path in files_of(image, word, script)):
                    if path not in opened and len(opened) < 20:
                        opened.add(path)
                        text = made.tree.lenient(path)
                        if "\0" not in text and is_shell(text, path):
                            scripts.append(shell.parse(text, path))


def _installer(command: Command) -> int | None:
    """Where the installer stands among a command's words, also behind xargs; None without one that installs."""
    words = command.real
    places = range(len(words)) if command.name == "xargs" else range(len(words[:1]))
    return next((at for at in places if INSTALLERS.get(posixpath.basename(words[at])) in words[at + 1 :]), None)


def _installs(image: Image, command: Command, known: Mapping[str, str], script: Script) -> None:
    begin = _installer(command)
    if begin is None:
        return
    words = command.real[begin:]
    for written in words[words.index(INSTALLERS[posixpath.basename(words[0])]) + 1 :]:
        loop = re.fullmatch(r"\$\{?(\w+)\}?", written)
        for each in (script.items(loop[1], command.loops) if loop else ()) or (written,):
            for word in interpolate(each, known).split():
                _installed(image, word, command)


def _installed(image: Image, word: str, command: Command) -> None:
    if word and not word.startswith(("-", ".", "$", "{", "\\")):
        image.packages.setdefault(re.split(r"[=<>~@]", word)[0], command.at)


LISTED = re.compile(r"\$\((?:cat\s|<)\s*([^\s()|;&]+)\)|`cat\s+([^\s`|;&]+)`")
"""`$(cat FILE)`"""


def _lists(image: Image, number: int, script: Script) -> Iterator[str]:
    """Files of the submission whose words an installer is given: by xargs, or by `$(cat FILE)`."""
    command = script.commands[number]
    if _installer(command) is None:
        return
    named = [match[1] or match[2] for word in command.words for match in LISTED.finditer(word)]
    if command.name == "xargs":
        for word, after in pairwise((*command.real, "")):
            if word in ("-a", "--arg-file"):
                named.append(after)
            elif match := re.match(r"(?:-a|--arg-file=)(\S+)", word):
                named.append(match[1])
        while script.commands[number].piped_into and number:  # cat FILE | grep -v '^#' | xargs
            number -= 1
            named += [word for word in script.commands[number].real[1:] if not word.startswith("-")]
    for word in named:
        yield from files_of(image, word.strip("'\""), script)


def _listed(image: Image, command: Command, text: str) -> None:
    for line in text[:64_000].split("\n"):
        for word in line.partition("#")[0].split():
            _installed(image, word, command)


def _one_entry(made: Submission) -> None:
    """Of several NGINX, the one that publishes 443 or is called so is the stack's; another may serve a bonus."""
    several = made.role("nginx")

    def rank(image: Image) -> tuple[bool, bool]:
        return all(port.host != "443" for port in image.service.ports), image.service.name != "nginx"

    for image in sorted(several, key=rank)[1:]:
        image.role = "other"


def _role(made: Submission, image: Image) -> str:
    """By what is installed and started, not by the name of the service."""
    names = set(image.packages)
    argv = [word.rpartition("/")[2] for word in image.argv]
    commands = {command.name for start in image.starts for command in start.script.runtime()} | set(argv[:1])
    text = " ".join(
        [*argv, *(str(command) for start in image.starts for command in start.script.commands)]
        + [str(command) for script in image.build_scripts for command in script.commands]
    )
    php = any(
        re.fullmatch(r"php[\d.]*(-?fpm)?\d*", name) or (name.startswith("php") and "fpm" in name) for name in names
    )
    wordpress = "wordpress" in names or re.search(r"wordpress|wp-cli|\bwp (core|config|user)\b", text)
    if wordpress and (php or "wordpress" in names):
        return "wordpress"
    if names & {"mariadb-server", "mysql-server", "mariadb", "mysql", "default-mysql-server"}:
        return "mariadb"
    if "nginx" in commands or any(name == "nginx" or name.startswith("nginx-") for name in names):
        return "nginx"
    if php and str(image.service.name).lower().startswith(("wordpress", "wp")):
        return "wordpress"
    return "other"
