"""What lies beside the stack in a generated submission: .env, secrets, .gitignore, the Makefile."""

# ruff: noqa: E501  (the lines are a submission's, which are as long as they are)

from __future__ import annotations

from tests.inception.generated.stack import HEADER, PASSWORDS, Stack


def env_and_git(s: Stack) -> set[str]:
    """The .env, the secrets and .gitignore. Which files git ignores."""
    c = s.c
    order = [key for key in s.names if key not in s.in_secrets]
    quote = c.pick("", "", "'")
    values = {s.names[key]: s.values[key] for key in order}
    if s.data_by == "env":
        values["DATA_PATH"] = f"/home/{s.login}/data"
    text = "".join(f"{name}={quote}{value}{quote}\n" for name, value in values.items())
    text = c.pick("", "# variables\n") + text
    hidden = {"srcs/.env"}
    example = "".join(
        f"{name}={'' if any(word in name for word in ('PASS', 'PWD')) else value}\n" for name, value in values.items()
    )
    passwords = any(word in name for name in values for word in ("PASS", "PWD"))
    if s.env == "made" or c.maybe():
        s.write("srcs/.env.example", example)
    else:
        c.allow("advice", "E04")
    if s.env == "ignored":
        s.write("srcs/.env", text)
    if s.env == "ignored" and passwords and c.breaks("P02"):
        hidden.discard("srcs/.env")
        c.allow("advice", "P08")
    if s.secrets and c.maybe():
        for name in s.secret_names.values():
            path = f"{s.secret_dir}{name}.txt"
            s.write(path, c.pick(*PASSWORDS) + c.pick("\n", ""))
            hidden.add(path)
        if c.breaks("P03"):
            hidden -= {path for path in hidden if path.endswith(".txt")}
            c.allow("advice", "P08")
    if s.secrets and not any(path.startswith(s.secret_dir) for path in s.files) and c.maybe():
        s.write(f"{s.secret_dir}.gitkeep", "")
    if c.breaks("P04"):
        kind = c.pick("RSA PRIVATE", "PRIVATE", "EC PRIVATE")
        s.write(
            s.at(s.web, "tools/site.key"),
            f"-----BEGIN {kind} KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEA\n-----END {kind} KEY-----\n",
        )
        c.allow("fail", "N06", "P05", "P03")
        c.allow("advice", "N06", "S11")
    lines = []
    if "srcs/.env" in hidden:
        lines.append(c.pick(".env", "srcs/.env", "*.env", "**/.env"))
    if not any(path.endswith(".txt") for path in set(s.files) - hidden):
        lines.append(f"{s.secret_dir}*.txt" if s.secrets else "secrets/")
    s.write(".gitignore", c.pick("", "# secrets\n") + "\n".join([*lines, ".DS_Store"]) + "\n")
    return hidden & set(s.files)


def makefile(s: Stack) -> None:
    c = s.c
    data = f"/home/{s.login}/data" if s.data_by in ("plain", "env") else c.pick("$(HOME)/data", "/home/$(USER)/data")
    dc = c.pick("docker compose", "docker-compose", "sudo docker compose")
    if c.breaks("S05"):
        dc = "podman-compose"
        c.allow("fail", "S06")
        c.allow("advice", "E01")
        c.allow("unclear", "S06", "E01")
    way = c.style("make", "variable", "plain", "cd", "project")
    call = {"variable": "$(COMPOSE)", "plain": f"{dc} -f ./srcs/{s.compose}", "cd": f"cd srcs && {dc}",
            "project": f"{dc} -p inception -f srcs/{s.compose} --env-file srcs/.env"}[way]  # fmt: skip
    top = f"COMPOSE = {dc} -f srcs/{s.compose}\n\n" if way == "variable" else ""
    up = f"\t{c.pick('@', '')}{call} up {c.pick('-d --build', '--build -d', '--detach --build')}\n"
    dirs = f"\t{c.pick('@', '')}mkdir -p {data}/mariadb {c.pick('', f'{data}/wordpress')}".rstrip()
    dirs = (
        f"\tmkdir -p {data}/mariadb\n\tmkdir -p {data}/wordpress\n" if not dirs.endswith("wordpress") else dirs + "\n"
    )
    made = "\t[ -f srcs/.env ] || cp srcs/.env.example srcs/.env\n" if s.env == "made" else ""
    begin = c.one("S06", (f"all:\n{made}{dirs}{up}", f"all: up\n\nup:\n{made}{dirs}{up}", f"all: setup\n{up}\nsetup:\n{made}{dirs}"),
                  (f"help:\n\t@echo 'make up'\n\nup:\n{made}{dirs}{up}", f"build:\n\t{call} build\n\nup:\n{made}{dirs}{up}"))  # fmt: skip
    if "S06" in c.says:
        c.allow("fail", "E02")
        c.allow("advice", "E01")
        if s.env == "made":  # only another target copies it
            c.allow("unclear", "W01", "W04", "N04", "C10")
    rest = f"\ndown:\n\t{call} down\n\nlogs:\n\t{call} logs -f\n\nclean: down\n\t{call} down -v{c.pick('', ' --rmi all')}\n\nfclean: clean\n\tsudo rm -rf {data}\n\nre: fclean all\n"
    if c.breaks("M01"):
        rest += "\nrun:\n\tdocker run --link mariadb:db wordpress:inception\n"
        c.allow("advice", "C07")
        c.allow("fail", "C07")
    if "S06" in c.says:
        rest = rest.replace("fclean all", "fclean up")
    c.allow("advice", "M02", "T05")
    phony = c.pick("", "\n.PHONY: all down clean fclean re logs\n")
    s.write(c.pick("Makefile", "Makefile", "makefile"), c.pick("", HEADER) + top + s.say() + begin + rest + phony)
    if c.breaks("S04"):
        s.write(
            c.pick("nginx/Dockerfile", "requirements/nginx/Dockerfile"), "FROM debian:bookworm\nRUN apt-get update\n"
        )
        c.allow("advice", "S11")
