"""What the Dockerfiles of a generated submission share: the base, packages, the start script and how it is started."""

from __future__ import annotations

from tests.inception.generated import shapes
from tests.inception.generated.stack import ALPINE, DEBIAN, HEADER, Stack


def install(s: Stack, base: str, packages: str, more: str = "") -> str:
    """RUN instructions that install packages, then run `more` (commands, one a line)."""
    c = s.c
    steps = [one for one in more.splitlines() if one]
    if base.startswith("alpine"):
        first = [f"apk add --no-cache {packages}"] if c.maybe() else ["apk update", f"apk add {packages}"]
    else:
        first = ["apt-get update" + c.pick("", " -y"), f"apt-get install -y {s.recommended()}{packages}"]
        if c.maybe():
            first = [one.replace("apt-get", "apt") for one in first]
        first.append("rm -rf /var/lib/apt/lists/*")
    c.allow("advice", "D11")
    way = c.pick("chain", "chain", "many", "heredoc")
    if way == "chain":
        return "RUN " + " \\\n    && ".join(first + steps) + "\n"
    if way == "heredoc":
        return "RUN <<EOF\nset -e\n" + "\n".join(first + steps) + "\nEOF\n"
    return "RUN " + " && ".join(first) + "\n" + "".join(f"RUN {one}\n" for one in steps)


def base_of(s: Stack, where: str) -> str:
    """The base of one image; breaches of D01..D03 and C06 are about NGINX's."""
    c = s.c
    right = c.pick(DEBIAN, DEBIAN, ALPINE)
    if where != "web":
        return str(c.pick(*right))
    for rule, wrong in (
        ("D01", ("ubuntu:22.04", "nginx:1.27", "php:8.2-fpm", "fedora:40")),
        ("D03", ("debian:bullseye", "debian:11", "debian:trixie-slim", "alpine:3.24", "alpine:3.20", "debian:13.1")),
        ("D02", ("debian", "alpine:3", "debian:stable", "alpine:edge")),
        ("C06", ("debian:latest", "alpine:latest")),
    ):
        if c.breaks(rule):
            got = str(c.pick(*wrong))
            c.drawn.append(f"{rule} broken: {got}")
            c.allow("fail", "D02", "D03", "C06")
            c.allow("unclear", "D02", "D03", "N06")
            c.allow("fail", "D01")
            c.allow("advice", "C06", "D02")
            return got
    return str(c.pick(*right))


def header(s: Stack, base: str) -> str:
    way = s.c.pick("plain", "plain", "arg", "platform", "lower", "header")
    name, _, tag = base.partition(":")
    if way == "arg" and tag:
        return f"ARG VERSION={tag}\nFROM {name}:${{VERSION}}\n"
    return {"platform": f"FROM --platform=linux/amd64 {base}\n", "lower": f"from {base}\n",
            "header": HEADER + f"FROM {base}\n"}.get(way) or shapes.stages(s.c, base)  # fmt: skip


def started(s: Stack, service: str, base: str, script: str, command: str) -> str:
    """COPY, its mode, ENTRYPOINT and CMD for a start script; breaches of G01 are here, for the database's."""
    c = s.c
    name = c.pick("start.sh", "entrypoint.sh", "setup.sh", "init.sh", "docker-entrypoint")
    path = s.at(service, s.tools + name)
    target = c.pick("/", "/usr/local/bin/", "/tmp/") + name
    shell = c.pick("#!/bin/sh\n", "#!/bin/sh\n", "#!/bin/bash\n", "#!/usr/bin/env bash\n")
    if base.startswith("alpine"):
        shell = "#!/bin/sh\n"
    text = shell + s.say() + shapes.functions(c, script)
    mode = c.pick("chmod", "chmod", "git", "copy", "shell")
    if service == s.db and c.breaks("G01"):
        way = c.pick("mode", "crlf", "header", "interpreter")
        c.drawn.append(f"G01 broken: {way}")
        if way == "mode":
            mode = "none"
        elif way == "crlf":
            text, mode = text.replace("\n", "\r\n"), "chmod"
        elif way == "header":
            text, mode = HEADER + text, "chmod"
        else:
            text, mode = "#!/bin/" + "zsh" + "\n" + text.partition("\n")[2], "chmod"
    s.write(path, text)
    lines = f"COPY {c.pick('', './')}{s.tools}{name} {target}\n"
    if mode == "git":
        s.executable.add(path)
    elif mode == "chmod":
        lines += f"RUN chmod {c.pick('+x', '755', 'a+x', '0755', '+rx')} {target}\n"
    elif (
        mode == "copy"
        and c.broken.isdisjoint({"G01", "P05"})
        and c.style("script", "file", "file", "inside") == "inside"
    ):
        del s.files[path]  # its text stands in the Dockerfile
        word = c.pick('"SCRIPT"', "'SCRIPT'")
        lines = f"COPY --chmod=755 <<{word} {target}\n{text}SCRIPT\n"
    elif mode == "copy":
        lines = lines.replace("COPY", "COPY --chmod=755")
    entry = (
        f'["{"sh" if shell.endswith("/sh" + chr(10)) else "bash"}", "{target}"]' if mode == "shell" else f'["{target}"]'
    )
    if command:
        return lines + f"ENTRYPOINT {entry}\nCMD {command}\n"
    return lines + c.pick(f"ENTRYPOINT {entry}\n", f"CMD {entry}\n")
