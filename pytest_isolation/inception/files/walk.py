"""A shell script followed from command to command, as far as its values are known, for the files that it leaves.

Nothing runs.  Of a branch whose test is not decided both sides are followed; a loop goes through its list.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from pytest_isolation.inception import shell
from pytest_isolation.inception.files.around import by_xargs, calls, found_by, within
from pytest_isolation.inception.files.branches import MAX_ITEMS, Branches
from pytest_isolation.inception.files.commands import CHANGE, PROGRAMS, SILENT, Call, Disk
from pytest_isolation.inception.files.flow import Output, Ran
from pytest_isolation.inception.files.producers import PRODUCERS
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
SHELLS = frozenset({"sh", "bash", "ash", "dash"})
SOURCED = re.compile(r"(?:-e\s*|--execute=)?(?:source|\\\.)\s+([^\s;]+);?")
STATEMENTS = frozenset({"program", "compound_statement", "do_group", "subshell", "else_clause"})


class Walk(Branches):
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
        self.opened: dict[str, str] = {}
        """Descriptor that `exec` opened -> file."""
        self.ran: list[Ran] = []
        self.building = True
        """It is the image that is built."""

    def follow(self, text: str, file: str, first_line: int = 1) -> Output:
        """What a script prints; `first_line` is where it begins in its file."""
        tree = shell.tree_of(text)
        if tree is None or self.depth > MAX_DEPTH:
            self.cut = True
            return None
        before = self.file, self.first_line, self.by_dash
        self.file, self.first_line = file, first_line
        if text.startswith("#!"):
            self.by_dash = self.dash and "bash" not in text.split("\n", 1)[0]
        self.depth += 1
        found: list[tuple[str, Place]] | None = []
        for node in tree.root_node.named_children:
            printed = self.run(node, None) if node.type != "comment" else ()
            if "1" in self.opened:
                self.disk.write(self.opened["1"], printed, more=True)
            else:
                found = None if found is None or printed is None else [*found, *printed]
        self.depth -= 1
        self.file, self.first_line, self.by_dash = before
        return None if found is None else tuple(found)

    # -- statements --------------------------------------------------------------------

    def run(self, node: Node, fed: Output) -> Output:
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
            printed = self.each(node.named_children, fed)
            if kind == "subshell":
                self.disk.here = here
            return printed
        if kind in ("list", "negated_command"):
            return self.each(node.named_children, fed)
        if kind == "command":
            return self._command(node, fed)
        if kind == "redirected_statement":
            return self._redirected(node, fed)
        if kind == "pipeline":
            for child in node.named_children:
                fed = self.run(child, fed)
            return fed
        if kind == "if_statement":
            return self.if_(node, fed)
        if kind == "case_statement":
            return self.case_(node, fed)
        if kind == "for_statement":
            return self.for_(node, fed)
        if kind in ("while_statement", "c_style_for_statement"):
            return self.while_(node, fed)
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

    def each(self, nodes: Iterable[Node], fed: Output) -> Output:
        """One statement after the other; what they print together."""
        found: list[tuple[str, Place]] | None = []
        for node in nodes:
            if node.type == "comment":
                continue
            printed = self.run(node, fed)
            found = None if found is None or printed is None else [*found, *printed]
        return None if found is None else tuple(found)

    def _redirected(self, node: Node, fed: Output) -> Output:
        body = node.child_by_field_name("body")
        redirects = [child for child in node.children if child.type.endswith("_redirect")]
        if body is not None and body.type == "list":  # it is about the last command
            *first, last = body.named_children
            self.each(first, fed)
            body = last
        if body is not None and text_of(body).strip() == "exec":
            for one in redirects:
                self._open(one)
            return ()
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
        for one in outputs:
            self._empty(one)
        own = [number for one in outputs if (number := self._open(one, only_numbered=True))]
        printed = self.run(body, fed) if body is not None else ()
        for number in own:
            self.opened.pop(number, None)
        for one in outputs:
            printed = self._out(one, printed)
        for one in after:
            if one.type == "pipeline":
                for child in one.named_children:
                    printed = self.run(child, printed)
            else:
                self.run(one, None)
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
        targets = redirect.children_by_field_name("destination")
        if to := re.fullmatch(r"1?>&\s*(\d+)", text_of(redirect).strip()):
            if to[1] in self.opened:
                self.disk.write(self.opened[to[1]], printed, more=True)
            return printed if to[1] == "1" else ()
        match = re.match(r"(?:1|&)?(>>|>\||>)(?!&)", text_of(redirect).lstrip())
        if match is None or not targets:
            return printed
        path = self.disk.path(self.words.word(targets[0]))
        self.disk.write(path, printed, more=match[1] == ">>")
        return ()

    def _empty(self, redirect: Node) -> None:
        """`awk … FILE > FILE` reads a file that is empty already."""
        targets = redirect.children_by_field_name("destination")
        if not re.match(r"1?>(?![>&(])", text_of(redirect).lstrip()) or not targets or "$(" in text_of(redirect):
            return
        path = self.disk.path(self.words.word(targets[0]))
        if path in self.disk.held:
            self.disk.held[path] = replace(self.disk.held[path], pieces=(), certain=True, shipped=False, others=())

    def _open(self, redirect: Node, *, only_numbered: bool = False) -> str | None:
        """`exec 3> FILE`, `exec 3>&-`, `exec 1>&4`; the number of what is opened."""
        match = re.match(r"(\d*)(>>|>\||>&|&>|>)\s*(\d+$|-$)?", text_of(redirect).strip())
        if match is None or (only_numbered and (match[1] in ("", "1", "2") or match[3])):
            return None
        number = match[1] or "1"
        if match[3]:
            before = self.opened.pop(number, None)
            if match[3] in self.opened:
                self.opened[number] = self.opened[match[3]]
            return before and None
        targets = redirect.children_by_field_name("destination")
        path = self.disk.path(self.words.word(targets[0])) if targets else ""
        if path.startswith("/dev/") or not path:
            self.opened.pop(number, None)
            return None
        self.disk.write(path, (), more=match[2] == ">>")
        self.opened[number] = path
        return number

    # -- simple commands ---------------------------------------------------------------

    def _assign(self, node: Node) -> None:
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        if name is None:
            return
        key = text_of(name)
        self.words.assigned.add(key)
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
        if words[:2] == ["command", "-v"] or real[:1] == ["which"]:
            return ((f"{real[-1]}\n", at),)
        real = within(real)
        if not real:
            return ()
        name = real[0].rpartition("/")[2]
        if real[0] in self.functions:
            return self._function(real, fed)
        self.ran.append(Ran(tuple(real), self._fed(real, fed), at, self.building))
        if name in (".", "source", *SHELLS) or self.disk.path(real[0]) in self.disk.held:
            return self._script(real, name)
        if name == "set" and "--" in real:
            self.words.arguments = real[real.index("--") + 1 :]
            return ()
        if name == "eval":
            return self.follow(" ".join(real[1:]), at.file, at.line)
        if name == "find" and (seen := found_by(real, self.disk)) is not None:
            paths, inner = seen
            if inner:
                return self._each_call(calls(inner, paths), at)
            return tuple((f"{path}\n", at) for path in paths) or None
        if name == "xargs" and (listed := by_xargs(real, fed)) is not None:
            return self._each_call(listed, at)
        if name == "shift" and self.words.arguments is not None:
            number = int(real[1]) if len(real) > 1 and re.fullmatch(r"\d{1,3}", real[1]) else 1
            self.words.arguments = self.words.arguments[number:]
            return ()
        if name == "perl" and (edit := re.match(r"-(?=\w*p)(i?)\w*(?:i\S*)?$", " ".join(real[1:2]))):
            name = "sed"
            inner = ["-i"] if "i" in edit[0] else []
            real = ["sed", "-E", *inner, *(word for word in real[2:] if not re.fullmatch(r"-[pie]+", word))]
        if (program := PROGRAMS.get(name) or PRODUCERS.get(name)) is not None:
            call = Call(self.disk, real, fed, at, rows, {**self.words.values, **local}, self.by_dash)
            return program(call)
        if name in CHANGE:
            self.disk.doubt([piece for word in real[1:] for piece in re.split(r"[\s'\"();,=]+", word) if piece])
            if name in ("xargs", "eval") or (name == "find" and {"sed", "perl"} & set(real)):
                self.disk.doubt_packages()
        return () if name in SILENT else None

    def _each_call(self, several: Sequence[list[str]], at: Place) -> Output:
        printed: list[tuple[str, Place]] | None = []
        for words in several:
            one = self._call(words, [], {}, (), at)
            printed = None if printed is None or one is None else [*printed, *one]
        return None if printed is None else tuple(printed)

    def _fed(self, words: Sequence[str], fed: Output) -> Output:
        """What a program reads; of the database's server its --init-file, of its client what `source FILE` names."""
        for before, word in pairwise(("", *words)):
            path = word[12:] if word.startswith("--init-file=") else word if before == "--init-file" else None
            if match := SOURCED.fullmatch(word):
                path = match[1]
            if path is not None:
                one = self.disk.held.get(self.disk.path(path))
                return one.pieces if one is not None and one.certain else None
        return fed

    def _function(self, words: list[str], fed: Output) -> Output:
        body, file, first_line = self.functions[words[0]]
        before = self.words.arguments, self.file, self.first_line
        self.words.arguments = words[1:]
        self.file, self.first_line = file, first_line
        try:
            return self.run(body, fed)
        finally:
            self.words.arguments, self.file, self.first_line = before

    def _script(self, words: list[str], name: str) -> Output:
        """A script that a script starts or sources, and `sh -c TEXT`."""
        rest = words[1:] if name in (".", "source", *SHELLS) else words
        while rest and rest[0].startswith("-"):
            if re.fullmatch(r"-[a-z]*c", rest[0]) and len(rest) > 1:
                return self.follow(rest[1], self.file, self.first_line)
            rest = rest[1:]
        path = self._beside(rest[0]) if rest else ""
        one = self.disk.held.get(path)
        if one is None or one.shipped or "\0" in one.text:
            return None
        if one.source in self.followed and name not in (".", "source"):
            return None
        self.followed.add(one.source)
        places = one.places
        before, opened = self.words.arguments, dict(self.opened)
        if len(rest) > 1 or name not in (".", "source"):
            self.words.arguments = rest[1:]
        printed = self.follow(one.text, places[0].file if places else one.source, places[0].line if places else 1)
        self.words.arguments = before
        if name not in (".", "source"):
            self.opened = opened
        return printed

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
            printed = self.each(nodes, None)
        self.disk.here = here
        return printed

    def _place(self, node: Node) -> Place:
        return Place(self.file, node.start_point[0] + self.first_line)
