"""Makefiles as text.  `make` is never run: not even `make -n`, which carries out $(shell …) and lines with +."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field

from pytest_isolation.inception.place import Place, Text, Unreadable
from pytest_isolation.inception.tree import Tree

NAMES = ("GNUmakefile", "makefile", "Makefile")
"""In the order make looks for them."""
MAX_EXPANSION = 20_000
"""Characters of one line with its variables put in."""
MAX_RECIPES = 500_000
"""Characters of all of them."""
SUB_MAKE = re.compile(r"(?:^|&&|\|\||;|\bthen\s|\bdo\s)[\s@+-]*(?:\$\(MAKE\)|\$\{MAKE\}|make)\s+(?:-\S+\s+)*([\w.-]+)")
ASSIGNMENT = re.compile(r"^\s*(?:export\s+|override\s+)*([\w.-]+)\s*(\?|\+|:{1,3}|!)?=\s*(.*)$", re.DOTALL)
RULE = re.compile(r"^([^\t#=:][^=:#]*)(::?)(?!=)\s*(.*)$", re.DOTALL)
SPECIAL = frozenset({
    ".PHONY", ".SILENT", ".DEFAULT", ".SUFFIXES", ".PRECIOUS", ".ONESHELL", ".NOTPARALLEL", ".IGNORE",
    ".EXPORT_ALL_VARIABLES", ".DELETE_ON_ERROR", ".SECONDARY", ".INTERMEDIATE", ".POSIX",
})  # fmt: skip


@dataclass(slots=True)
class Target:
    name: str
    needs: list[str]
    recipe: list[Text]
    """Lines with variables put in; the signs @ - + taken off."""
    at: Place


@dataclass(slots=True)
class Makefile:
    file: str
    targets: dict[str, Target] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    default: str | None = None
    problems: list[Unreadable] = field(default_factory=list)
    shells: list[Text] = field(default_factory=list)
    """$(shell …) and != : commands that reading this file with make would run."""
    _set_default: str | None = None

    def lines(self, target: str | None = None) -> list[Text]:
        """Every recipe line, or those that making `target` runs, in order."""
        if target is None:
            return [line for one in self.targets.values() for line in one.recipe]
        found: list[Text] = []
        done: set[str] = set()

        pending = [(target, False)]
        while pending:
            name, ready = pending.pop()
            one = self.targets.get(name)
            if one is None:
                continue
            if ready:
                for line in one.recipe:
                    found.append(line)
                    if (match := SUB_MAKE.search(line)) and (match[1] not in done):
                        done.add(match[1])
                        found += self.lines(match[1]) if len(done) < 200 and match[1] != name else []
            elif name not in done:
                done.add(name)
                pending.append((name, True))
                pending += [(need, False) for need in reversed(one.needs)]
        return found


def read_makefile(tree: Tree, path: str) -> Makefile:
    """Raises Unreadable when the file cannot be read; what it includes outside the tree is a problem of it."""
    made = Makefile(path)
    _read(tree, path, made, [])
    first = next((name for name in made.targets if not name.startswith(".") or "/" in name), None)
    made.default = made.variables.get(".DEFAULT_GOAL") or first
    if made.default:
        made.default = expand(made.default, made.variables).strip()
    left = MAX_RECIPES
    for target in made.targets.values():
        lines, target.recipe = target.recipe, []
        for line in lines:
            if left < 0:
                says = f"its recipes have more than {MAX_RECIPES} characters with their variables put in"
                made.problems.append(Unreadable(says, line.at))
                return made
            target.recipe.append(Text(_command(expand(line, made.variables)), line.at))
            left -= len(target.recipe[-1]) + 20
    return made


def expand(text: str, variables: dict[str, str]) -> str:
    """$(NAME) and ${NAME} put in; functions and unknown names stay as they are."""
    for _ in range(12):
        new = re.sub(r"\$[({]([\w.-]+)[)}]", lambda m: variables.get(m[1], m[0]), text)
        new = re.sub(r"\$([A-Za-z])(?![\w(])", lambda m: variables.get(m[1], m[0]), new)
        if new == text or len(new) > MAX_EXPANSION:
            break
        text = new
    return text[:MAX_EXPANSION]


def _command(line: str) -> str:
    return line.strip().lstrip("@-+ ").replace("$$", "$")


def _logical(text: str) -> list[tuple[int, str]]:
    """(line number, text) with continuation lines joined."""
    found: list[tuple[int, str]] = []
    lines = text.split("\n")
    number = 0
    while number < len(lines):
        start, pieces = number + 1, [lines[number]]
        number += 1
        while pieces[-1].endswith("\\") and number < len(lines):
            pieces[-1] = pieces[-1][:-1]
            pieces.append(lines[number].lstrip())
            number += 1
        found.append((start, " ".join(pieces)))
    return found


def _read(tree: Tree, path: str, made: Makefile, opened: list[str]) -> None:
    if path in opened or len(opened) > 16:
        return
    opened.append(path)
    current: list[Target] = []
    define = False
    for number, line in _logical(tree.text(path)):
        at = Place(path, number)
        if define:
            define = not re.match(r"\s*endef\b", line)
            continue
        if line.startswith("\t"):
            for target in current:
                if line.strip():
                    target.recipe.append(Text(line, at))
            continue
        plain = re.sub(r"(^|\s)#.*$", "", line)
        if not plain.strip():
            continue
        deferred = (match := ASSIGNMENT.match(plain)) and match[2] in (None, "?")
        if re.search(r"\$[({]shell\s", plain) and not deferred:
            made.shells.append(Text(line.strip(), at))
        if re.match(r"\s*define\b", plain):
            define = True
        elif match := re.match(r"\s*-?s?include\s+(.*)$", plain):
            _include(tree, path, expand(match[1], made.variables), made, opened, at)
        elif re.match(r"\s*(if(n?eq|n?def)|else|endif|export\s*[\w ]*$|unexport|vpath)\b", plain):
            continue
        elif (match := RULE.match(plain)) and not ASSIGNMENT.match(plain):
            current = _rule(made, match, at)
        elif match := ASSIGNMENT.match(plain):
            _assign(made, match, at)
            current = []
        else:
            current = current if line.startswith(" ") else []


def _rule(made: Makefile, match: re.Match[str], at: Place) -> list[Target]:
    names = expand(match[1], made.variables).split()
    needs, semicolon, first = match[3].partition(";")
    if re.match(r"[\w.-]+\s*[:?+]?=", needs):
        return []  # a variable of one target
    listed = [need for need in expand(needs, made.variables).split() if need != "|"]
    found = []
    for name in names[:200]:
        if name in SPECIAL:
            continue
        target = made.targets.setdefault(name, Target(name, [], [], at))
        target.needs += listed
        if semicolon and first.strip():
            target.recipe.append(Text(first, at))
        found.append(target)
    return found


def _assign(made: Makefile, match: re.Match[str], at: Place) -> None:
    name, operator, value = match[1], match[2], match[3].strip()
    if operator == "!":
        made.shells.append(Text(f"{name} != {value}", at))
        return
    if operator == "?" and name in made.variables:
        return
    if operator == "+":
        value = f"{made.variables.get(name, '')} {value}".strip()
    made.variables[name] = expand(value, made.variables) if operator and ":" in operator else value


def _include(tree: Tree, path: str, names: str, made: Makefile, opened: list[str], at: Place) -> None:
    for name in names.split():
        found = tree.find(posixpath.join(posixpath.dirname(path), name)) if not name.startswith("/") else None
        if found is None:
            continue  # an env file that is not tracked, or nothing of the submission
        try:
            _read(tree, found, made, opened)
        except Unreadable as error:
            made.problems.append(error)
