"""A shell script followed from command to command, as far as its values are known, for the files that it leaves.

Nothing runs.  Of a branch whose test is not decided both sides are followed; a loop goes through its list.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from pytest_isolation.inception import shell
from pytest_isolation.inception.files.commands import CHANGE, PROGRAMS, SILENT, Call, Disk
from pytest_isolation.inception.files.flow import Held, Output, Pieces, lines_of
from pytest_isolation.inception.files.words import Words
from pytest_isolation.inception.follow import BESIDE
from pytest_isolation.inception.nodes import text_of
from pytest_isolation.inception.place import Place
from pytest_isolation.inception.script import Command
from pytest_isolation.inception.variables import MAX_VALUE

if TYPE_CHECKING:
    from tree_sitter import Node

MAX_STEPS = 4_000
"""Commands of one container."""
MAX_DEPTH = 40
"""Blocks in blocks, functions that call functions, scripts that start scripts."""
MAX_ITEMS = 200
"""Of a loop's list."""
SHELLS = frozenset({"sh", "bash", "ash", "dash"})
STATEMENTS = frozenset({"program", "compound_statement", "do_group", "subshell", "else_clause"})
OPERATORS = frozenset({"=", "==", "!="})


class Walk:
    """One container's shell; `follow` is called for one script after the other."""

    def __init__(self, disk: Disk, values: dict[str, str], *, dash: bool) -> None:
        self.disk = disk
        self.words = Words(values, self._capture)
        self.functions: dict[str, tuple[Node, str, int]] = {}
        self.file, self.first_line = "", 1
        self.dash = dash
        self.by_dash = dash
        self.steps = self.depth = 0
        self.cut = False
        self.followed: set[str] = set()
        """Files of the submission that were followed as scripts."""

    def follow(self, text: str, file: str, first_line: int = 1) -> None:
        """A script; `first_line` is where it begins in its file."""
        tree = shell.tree_of(text)
        if tree is None or self.depth > MAX_DEPTH:
            self.cut = True
            return
        before = self.file, self.first_line, self.by_dash
        self.file, self.first_line = file, first_line
        if text.startswith("#!"):
            self.by_dash = self.dash and "bash" not in text.split("\n", 1)[0]
        self.depth += 1
        self._run(tree.root_node, None)
        self.depth -= 1
        self.file, self.first_line, self.by_dash = before

    # -- statements --------------------------------------------------------------------

    def _run(self, node: Node, fed: Output) -> Output:
        """What a statement prints."""
        self.steps += 1
        if self.steps > MAX_STEPS or self.depth > MAX_DEPTH:
            self.cut = True
            return None
        self.depth += 1
        try:
            return self._statement(node, fed)
        finally:
            self.depth -= 1

    def _statement(self, node: Node, fed: Output) -> Output:
        kind = node.type
        if kind in STATEMENTS:
            here = self.disk.here
            printed = self._each(node.named_children, fed)
            if kind == "subshell":
                self.disk.here = here
            return printed
        if kind in ("list", "negated_command"):
            return self._each(node.named_children, fed)
        if kind == "command":
            return self._command(node, fed)
        if kind == "redirected_statement":
            return self._redirected(node, fed)
        if kind == "pipeline":
            for child in node.named_children:
                fed = self._run(child, fed)
            return fed
        if kind == "if_statement":
            return self._if(node, fed)
        if kind == "case_statement":
            return self._case(node, fed)
        if kind == "for_statement":
            return self._for(node, fed)
        if kind in ("while_statement", "c_style_for_statement"):
            return self._while(node, fed)
        if kind == "function_definition":
            name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
            if name is not None and body is not None:
                self.functions[text_of(name)] = body, self.file, self.first_line
        elif kind == "variable_assignment":
            self._assign(node)
        elif kind in ("declaration_command", "variable_assignments"):
            for child in node.named_children:
                if child.type == "variable_assignment":
                    self._assign(child)
        return ()

    def _each(self, nodes: Iterable[Node], fed: Output) -> Output:
        """One statement after the other; what they print together."""
        found: list[tuple[str, Place]] | None = []
        for node in nodes:
            if node.type == "comment":
                continue
            printed = self._run(node, fed)
            found = None if found is None or printed is None else [*found, *printed]
        return None if found is None else tuple(found)

    def _redirected(self, node: Node, fed: Output) -> Output:
        body = node.child_by_field_name("body")
        redirects = [child for child in node.children if child.type.endswith("_redirect")]
        if body is not None and body.type == "list":  # it is about the last command
            *first, last = body.named_children
            self._each(first, fed)
            body = last
        after: list[Node] = []
        outputs: list[Node] = []
        for one in redirects:
            if one.type == "heredoc_redirect":
                fed = self._document(one)
                for child in one.named_children:
                    if child.type == "file_redirect":
                        outputs.append(child)
                    elif not child.type.startswith("heredoc"):
                        after.append(child)
            elif one.type == "herestring_redirect":
                word = self.words.word(one.children[-1])
                fed = ((f"{word}\n", self._place(one)),)
            elif (match := re.match(r"0?<(?![<&>(])", text_of(one).lstrip())) and match:
                fed = self._file(one)
            else:
                outputs.append(one)
        printed = self._run(body, fed) if body is not None else ()
        for one in outputs:
            printed = self._out(one, printed)
        for one in after:
            if one.type == "pipeline":
                for child in one.named_children:
                    printed = self._run(child, printed)
            else:
                self._run(one, None)
        return printed

    def _document(self, node: Node) -> Output:
        """What a here-document has."""
        start = next((one for one in node.children if one.type == "heredoc_start"), None)
        body = next((one for one in node.children if one.type == "heredoc_body"), None)
        if start is None or body is None:
            return () if start is not None else None
        row = body.start_point[0]
        if re.search(r"['\"\\]", text_of(start)):
            rows = [(line, row + at) for at, line in enumerate(text_of(body).splitlines(keepends=True))]
        else:
            rows = self.words.segments(body)
        if text_of(node).startswith("<<-"):
            rows = self._without_tabs(rows)
        return tuple((text, Place(self.file, at + self.first_line)) for text, at in rows)

    def _without_tabs(self, rows: list[tuple[str, int]]) -> list[tuple[str, int]]:
        found, begins = [], True
        for text, at in rows:
            found.append((text.lstrip("\t") if begins else text, at))
            begins = text.endswith("\n")
        return found

    def _file(self, redirect: Node) -> Output:
        words = [self.words.word(one) for one in redirect.children_by_field_name("destination")]
        return PROGRAMS["cat"](Call(self.disk, ["cat", *words[:1]], None, self._place(redirect), [], {}))

    def _out(self, redirect: Node, printed: Output) -> Output:
        """What goes on after `>` and its like: nothing, when the output went into a file."""
        match = re.match(r"(?:1|&)?(>>|>\||>)(?!&)", text_of(redirect).lstrip())
        targets = redirect.children_by_field_name("destination")
        if match is None or not targets:
            return printed
        path = self.disk.path(self.words.word(targets[0]))
        self.disk.write(path, printed, more=match[1] == ">>")
        return ()

    # -- branches and loops ------------------------------------------------------------

    def _if(self, node: Node, fed: Output) -> Output:
        """`elif` is a branch as any other."""
        sides: list[tuple[bool | None, list[Node]]] = []
        conditions = node.children_by_field_name("condition")
        tested = {one.id for one in conditions}
        self._each([one for one in conditions if one.is_named], fed)
        own = [
            one for one in node.named_children
            if one.id not in tested and one.type not in ("elif_clause", "else_clause")
        ]  # fmt: skip
        sides.append((self._decided(conditions), own))
        for one in node.named_children:
            if one.type == "elif_clause":
                begin = next((at for at, child in enumerate(one.children) if child.type == "then"), 1)
                sides.append((self._decided(one.children[1:begin]), [c for c in one.children[begin:] if c.is_named]))
            elif one.type == "else_clause":
                sides.append((None, list(one.named_children)))
        open_: list[list[Node]] = []
        for truth, nodes in sides:
            if truth is not False:
                open_.append(nodes)
            if truth:
                break
        return self._branches(open_, fed)

    def _case(self, node: Node, fed: Output) -> Output:
        looked_at = node.child_by_field_name("value")
        value = self.words.word(looked_at) if looked_at is not None else "$"
        items = [one for one in node.named_children if one.type == "case_item"]
        open_: list[list[Node]] = []
        for item in items:
            values = item.children_by_field_name("value")
            patterns = [self.words.word(one) for one in values]
            ids = {one.id for one in values}
            nodes = [one for one in item.named_children if one.id not in ids]
            if "$" in value or "`" in value:
                open_.append(nodes)
            elif any(fnmatchcase(value, pattern) for pattern in patterns):
                open_ = [nodes]
                break
        return self._branches(open_, fed)

    def _branches(self, sides: list[list[Node]], fed: Output) -> Output:
        """Each from the same state; of a file that several write, the others are kept beside the first."""
        if not sides:
            return ()
        if len(sides) == 1:
            return self._each(sides[0], fed)
        before, values = dict(self.disk.held), dict(self.words.values)
        ends: list[dict[str, Held]] = []
        known: list[dict[str, str]] = []
        printed: list[Output] = []
        for side in sides:
            self.disk.held = dict(before)
            self.words.values.clear()
            self.words.values.update(values)
            printed.append(self._each(side, fed))
            ends.append(self.disk.held)
            known.append(dict(self.words.values))
        self.disk.held = _merged(before, ends)
        for name in {name for one in known for name in one}:
            new = {one[name] for one in known if name in one and one[name] != values.get(name)}
            self.words.values.pop(name, None)
            if len(new) == 1:
                self.words.values[name] = new.pop()
            elif not new and name in values:
                self.words.values[name] = values[name]
        first = printed[0]
        return first if all(one == first for one in printed) else None

    def _decided(self, conditions: list[Node]) -> bool | None:
        """Whether a test of known values is true; None for any other."""
        named = [one for one in conditions if one.is_named and one.type != "comment"]
        if len(named) != 1 or named[0].type != "test_command":
            return None
        inner = list(named[0].named_children)
        if len(inner) != 1 or inner[0].type not in ("unary_expression", "binary_expression"):
            return None
        sign = next((text_of(one) for one in inner[0].children if one.type == "test_operator" or not one.is_named), "")
        words = [self.words.word(one) for one in inner[0].named_children if one.type != "test_operator"]
        if any("$" in word or "`" in word for word in words):
            return None
        if sign in ("-n", "-z") and len(words) == 1:
            return bool(words[0]) == (sign == "-n")
        if sign in OPERATORS and len(words) == 2:
            return (words[0] == words[1]) == (sign != "!=")
        return None

    def _for(self, node: Node, fed: Output) -> Output:
        variable, body = node.child_by_field_name("variable"), node.child_by_field_name("body")
        if variable is None or body is None:
            return ()
        name = text_of(variable)
        items: list[str] = []
        for one in node.children_by_field_name("value"):
            for word in self.words.many(one):
                paths = list(self.disk.named([word])) if any(char in word for char in "*?") else []
                items += paths or [word]
        printed: list[tuple[str, Place]] | None = []
        self.words.values.pop(name, None)
        for item in items[:MAX_ITEMS] or ["$"]:
            if item.startswith(("$", "`")):
                self.words.values.pop(name, None)
            else:
                self.words.values[name] = item
            one_more = self._run(body, fed)
            printed = None if printed is None or one_more is None else [*printed, *one_more]
        return None if printed is None else tuple(printed)

    def _while(self, node: Node, fed: Output) -> Output:
        """`while read LINE` goes through what it is fed; of another loop one turn is followed."""
        body, condition = node.child_by_field_name("body"), node.child_by_field_name("condition")
        if body is None:
            return ()
        words = text_of(condition).rstrip(" ;\n").split() if condition is not None else []
        if "read" not in words[:2] or fed is None:
            if condition is not None:
                self._run(condition, fed)
            self._run(body, None)
            return None
        printed: list[tuple[str, Place]] | None = []
        for line, _ in lines_of(fed)[:MAX_ITEMS]:
            self.words.values[words[-1]] = line if any("IFS=" in word for word in words) else line.strip()
            one_more = self._run(body, None)
            printed = None if printed is None or one_more is None else [*printed, *one_more]
        return None if printed is None else tuple(printed)

    # -- simple commands ---------------------------------------------------------------

    def _assign(self, node: Node) -> None:
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        if name is None:
            return
        key = text_of(name)
        more = any(one.type == "+=" for one in node.children)
        if value is not None and value.type == "array":
            items = [word for one in value.named_children if one.type != "comment" for word in self.words.many(one)]
            self.words.arrays[key] = [*(self.words.arrays.get(key, []) if more else []), *items][:MAX_ITEMS]
            return
        made = self.words.word(value) if value is not None else ""
        if len(made) > MAX_VALUE or made.startswith(("$(", "`")) or f"${key}" in made or f"${{{key}" in made:
            self.words.values.pop(key, None)
        elif more:
            if len(before := self.words.values.pop(key, "")) + len(made) <= MAX_VALUE:
                self.words.values[key] = before + made
        else:
            self.words.values[key] = made

    def _command(self, node: Node, fed: Output) -> Output:
        words: list[str] = []
        rows: list[tuple[str, Place]] = []
        local: dict[str, str] = {}
        at = self._place(node)
        for child in node.children:
            if child.type == "herestring_redirect":
                fed = ((f"{self.words.word(child.children[-1])}\n", at),)
            elif child.type == "variable_assignment":
                name, value = child.child_by_field_name("name"), child.child_by_field_name("value")
                if name is not None:
                    local[text_of(name)] = self.words.word(value) if value is not None else ""
            elif child.is_named and not child.type.endswith("redirect"):
                if child.type == "command_name" or self.words.is_list(child):
                    made = self.words.many(child)
                    words += made
                    row = child.start_point[0] + self.first_line
                    rows += [] if child.type == "command_name" else [(one, Place(self.file, row)) for one in made]
                    continue
                pieces = self.words.segments(child)
                words.append("".join(text for text, _ in pieces))
                rows += [(text, Place(self.file, row + self.first_line)) for text, row in pieces]
        return self._call(words, rows, local, fed, at)

    def _call(
        self, words: list[str], rows: list[tuple[str, Place]], local: dict[str, str], fed: Output, at: Place
    ) -> Output:
        real = list(Command(tuple(words), at).real)
        if not real:
            return ()
        name = real[0].rpartition("/")[2]
        if real[0] in self.functions:
            return self._function(real, fed)
        if name in (".", "source", *SHELLS) or self.disk.path(real[0]) in self.disk.held:
            return self._script(real, name)
        if name == "shift" and self.words.arguments is not None:
            number = int(real[1]) if len(real) > 1 and re.fullmatch(r"\d{1,3}", real[1]) else 1
            self.words.arguments = self.words.arguments[number:]
            return ()
        if name == "perl" and (edit := re.match(r"-(?=\w*p)(i?)\w*(?:i\S*)?$", " ".join(real[1:2]))):
            name = "sed"
            inner = ["-i"] if "i" in edit[0] else []
            real = ["sed", "-E", *inner, *(word for word in real[2:] if not re.fullmatch(r"-[pie]+", word))]
        if (program := PROGRAMS.get(name)) is not None:
            call = Call(self.disk, real, fed, at, rows, {**self.words.values, **local}, self.by_dash)
            return program(call)
        if name in CHANGE:
            self.disk.doubt([piece for word in real[1:] for piece in re.split(r"[\s'\"();,=]+", word) if piece])
            if name in ("xargs", "eval") or (name == "find" and {"sed", "perl"} & set(real)):
                self.disk.doubt_packages()
        return () if name in SILENT else None

    def _function(self, words: list[str], fed: Output) -> Output:
        body, file, first_line = self.functions[words[0]]
        before = self.words.arguments, self.file, self.first_line
        self.words.arguments = words[1:]
        self.file, self.first_line = file, first_line
        try:
            return self._run(body, fed)
        finally:
            self.words.arguments, self.file, self.first_line = before

    def _script(self, words: list[str], name: str) -> Output:
        """A script that a script starts or sources, and `sh -c TEXT`."""
        rest = words[1:] if name in (".", "source", *SHELLS) else words
        while rest and rest[0].startswith("-"):
            if re.fullmatch(r"-[a-z]*c", rest[0]) and len(rest) > 1:
                self.follow(rest[1], self.file, self.first_line)
                return None
            rest = rest[1:]
        path = self._beside(rest[0]) if rest else ""
        one = self.disk.held.get(path)
        if one is None or one.shipped or "\0" in one.text:
            return None
        if one.source in self.followed and name not in (".", "source"):
            return None
        self.followed.add(one.source)
        places = one.places
        before = self.words.arguments
        if len(rest) > 1 or name not in (".", "source"):
            self.words.arguments = rest[1:]
        self.follow(one.text, places[0].file if places else one.source, places[0].line if places else 1)
        self.words.arguments = before
        return None

    def _beside(self, word: str) -> str:
        """A path; where only the run knows its directory, `$(dirname "$0")/lib.sh`, that of the one file so called."""
        path = self.disk.path(word)
        if match := BESIDE.match(word):
            named = [one for one in self.disk.held if one.endswith(f"/{word[match.end() :]}")]
            path = named[0] if len(named) == 1 else path
        return path

    def _capture(self, node: Node) -> Output:
        """What `$(…)` prints; it leaves no working directory behind."""
        here = self.disk.here
        nodes = [one for one in node.named_children if one.type != "comment"]
        if len(nodes) == 1 and nodes[0].type == "file_redirect":
            printed = self._file(nodes[0])
        else:
            printed = self._each(nodes, None)
        self.disk.here = here
        return printed

    def _place(self, node: Node) -> Place:
        return Place(self.file, node.start_point[0] + self.first_line)


def _merged(before: dict[str, Held], ends: list[dict[str, Held]]) -> dict[str, Held]:
    found: dict[str, Held] = {}
    for path in {path: None for one in (before, *ends) for path in one}:
        new: list[Held] = []
        for one in ends:
            held = one.get(path)
            if held is not None and held is not before.get(path) and held.pieces not in [each.pieces for each in new]:
                new.append(held)
        if new:
            others: tuple[Pieces, ...] = tuple(each for held in new[1:] for each in (held.pieces, *held.others))
            first = new[0]
            found[path] = Held(
                first.pieces, first.source, all(held.certain for held in new), False, (*first.others, *others),
                first.writes, first.used,
            )  # fmt: skip
        elif path in before and any(path in one for one in ends):
            found[path] = before[path]
    return found
