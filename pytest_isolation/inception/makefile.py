"""Makefiles as text.  `make` is never run: not even `make -n`, which carries out $(shell …) and lines with +."""

from __future__ import annotations

import posixpath
import re
import shlex
from dataclasses import dataclass, field

from pytest_isolation.inception.makecalls import Call, calls
from pytest_isolation.inception.place import Place, Text, Unreadable
from pytest_isolation.inception.tree import Tree

NAMES = ("GNUmakefile", "makefile", "Makefile")
"""In the order make looks for them."""
MAX_EXPANSION = 20_000
"""Characters of one line with its variables put in."""
MAX_PATTERNS = 200
MAX_RECIPES = 500_000
"""Characters of all of them."""
MAX_MAKEFILES = 16
MAX_CALLS_DEEP = 30
"""Makes that run a make."""
MAX_CALLED = 5_000
"""Recipe lines that makes of makes run."""
ASSIGNMENT = re.compile(r"^\s*(?:export\s+|override\s+)*([\w.-]+)\s*(\?|\+|:{1,3}|!)?=\s*(.*)$", re.DOTALL)
RULE = re.compile(r"^([^\t#=:][^=:#]*)(::?)(?!=)\s*(.*)$", re.DOTALL)
AUTOMATIC = re.compile(r"(?<!\$)\$(?:([@<^*])|[({]([@<^*])([DF]?)[)}])")
CONDITION = re.compile(r" *(endif|(?:else\s+)?if(?:n?eq|n?def)|else)\b(.*?)(?:\s#.*)?$", re.DOTALL)
CALL = re.compile(r"\$[({]call\s+([\w.-]+)((?:,[^(){},]*)*)[)}]")
SAID = re.compile(r"""\$[({]shell\s+(?:echo|printf(?:\s+'?%s'?)?)\s+(?:["']([\w./@:-]+)["']|([\w./@:-]+))\s*[)}]""")
"""`$(shell echo WORD)` is that word on every machine."""
CHOSEN = re.compile(r"\$[({]shell\s+(?P<text>(?:[^(){}$]|\([^()]*\))*)[)}]")
ENGINE = re.compile(r"(?:\becho\s+[\"']?|\b(?:command\s+-v|which|type\s+-P)\s+)(docker-compose|docker\s+compose)\b")
"""One of two names of compose: `$(shell command -v docker-compose || echo docker compose)`."""
SPECIAL = frozenset({
    ".PHONY", ".SILENT", ".DEFAULT", ".SUFFIXES", ".PRECIOUS", ".ONESHELL", ".NOTPARALLEL", ".IGNORE",
    ".EXPORT_ALL_VARIABLES", ".DELETE_ON_ERROR", ".SECONDARY", ".INTERMEDIATE", ".POSIX",
})  # fmt: skip


@dataclass(slots=True)
class Target:
    """One target with its prerequisites and its recipe."""

    name: str
    needs: list[str]
    recipe: list[Text]
    """Lines with variables put in; the signs @ - + taken off."""
    at: Place


@dataclass(slots=True)
class Makefile:
    """A Makefile and what it includes, read as text."""

    file: str
    targets: dict[str, Target] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    exported: set[str] = field(default_factory=set)
    """Names of the variables that what a recipe runs is given; ALL stands for every variable."""
    default: str | None = None
    problems: list[Unreadable] = field(default_factory=list)
    shells: list[Text] = field(default_factory=list)
    """$(shell …) and != : commands that reading this file with make would run."""
    patterns: list[Target] = field(default_factory=list)
    """Those of `targets` with a % in their names, up to MAX_PATTERNS."""
    directory: str = ""
    """That make runs in when it reads this one."""
    others: dict[tuple[str, str], tuple[str, Makefile | None]] = field(default_factory=dict)
    """(directory, file) as a recipe's make names them -> directory, and what it reads; None where that is not known."""
    _by_name: dict[str, Target | None] = field(default_factory=dict)
    """What pattern rules make, as far as it was asked for."""

    def lines(self, target: str | None = None) -> list[Text]:
        """Every recipe line, or those that making `target` runs, in order."""
        return self._listed(target, _Walk())

    def environment(self) -> dict[str, str]:
        """What it exports to what its recipes run, as far as the file says: of USER and HOME the names stay."""
        names = self.variables if ALL in self.exported else self.exported
        found = {}
        for name in names:
            value = expand(self.variables.get(name, "$"), self.variables)
            value = re.sub(r"\$\(shell\s+(?:whoami|id -un)\s*\)", "${USER}", value)
            value = re.sub(r"\$[({](USER|HOME|LOGNAME)[)}]", r"${\1}", value)
            if not re.search(r"\$(?!\{(?:USER|HOME|LOGNAME)\})", value):
                found[name] = value.strip()
        return found

    def missed(self, target: str | None = None) -> Text | None:
        """The first of those lines that runs a make of which is not known what it does."""
        walk = _Walk()
        self._listed(target, walk)
        return next(iter(walk.missed), None)

    def _listed(self, target: str | None, walk: _Walk) -> list[Text]:
        if target is None:
            every = [line for one in self.targets.values() for line in _as_written(one)]
            return [line for one in every for line in (one, *self._called(one, walk, every=True))]
        found: list[Text] = []
        pending = [(target, False)]
        while pending:
            name, ready = pending.pop()
            one = self.targets.get(name) or self._by_pattern(name)
            if one is None:
                continue
            if ready:
                for line in one.recipe:
                    found += (line, *self._called(line, walk))
            elif (id(self), name) not in walk.done:
                walk.done.add((id(self), name))
                pending.append((name, True))
                pending += [(need, False) for need in reversed(one.needs)]
        return found

    def _called(self, line: Text, walk: _Walk, *, every: bool = False) -> list[Text]:
        """What the makes of a line run, each line with `cd` before it; with `every`, of other Makefiles alone."""
        made, whole = calls(line)
        if not whole:
            walk.missed.append(line)
        found: list[Text] = []
        for call in made:
            directory, other = "", self
            if call.file or any(call.directories):
                at, known = self._other(call)
                if known is None:
                    walk.missed += [line] * (at is None)
                    continue
                directory, other = at or "", known
            elif every:
                continue
            goals = call.goals if call.is_known else ()
            if walk.deep >= MAX_CALLS_DEEP or walk.left <= 0 or not call.is_known:
                walk.missed.append(line)
            if walk.deep >= MAX_CALLS_DEEP:
                continue
            walk.deep += 1
            for goal in goals or ([other.default] if other.default else []):
                lines = other._listed(goal, walk)[: max(walk.left, 0)]
                walk.left -= len(lines)
                found += [Text(f"cd {shlex.quote(directory)} && {one}", one.at) if directory else one for one in lines]
            walk.deep -= 1
        return found

    def _other(self, call: Call) -> tuple[str | None, Makefile | None]:
        """(directory, what is read there); (None, None) where that is not known, ("", None) where there is none."""
        for directory in call.directories:
            at, other = self.others.get((directory, call.file), ("", None))
            if other is not None or at == UNKNOWN:
                return (None, None) if at == UNKNOWN else (at, other)
        return "", None

    def _by_pattern(self, name: str) -> Target | None:
        """The target that a pattern rule makes of `name`: the longest pattern that fits, as make chooses."""
        if name not in self._by_name:
            self._by_name[name] = self._made_of(name)
        return self._by_name[name]

    def _made_of(self, name: str) -> Target | None:
        best: Target | None = None
        stem = ""
        for one in self.patterns:
            before, _, after = one.name.partition("%")
            if not name.startswith(before) or not name.endswith(after):
                continue
            if len(name) > len(before) + len(after) and (best is None or len(one.name) > len(best.name)):
                best, stem = one, name[len(before) : len(name) - len(after)]
        if best is None:
            return None
        needs = [need.replace("%", stem, 1) for need in best.needs]
        recipe = [Text(_automatic(line, name, needs, stem), line.at) for line in best.recipe]
        return Target(name, needs, recipe, best.at)


def _as_written(target: Target) -> list[Text]:
    """Its recipe; where no target was chosen, `%` stands for what a pattern would."""
    if "%" not in target.name:
        return target.recipe
    return [Text(_automatic(line, target.name, target.needs, "%"), line.at) for line in target.recipe]


def _automatic(line: str, target: str, needs: list[str], stem: str = "") -> str:
    """make's own variables: $@, $<, $^ and $*, with D and F for the directory and the file."""
    values = {"@": target, "<": needs[0] if needs else "", "^": " ".join(dict.fromkeys(needs)), "*": stem}

    def put(match: re.Match[str]) -> str:
        value, part = values[match[1] or match[2]], match[3]
        if part == "D":
            return posixpath.dirname(value) or "."
        return posixpath.basename(value) if part == "F" else value

    return AUTOMATIC.sub(put, line)


UNKNOWN, ALL = "?", "*"


@dataclass(slots=True)
class _Walk:
    """Through the recipes of one goal."""

    done: set[tuple[int, str]] = field(default_factory=set)
    """(Makefile, target)"""
    missed: list[Text] = field(default_factory=list)
    deep: int = 0
    left: int = MAX_CALLED


def _read_others(tree: Tree, made: Makefile, read: dict[tuple[str, str], Makefile]) -> None:
    """Every Makefile is read once for each directory that make runs in."""
    asked = [call for target in made.targets.values() for line in _as_written(target) for call in calls(line)[0]]
    for call in dict.fromkeys(asked):
        for directory in call.directories if call.file or any(call.directories) else ():
            key = directory, call.file
            where = posixpath.normpath(posixpath.join(made.directory, directory))
            outside = directory.startswith(("/", "~")) or where.startswith("..") or call.file.startswith("/")
            if re.search(r"[$`]", directory + call.file) or outside:
                made.others[key] = UNKNOWN, None
                continue
            for name in (call.file,) if call.file else NAMES:
                path = tree.find(posixpath.join(where, name))
                if path is None:
                    continue
                again = path, where
                if again not in read and len(read) < MAX_MAKEFILES:
                    try:
                        read_makefile(tree, path, where, read)
                    except Unreadable as error:
                        made.problems.append(error)
                made.others[key] = (directory, read[again]) if again in read else (UNKNOWN, None)
                break


def read_makefile(
    tree: Tree, path: str, directory: str | None = None, read: dict[tuple[str, str], Makefile] | None = None
) -> Makefile:
    """Raises Unreadable when the file cannot be read; what it includes outside the tree is a problem of it.

    `directory` is where make runs, without it the file's own; `read`: by path and directory, Makefiles that were read
    before, this one is added.
    """
    made = Makefile(path, directory=posixpath.dirname(path) if directory is None else directory)
    _read(tree, path, made, [])
    read = {} if read is None else read
    read[path, posixpath.normpath(made.directory)] = made
    first = next((one for one in made.targets if "%" not in one and (not one.startswith(".") or "/" in one)), None)
    made.default = made.variables.get(".DEFAULT_GOAL") or first
    if made.default:
        made.default = expand(made.default, made.variables).strip()
    made.patterns = [one for name, one in made.targets.items() if "%" in name][:MAX_PATTERNS]
    left = MAX_RECIPES
    for target in made.targets.values():
        lines, target.recipe = target.recipe, []
        for line in lines:
            text = expand(line, made.variables)
            if "%" not in target.name:
                text = _automatic(text, target.name, target.needs)
            for part in text.split("\n"):  # a variable of several lines (define) is several commands
                if left < 0:
                    says = f"its recipes have more than {MAX_RECIPES} characters with their variables put in"
                    made.problems.append(Unreadable(says, line.at))
                    return made
                if command := _command(part):
                    target.recipe.append(Text(command, line.at))
                left -= len(command) + 20
    _read_others(tree, made, read)
    return made


def expand(text: str, variables: dict[str, str]) -> str:
    """$(NAME), ${NAME} and $(call NAME,…) put in; other functions and unknown names stay as they are."""
    for _ in range(12):
        new = CALL.sub(lambda m: _called(m, variables), text)
        new = SAID.sub(lambda m: m[1] or m[2], new)
        new = CHOSEN.sub(_chosen, new)
        new = re.sub(r"\$[({]([\w.-]+)[)}]", lambda m: variables.get(m[1], m[0]), new)
        new = re.sub(r"\$([A-Za-z])(?![\w(])", lambda m: variables.get(m[1], m[0]), new)
        if new == text or len(new) > MAX_EXPANSION:
            break
        text = new
    return text[:MAX_EXPANSION]


def _chosen(match: re.Match[str]) -> str:
    """`docker compose` where all that the shell may print is a name of compose."""
    printed = re.findall(r"\becho\b|\bprintf\b", match["text"])
    named = ENGINE.findall(match["text"])
    all_said = len(printed) <= len(re.findall(r"\becho\s+[\"']?docker[-\s]+compose\b", match["text"]))
    return "docker compose" if named and all_said else match[0]


def _called(match: re.Match[str], variables: dict[str, str]) -> str:
    body = variables.get(match[1])
    if body is None:
        return match[0]
    given = [one.strip() for one in (match[2] or "").split(",")[1:]]
    return re.sub(r"\$[({]?([1-9])[)}]?", lambda m: given[int(m[1]) - 1] if int(m[1]) <= len(given) else "", body)


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
    define: str | None = None
    body: list[str] = []
    branches: list[Branch] = []
    for number, line in _logical(tree.text(path)):
        at = Place(path, number)
        if define is None and (match := CONDITION.match(line)) and not line.startswith("\t"):
            _branch(match, branches, made.variables)
            continue
        if any(one.read is False for one in branches):
            continue
        if define is not None:
            if re.match(r"\s*endef\b", line):
                made.variables[define] = "\n".join(body)
                define, body = None, []
            elif sum(map(len, body)) < MAX_EXPANSION:
                body.append(line)
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
        if match := re.match(r"\s*(?:override\s+|export\s+)*define\s+([\w.-]+)", plain):
            define = match[1]
        elif match := re.match(r"\s*-?s?include\s+(.*)$", plain):
            _include(tree, path, expand(match[1], made.variables), made, opened, at)
        elif match := re.match(r"\s*export\b\s*([\w ]*)$", plain):
            made.exported |= set(match[1].split() or [ALL])
        elif re.match(r"\s*(unexport|vpath)\b", plain):
            continue
        elif (match := RULE.match(plain)) and not ASSIGNMENT.match(plain):
            current = _rule(made, match, at)
        elif match := ASSIGNMENT.match(plain):
            _assign(made, match, at)
            if re.match(r"\s*(?:override\s+)?export\b", plain):
                made.exported.add(match[1])
            current = []
        else:
            current = current if line.startswith(" ") else []


@dataclass(slots=True)
class Branch:
    """Of a condition; each is known to be so, known not to be so, or depends on the machine (None)."""

    read: bool | None
    """make reads its lines."""
    open: bool | None
    """None of the branches so far was taken: a later one may be."""


def _branch(match: re.Match[str], branches: list[Branch], variables: dict[str, str]) -> None:
    """Enter or leave a branch."""
    words = match[1].split()
    if words[0] == "endif":
        del branches[-1:]
        return
    may = True if words[0] != "else" else branches.pop().open if branches else None
    condition = _holds(words[-1], match[2].strip(), variables) if words[-1] != "else" else True
    if may is False or condition is False:
        branches.append(Branch(False, may))
    else:
        branches.append(Branch(True if may and condition else None, False if condition else None))


def _holds(word: str, text: str, variables: dict[str, str]) -> bool | None:
    """Whether a condition holds; None when that depends on the machine."""
    if word in ("ifdef", "ifndef"):
        return None if text not in variables else bool(variables[text]) == (word == "ifdef")
    pair = re.fullmatch(r"\(\s*([^,()]*?)\s*,\s*([^,()]*?)\s*\)", expand(text, variables).strip())
    pair = pair or re.fullmatch(r"""["']([^"']*)["']\s+["']([^"']*)["']""", expand(text, variables).strip())
    if pair is None or "$" in pair[0]:
        return None
    return (pair[1] == pair[2]) == (word == "ifeq")


def _rule(made: Makefile, match: re.Match[str], at: Place) -> list[Target]:
    names = expand(match[1], made.variables).split()
    needs, semicolon, first = match[3].partition(";")
    if re.match(r"[\w.-]+\s*[:?+]?=", needs):
        return []  # a variable of one target
    listed = [need for need in expand(needs, made.variables).split() if need != "|"]
    found = []
    for name in names[:200]:
        if name in SPECIAL:
            made.exported |= {ALL} if name == ".EXPORT_ALL_VARIABLES" else set()
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
