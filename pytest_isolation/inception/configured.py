"""NGINX's configuration as the containers have it, whatever way it got there."""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from pytest_isolation.inception import nginx, rendered
from pytest_isolation.inception.dockerfile import run_texts
from pytest_isolation.inception.files.flow import Held, lines_of, text_of
from pytest_isolation.inception.place import Place, Unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
    """Of what its files are when it starts, those that NGINX reads, and those of which that cannot be said."""
    found: Read = []
    values = rendered.known(s, image)
    held = s.held(image).held
    main = MAIN in held and not held[MAIN].shipped
    idle = _not_included(s, image, held, values)
    texts: set[tuple[str, str]] = set()
    before = len(s.problems)
    for path, one in sorted(held.items()):
        if path in idle or one.shipped or _is_source(path, one) or path.endswith((".sh", "Dockerfile", ".md")):
            continue
        for pieces in (one.pieces, *one.others):
            text = text_of(pieces)
            if (
                not text.strip()
                or text.startswith("#!")
                or not (nginx.looks_like_one(text) or (not main and OF_HTTP.fullmatch(path)))
            ):
                continue
            places = [at for _, at in lines_of(pieces)]
            file = one.source or places[0].file
            if (file, text) not in texts:
                texts.add((file, text))
                _read(s, text, file, places, found, sure=bool(one.source) or one.certain)
    broken = len(s.problems) > before
    if broken and not any(one.name == "server" for _, tree in found for one in nginx.walk(tree)):
        return []  # what the package says beside it decides nothing
    names = {file for file, _ in found}
    for _, tree in found:
        _include(s, image, tree, names, values, 0)
    return found


def _is_source(path: str, one: Held) -> bool:
    """A template, or a file that was only copied from where it is."""
    elsewhere = not path.startswith(("/etc/nginx/", "/usr/share/nginx/"))
    return one.used and (elsewhere or path.endswith((".template", ".tmpl", ".tpl", ".in")))


MAIN = "/etc/nginx/nginx.conf"
OF_PACKAGES = ("conf.d/*.conf", "http.d/*.conf", "sites-enabled/*", "sites-available/default", "modules-enabled/*.conf")
"""What the main configuration of Debian's and Alpine's packages includes; `default` by a link."""
INCLUDES = re.compile(
    r"^[^\S\n]*include\s+[\"']?([^;\"'\n]+?)[\"']?\s*;|[;{]\s*include\s+[\"']?([^;\"'\n]+?)[\"']?\s*;", re.M
)

OF_HTTP = re.compile(r"/etc/nginx/(conf|http)\.d/[^/]+\.conf")
"""Files that those of the packages include within http { }."""

RELATIVE = re.compile(r"\bnginx\s(?:[^;&|\n]*\s)?-c\s*[\"']?(?![/\"'\s])\S")
"""`nginx -c site.conf`."""


def _not_included(s: Submission, image: Image, held: Mapping[str, Held], values: Mapping[str, str]) -> set[str]:
    """Files that lie in NGINX's directories, and that neither its configuration nor a script names."""
    said = " ".join(image.argv)
    said += "\n".join(str(text) for stage in image.stages for text in run_texts(stage))
    said += "\n".join(s.tree.lenient(file) for start in image.starts for file in start.files)
    asked = re.search(r"(?:^|\s)-c\s*(/\S+\.conf)\b", said)
    # From where a path that does not begin with / is meant, the package decides.
    name = asked[1] if asked else MAIN
    # Of the package's own, what its links lead to counts as well.
    main = None if RELATIVE.search(said) or name not in held or held[name].shipped else name
    if main is None and (asked or RELATIVE.search(said)):
        return set()
    wanted = [] if main else [f"/etc/nginx/{one}" for one in OF_PACKAGES]
    active: set[str] = {main} if main else set()
    pending = [main] if main else []
    while pending or wanted:
        for file in pending:
            text = held[file].text
            wanted += [
                posixpath.normpath(posixpath.join("/etc/nginx", one or other)) for one, other in INCLUDES.findall(text)
            ]
        if any("$" in one for one in wanted):
            return set()
        pending = [one for one in held if one not in active and any(fnmatchcase(one, each) for each in wanted)]
        active.update(pending)
        wanted = []
    idle = {one for one in held if one not in active and one.startswith("/etc/nginx/")}
    return {one for one in idle if not _is_named(one, held[one], said)}


def _is_named(inside: str, one: Held, said: str) -> bool:
    """Whether a script has a file's name more often than it writes it, or the directory that it is in as a whole."""
    if said.count(posixpath.basename(inside)) > one.writes:
        return True
    if one.writes:
        return False
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
        for inside, each in sorted(s.held(image).held.items()):
            file = each.source or (each.places[0].file if each.pieces else "")
            if (
                not each.text.strip()
                or (each.source and file in read)
                or inside in read
                or not fnmatchcase(inside, wanted)
                or each.shipped
            ):
                continue
            part: Read = []
            _read(s, each.text, file, each.places, part, sure=bool(each.source) or each.certain)
            for _, directives in part:
                _include(s, image, directives, read | {file, inside}, values, depth + 1)
                tree[number:number] = [replace(below, parents=(*one.parents, *below.parents)) for below in directives]


def _read(s: Submission, text: str, path: str, places: Sequence[Place], found: Read, *, sure: bool) -> None:
    """`sure`: nothing is missing in the text."""
    if len(found) >= MAX_CONFIGURATIONS:
        return
    try:
        tree = nginx.parse(text, path, places)
    except Unreadable as error:
        if sure and not MISSING.search(text) and not path.endswith(".sh.tpl"):
            _problem(s, error)
        return
    found.append((path, tree))
    wrong = nginx.wrong_number(tree) if sure and not MISSING.search(text) else None
    if wrong is not None:
        said = f'not an NGINX configuration: invalid number of arguments in "{wrong.name}" directive'
        _problem(s, Unreadable(said, wrong.at))


MISSING = re.compile(r"\$\(|`|\$\{")
"""What stands for a value that is not known."""


def _problem(s: Submission, error: Unreadable) -> None:
    if not any(str(one) == str(error) and one.at == error.at for one in s.problems):
        s.problems.append(error)
