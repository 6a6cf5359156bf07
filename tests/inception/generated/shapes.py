"""Shapes that mean the same: functions in scripts, stages in Dockerfiles, layouts, and files that only look wrong.

Each takes what `stack` drew and gives it another form; none changes what is true of the submission.
"""

# ruff: noqa: E501  (the lines are a submission's, which are as long as they are)

from __future__ import annotations

import re
from collections.abc import Callable

from tests.inception.generated.choices import Choices

REMARKS = (
    "لا تستعمل tail -f هنا", "無限ループ while true は禁止", "пароль лежит в .env, не здесь", "não usar network: host nem links",
    "nie używać debian:latest", "usuário não pode ser admin", "το TLSv1.1 απαγορεύεται", "sleep infinity ist verboten",
    "attention : `bash` en PID 1 n'est pas un service", "no escribir la contraseña: password=1234 es un ejemplo malo",
)  # fmt: skip
"""Of forbidden things, in the languages of the campuses: none of them does any."""


def functions(c: Choices, script: str) -> str:
    """A start script as it is, or in functions: all of it in one, or what comes before the daemon.

    Lines keep their places: here-documents end where they end.
    """
    *before, last = script.rstrip("\n").split("\n")
    body = "\n".join(before)
    if not body.strip() or "() {" in script or not re.match(r"(exec )?\S", last):
        return script
    if any(line.endswith("\\") for line in before[-1:]):
        return script
    way = c.style("functions", "none", "none", "main", "setup", "log")
    if way == "main":
        return f'main() {{\n{body}\n{last}\n}}\n\nmain "$@"\n'
    if way == "setup" and not last.startswith(("EOF", "fi", "done")):
        keyword = (
            c.pick("setup() {", "function setup {", "setup ()\n{") if c.broken.isdisjoint({"G01"}) else "setup() {"
        )
        keyword = keyword if not script.startswith("#!/bin/sh") else "setup() {"
        return f"{keyword.replace('function setup {', 'setup() {')}\n{body}\n}}\n\nsetup\n{last}\n"
    if way == "log":
        return 'log() {\n    echo "[inception] $1" >&2\n}\n\nlog "start"\n' + script
    return script


def stages(c: Choices, base: str) -> str:
    """FROM: one, or a stage of the same base that nobody uses, or a name in between."""
    way = c.style("stages", "one", "one", "one", "unused", "named")
    if way == "unused":
        wrong = c.pick('CMD ["tail", "-f", "/dev/null"]\n', "ENTRYPOINT sleep infinity\n", 'CMD ["bash"]\n')
        return f"FROM {base} AS debug\n{wrong}\nFROM {base}\n"
    if way == "named":
        return f"FROM {base} AS common\nLABEL project=inception\n\nFROM common{c.pick('', ' AS final')}\n"
    return f"FROM {base}\n"


def innocents(c: Choices, write: Callable[[str, str], None]) -> None:
    """Files beside the stack in which forbidden words stand and that break nothing."""
    for name, text in c.pick(
        (),
        (),
        ((".github/workflows/ci.yml", "on: push\njobs:\n  lint:\n    runs-on: ubuntu-latest\n    steps:\n      - run: '! grep -rn \"tail -f\" srcs'\n"),),
        (("docs/notes.md", "# Notes\n\nInterdit : `network: host`, `links:`, `--link`, `FROM debian:latest`, `while true`.\n\n    docker run --network host nginx\n"),),
        (("srcs/.dockerignore", "*.md\n.git\n"), ("srcs/tests/check.sh", "#!/bin/sh\n# looks for what is forbidden\ngrep -rn 'sleep infinity' .. && exit 1\nn=0\nwhile true; do\n  curl -ks https://localhost && break\n  n=$((n + 1))\n  [ $n -gt 30 ] && exit 1\n  sleep 1\ndone\n")),
        (("srcs/requirements/nginx/conf/nginx.conf~", "server { listen 80; ssl_protocols TLSv1; }\n"), (".DS_Store", "x")),
    ):  # fmt: skip
        write(name, text)


def nested(c: Choices, files: dict[str, str], executable: set[str], ignored: set[str]) -> None:
    """The project below the repository's root, as those keep it who have one repository for the whole curriculum."""
    if c.style("root", "top", "top", "top", "top", "nested") == "top":
        return
    below = c.pick("inception/", "level5/inception/")
    for name in list(files):
        files[below + name] = files.pop(name)
    for names in (executable, ignored):
        moved = {below + name for name in names}
        names.clear()
        names |= moved
    files["README.md"] = c.pick("# 42\n\nMy projects.\n", "# 42 cursus\n\n- inception\n- minirt\n")


def elsewhere(c: Choices, files: dict[str, str], dirs: str, name: str) -> str:
    """`build:` of a service whose Dockerfile has another name, or whose context is the directory of the compose file."""
    path = f"srcs/{dirs}{name}/Dockerfile"
    if c.maybe():
        other = c.pick(f"{name}.Dockerfile", "Dockerfile.prod", "dockerfile")
        files[path.replace("Dockerfile", other)] = files.pop(path)
        return f"build:\n  context: {dirs}{name}\n" + (f"  dockerfile: {other}\n" if other != "dockerfile" else "")
    files[path] = re.sub(
        r"^COPY (?>((?:--chmod=\S+ )?))(?!--from|<<)(?:\./)?", rf"COPY \1{dirs}{name}/", files[path], flags=re.M
    )
    return f"build:\n  context: .\n  dockerfile: {dirs}{name}/Dockerfile\n"


def config(c: Choices, files: dict[str, str], path: str) -> str:
    """`configs:` at the top of the compose file: the file, or its text in its place."""
    if c.maybe():
        return f"configs:\n  site:\n    file: ./{path.removeprefix('srcs/')}\n"
    text = files.pop(path).replace("$", "$$")
    lines = "".join(f"      {line}\n" if line.strip() else "\n" for line in text.split("\n"))
    return f"configs:\n  site:\n    content: |\n{lines.rstrip()}\n"
