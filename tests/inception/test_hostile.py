"""Submissions that mean harm: bounded time and memory, nothing executed, nothing read outside, a clear finding."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_isolation.inception import alone
from pytest_isolation.inception.alone import AuditFailed, audit_alone
from pytest_isolation.inception.asked import AuditOptions
from pytest_isolation.inception.audit import audit
from pytest_isolation.inception.dump import administrators
from tests.inception.support import DAY, apply, git, reference

COMPOSE = "srcs/docker-compose.yml"
SECRET = "outside-7f3a"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)


@pytest.fixture
def top(tmp_path: Path) -> Path:
    return reference(tmp_path / "submission")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return reference(tmp_path_factory.mktemp("hostile") / "reference")


def rows_of(top: Path) -> list[dict[str, Any]]:
    """As a run does it: in a process of its own, with its limits."""
    began = time.monotonic()
    rows = audit_alone(top, AuditOptions(day=DAY), "x")
    assert time.monotonic() - began < 30  # five times what the slowest takes on a quiet machine
    return rows


def told(rows: list[dict[str, Any]], rule: str) -> list[str]:
    return [f"{row['where']}: {row['found']}" for row in rows if row["rule"] == rule and row["verdict"] != "pass"]


def test_a_link_out_of_the_submission(top: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text(f"DB_PASSWORD={SECRET}\n")
    (top / "srcs/.env").unlink()
    (top / "srcs/.env").symlink_to(tmp_path / "outside")
    (top / "srcs/up").symlink_to("../../..")
    rows = rows_of(top)
    assert any("srcs/.env" in one and "out of the submission" in one for one in told(rows, "T01"))
    assert any("srcs/up" in one for one in told(rows, "T01"))
    assert SECRET not in str(rows)


def test_a_link_within_the_submission_is_the_file(top: Path) -> None:
    (top / "srcs/.env").rename(top / "env")
    (top / "srcs/.env").symlink_to("../env")
    assert told(rows_of(top), "T01") == []


def test_a_link_to_itself_and_a_directory_that_is_a_link(top: Path) -> None:
    (top / "srcs/loop").symlink_to("loop")
    shutil.move(top / "srcs", top / "elsewhere")
    (top / "srcs").symlink_to("elsewhere")
    assert told(rows_of(top), "S02")


def test_a_fifo_and_a_device(top: Path) -> None:
    os.mkfifo(top / "srcs/pipe")
    (top / COMPOSE).unlink()
    os.mkfifo(top / COMPOSE)
    found = told(rows_of(top), "T01")
    assert any("srcs/pipe: a FIFO" in one for one in found) and any(COMPOSE in one for one in found)
    if os.geteuid() == 0:
        os.mknod(top / "zero", 0o20666, os.makedev(1, 5))
        assert any("zero: a character device" in one for one in told(rows_of(top), "T01"))


def test_aliases_that_multiply(top: Path) -> None:
    (top / COMPOSE).write_text(BOMB + "services: *j\n")
    assert any("aliases" in one for one in told(rows_of(top), "T03"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: &a [*a]\n", "contains itself"),
        ("[\n" * 200_000, "deep"),
        ("services: {a: {b:\n" * 20_000, "not YAML"),
        ("[" * 200_000, "a line of 200000 characters"),
        ("services:\n" + "".join(f"  s{n}: {{image: x}}\n" for n in range(2_000)), "more than 100 services"),
        ("services: [\n", "not YAML"),
        ("a: 1\na: 2\n", "twice"),
        ("- x\n", "no mapping"),
        ("services: {nginx: 3}\n", "no mapping"),
        ("include: [docker-compose.yml]\n", "circle"),
        ("include: [../../x.yml]\n", "not in the submission"),
        ("services: {a: {extends: a}}\n", "circle"),
    ],
)
def test_compose_files_that_are_none(top: Path, text: str, says: str) -> None:
    (top / COMPOSE).write_text(text)
    rows = rows_of(top)
    found = told(rows, "T03") + told(rows, "T06")
    assert any(says in one for one in found), found


def test_a_vast_file(top: Path) -> None:
    with (top / "srcs/dump.sql").open("wb") as file:
        file.truncate(1 << 30)
    with (top / "srcs/requirements/nginx/conf/nginx.conf").open("wb") as file:
        file.truncate(1 << 30)
    assert any("1073741824 bytes" in one for one in told(rows_of(top), "T02"))


def test_deep_directories(top: Path) -> None:
    (top / ("d/" * 60)).mkdir(parents=True)
    assert any("deeper" in one for one in told(rows_of(top), "T02"))


def test_very_many_scripts_and_configurations(top: Path) -> None:
    """Each of them read and parsed would take minutes."""
    for number in range(3_000):
        (top / f"srcs/tools{number}.sh").write_text("#!/bin/sh\n" + "while true; do sleep 1; done\n" * 20)
        place = top / f"srcs/requirements/nginx/conf/d/{number}.conf"
        place.parent.mkdir(exist_ok=True)
        place.write_text("server { listen 443 ssl; location / { fastcgi_pass x:9000; } }\n" * 50)
    apply(top, [("srcs/requirements/nginx/Dockerfile", "COPY conf/", "COPY conf/d /etc/nginx/conf.d\nCOPY conf/")])
    assert len({row["rule"] for row in rows_of(top)}) >= 60


def test_very_many_services_with_all_files(top: Path) -> None:
    (top / "srcs/many").mkdir()
    for number in range(15_000):
        os.mknod(top / f"srcs/many/{number}")
    one = "{build: {context: ., dockerfile: requirements/nginx/Dockerfile}}"
    (top / COMPOSE).write_text("services:\n" + "".join(f"  s{number}: {one}\n" for number in range(1_500)))
    (top / "srcs/requirements/nginx/Dockerfile").write_text("FROM debian:bookworm\nCOPY . /a\nCOPY . /b\n")
    assert any("more than 100 services" in one for one in told(rows_of(top), "T03"))


def test_arguments_that_multiply(top: Path) -> None:
    bomb = "ARG A0=xxxxxxxxxx\n" + "".join(f"ARG A{n + 1}=$A{n}$A{n}$A{n}$A{n}\n" for n in range(200))
    (top / "srcs/requirements/nginx/Dockerfile").write_text(bomb + "FROM $A200\n")
    assert len({row["rule"] for row in rows_of(top)}) >= 60


def test_a_script_that_cannot_be_read_whole_is_not_passed_over(top: Path) -> None:
    place = top / "srcs/requirements/mariadb/tools/start.sh"
    place.write_text(place.read_text() + "echo\n" * 30_000 + "while true; do :; done\n")
    assert any("to be read whole" in one for one in told(rows_of(top), "T03"))


def test_very_many_files(top: Path) -> None:
    (top / "many").mkdir()
    for number in range(21_000):
        os.mknod(top / f"many/{number}")
    assert any("more than 20000" in one for one in told(rows_of(top), "T02"))


def test_bytes_that_are_no_text(top: Path) -> None:
    (top / COMPOSE).write_bytes((top / COMPOSE).read_bytes().replace(b"inception", b"\xff\xfe\x00", 1))
    (top / "Makefile").write_bytes(b"all:\n\t\xff\n")
    (top / os.fsdecode(b"srcs/\xff\xfe.conf")).write_bytes(b"x")
    found = told(rows_of(top), "T03")
    assert any("not UTF-8" in one and COMPOSE in one for one in found) and any("Makefile" in one for one in found)


def test_terminal_codes_in_names_are_shown_as_text(top: Path) -> None:
    (top / COMPOSE).write_text((top / COMPOSE).read_text().replace("image: nginx:inception", 'image: "\\e[2Jx:1"'))
    rows = rows_of(top)
    assert told(rows, "C05") and "\x1b" not in str([row["found"] for row in rows])


@pytest.mark.parametrize(
    "text",
    [
        "X := $(shell touch {proof})\nall:\n\t@true\n",
        "X != touch {proof}\nall:\n\t@true\n",
        "all:\n\t+touch {proof}\n",
        "include $(shell touch {proof})\nall:\n",
        "$(eval $(shell touch {proof}))\n",
        "A = $(A)$(A)$(A)\nall:\n\techo $(A)\n",
        "A0 = x\n" + "".join(f"A{n + 1} = $(A{n})$(A{n})$(A{n})\n" for n in range(60)) + "all:\n\techo $(A60)\n",
        "all: all\n\tmake all\n",
        "include Makefile\nall: a\na: all\n",
    ],
)
def test_makefiles_that_would_run_something(top: Path, tmp_path: Path, text: str) -> None:
    proof = tmp_path / "proof"
    (top / "Makefile").write_text(text.replace("{proof}", str(proof)))
    rows_of(top)
    assert not proof.exists()


@pytest.mark.parametrize(
    "text",
    [
        "#!/bin/sh\n" + "(" * 30_000,
        "#!/bin/sh\n" + "if true; then " * 5_000,
        "#!/bin/sh\n" + "$(" * 20_000,
        "#!/bin/sh\n" + "cat << A\n" * 5_000,
        "#!/bin/sh\n" + "while true; do " * 3_000 + "x; " + "done; " * 3_000,
        "#!/bin/sh\n" + "a | " * 100_000 + "b\n",
        "#!/bin/sh\nexec /usr/local/bin/start\n",
        "\x00" * 100_000,
    ],
    ids=lambda text: repr(text[10:24]),
)
def test_scripts_that_go_on_and_on(top: Path, text: str) -> None:
    (top / "srcs/requirements/mariadb/tools/start.sh").write_text(text)
    assert len({row["rule"] for row in rows_of(top)}) >= 60


@pytest.mark.parametrize(
    "text", ["{" * 50_000, "a {" * 5_000, "server { listen 443 ssl; " * 3_000, '"' * 9_999, ";" * 99_999]
)
def test_configurations_that_go_on_and_on(top: Path, text: str) -> None:
    (top / "srcs/requirements/nginx/conf/nginx.conf").write_text("server {\n" + text)
    assert told(rows_of(top), "T03")


def timed(top: Path) -> tuple[float, list[dict[str, Any]]]:
    """Seconds of processor time that an audit takes, and its rows: what else the machine does is not counted."""
    began = time.process_time()
    rows = audit(top, AuditOptions(day=DAY))
    took = time.process_time() - began
    assert len({row.rule for row in rows}) >= 60
    return took, [row.to_json() for row in rows]


@pytest.mark.parametrize(
    "unit", [" ", "\n", "$x=", "| ", "a|", "<", "<!`", "a:b | ", "-----BEGIN A ", "vs ", "\\\n", "server {", "#", "[*"]
)
@pytest.mark.parametrize(
    "file",
    ["Makefile", "README.md", ".gitignore", "srcs/.env", "srcs/requirements/mariadb/tools/start.sh",
     "srcs/requirements/wordpress/tools/install.php", "srcs/requirements/wordpress/conf/www.conf",
     "srcs/requirements/nginx/conf/nginx.conf", "srcs/requirements/nginx/Dockerfile"],
)  # fmt: skip
def test_patterns_do_not_go_back_and_forth(original: Path, tmp_path: Path, file: str, unit: str) -> None:
    """A thing again and again, in one line or in many: what takes the square of its length would take minutes."""
    top = Path(shutil.copytree(original, tmp_path / "submission", symlinks=True))
    text = (top / file).read_text()
    (top / file).write_text(text + "a" + unit * (300_000 // len(unit)) + "\n" + f"{unit * 500}\n" * 50)
    assert timed(top)[0] < 3


def test_very_many_scripts_that_are_none(top: Path) -> None:
    """One takes the grammar a third of a second; a hundred of them may not take half a minute."""
    for number in range(100):
        (top / f"srcs/tools{number}.sh").write_text(f"#!/bin/sh\n# {number}\n" + "a|" * 4_000)
    seconds, rows = timed(top)
    assert seconds < 4
    assert any("to be read whole" in one for one in told(rows, "T03"))


def test_a_makefile_whose_recipes_multiply(top: Path) -> None:
    with (top / "Makefile").open("a") as file:
        file.write(f"\nA = {'x' * 9_000}\nlast:\n" + "\techo $(A)$(A)\n" * 50_000)
    seconds, rows = timed(top)
    assert seconds < 3
    assert any("characters with their variables" in one for one in told(rows, "T03"))


def test_makefiles_that_call_each_other(top: Path) -> None:
    names = [f"d{number}" for number in range(12)]
    for name in names:
        (top / name).mkdir()
        others = "".join(f"\t$(MAKE) -C ../{other} {goal}\n" for other in names for goal in ("all", "one", "two"))
        (top / name / "Makefile").write_text("".join(f"{goal}:\n{others}\n" for goal in ("all", "one", "two")))
    with (top / "Makefile").open("a") as makefile:
        makefile.write("\nmore:\n" + "".join(f"\t$(MAKE) -C {name}\n" for name in names))
    rows = rows_of(top)
    assert told(rows, "S05") == []
    assert [row["verdict"] for row in rows if row["rule"] == "S05"] == ["pass"]


def test_makefiles_that_make_themselves(top: Path) -> None:
    chain = "".join(f"t{number}:\n\t$(MAKE) t{number + 1}\n\t$(MAKE) t0\n" for number in range(2000))
    (top / "Makefile").write_text(f"all:\n\t$(MAKE) t0\n{chain}")
    assert "cannot be expanded" in str(told(rows_of(top), "S06"))


def test_an_instruction_of_flags_alone(top: Path) -> None:
    place = top / "srcs/requirements/nginx/Dockerfile"
    place.write_text(place.read_text() + "RUN " + "--a \\\n" * 140_000)
    assert timed(top)[0] < 3


@pytest.mark.parametrize(
    ("patterns", "says"),
    [
        ("*a*a*a*a*a*a*b\n", "too many stars"),
        ("".join(f"x{number}\n" for number in range(100_000)), "patterns"),
        (f"{'x' * 9_000}\n" * 100, "characters"),
    ],
)
def test_ignore_files_that_would_take_minutes(top: Path, patterns: str, says: str) -> None:
    apply(top, [(COMPOSE, "file: ../secrets/db_password.txt", f"file: ../secrets/{'a' * 200}.txt")])
    (top / ".gitignore").write_text(patterns)
    seconds, rows = timed(top)
    assert seconds < 3
    assert any(says in one for one in told(rows, "P08"))


def test_nothing_is_included_from_outside(top: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.conf").write_text(f"ssl_protocols {SECRET};\n")
    apply(
        top, [("srcs/requirements/nginx/conf/nginx.conf", "http {", f"http {{\n    include {tmp_path}/outside.conf;")]
    )
    assert SECRET not in str(rows_of(top))


@pytest.mark.parametrize(
    "pattern", ["*" * 200 + "x", "[" * 5_000, "(a+)+" * 100, "**/" * 300 + "x", "!" * 300, "\\" * 301]
)
def test_ignore_patterns_that_backtrack(top: Path, pattern: str) -> None:
    (top / ".gitignore").write_text(f"{pattern}\n")
    assert rows_of(top)


# -- git -------------------------------------------------------------------------------


def loose(top: Path, sha: str, data: bytes) -> None:
    path = top / ".git/objects" / sha[:2] / sha[2:]
    path.parent.mkdir(exist_ok=True)
    if path.exists():
        path.chmod(0o600)
    path.write_bytes(data)


def head(top: Path) -> str:
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=top, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_an_object_that_lies(top: Path) -> None:
    loose(top, head(top), zlib.compress(b"commit 5\0hello"))
    assert any("not what its name says" in one for one in told(rows_of(top), "T04"))


def test_an_object_that_unpacks_to_a_lot(top: Path) -> None:
    packer = zlib.compressobj(9)
    zeros = b"\0" * (1 << 20)
    data = (
        packer.compress(b"commit 268435456\0") + b"".join(packer.compress(zeros) for _ in range(256)) + packer.flush()
    )
    loose(top, head(top), data)
    assert any("when unpacked" in one for one in told(rows_of(top), "T04"))


def test_a_tree_that_contains_itself_by_another_name(top: Path) -> None:
    """Names are hashes, so it cannot be its own child; very deep is what can be had."""
    inner = hashlib.sha1(b"blob 1\0x", usedforsecurity=False).digest()
    loose(top, inner.hex(), zlib.compress(b"blob 1\0x"))
    for number in range(3_000):
        body = (b"100644 f\0" if number == 0 else b"40000 d\0") + inner
        whole = b"tree %d\0" % len(body) + body
        inner = hashlib.sha1(whole, usedforsecurity=False).digest()
        loose(top, inner.hex(), zlib.compress(whole))
    body = b"tree %s\nauthor a <a> 1 +0000\ncommitter a <a> 1 +0000\n\nx" % inner.hex().encode()
    whole = b"commit %d\0" % len(body) + body
    sha = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
    loose(top, sha, zlib.compress(whole))
    (top / ".git/refs/heads/deep").write_text(sha + "\n")
    assert rows_of(top)


def spoil_index(top: Path) -> None:
    (top / ".git/index").write_bytes(b"DIRC\0\0\0\2\xff\xff\xff\xff" + b"\xff" * 200)


def spoil_pack(top: Path) -> None:
    git(top, "gc", "-q")
    for pack in (top / ".git/objects/pack").glob("*.pack"):
        pack.chmod(0o600)
        pack.write_bytes(b"PACK\0\0\0\2\xff\xff\xff\xff" + b"\x9f" * 500)


def alternates(top: Path) -> None:
    (top / ".git/objects/info").mkdir(exist_ok=True)
    (top / ".git/objects/info/alternates").write_text("/etc\n/dev/zero\n")


def endless_ref(top: Path) -> None:
    (top / ".git/HEAD").unlink()
    (top / ".git/HEAD").symlink_to("/dev/zero")


@pytest.mark.parametrize("spoil", [spoil_index, spoil_pack, alternates, endless_ref])
def test_repositories_that_are_spoilt(top: Path, spoil: Callable[[Path], None]) -> None:
    spoil(top)
    assert len({row["rule"] for row in rows_of(top)}) >= 60


@pytest.mark.parametrize("kind", ["absolute", "relative", "long", "itself"])
def test_a_repository_that_is_elsewhere(top: Path, tmp_path: Path, kind: str) -> None:
    """A real one, of somebody else, with a credential in it: its names and values are nobody's business."""
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / f"{SECRET}.env").write_text(f"DB_PASSWORD={SECRET}\n")
    git(theirs, "init", "-q")
    git(theirs, "add", "-A")
    git(theirs, "commit", "-q", "-m", "theirs")
    shutil.rmtree(top / ".git")
    place = {"absolute": f"{theirs}/.git", "relative": "../theirs/.git", "long": "x" * 300_000, "itself": ".git"}[kind]
    (top / ".git").write_text(f"gitdir: {place}\n")
    rows = rows_of(top)
    (found,) = told(rows, "T04")
    assert found.startswith(".git:1: the repository is elsewhere, and was not opened: gitdir: ") and len(found) < 400
    assert SECRET not in str(rows) and [row["verdict"] for row in rows if row["rule"] == "P07"] == ["not-applicable"]


def test_hooks_and_settings_do_not_run(top: Path, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    with (top / ".git/config").open("a") as file:
        file.write(f'[core]\n\tfsmonitor = "touch {proof}"\n[filter "x"]\n\tclean = "touch {proof}"\n')
    (top / ".gitattributes").write_text("* filter=x\n")
    rows_of(top)
    assert not proof.exists()


def test_a_credential_in_the_history(top: Path) -> None:
    (top / "srcs/old.env").write_text("DB_PASSWORD=hunter22\n")
    git(top, "add", "-f", "srcs/old.env")
    git(top, "commit", "-q", "-m", "oops")
    git(top, "rm", "-q", "srcs/old.env")
    git(top, "commit", "-q", "-m", "gone")
    for pack in (False, True):
        if pack:
            git(top, "gc", "-q")
        found = told(rows_of(top), "P07")
        assert any("srcs/old.env" in one and "DB_PASSWORD" in one for one in found)
        assert "hunter22" not in str(found)


def test_a_credential_in_the_history_of_a_repository_above(top: Path, tmp_path: Path) -> None:
    """The submission's own past, and not that of the directory beside it."""
    shutil.rmtree(top / ".git")
    (tmp_path / "libft").mkdir()
    (tmp_path / "libft/.env").write_text("DB_PASSWORD=hunter33\n")
    (top / "srcs/old.env").write_text("DB_PASSWORD=hunter22\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-f", "libft", f"{top.name}/srcs/old.env", f"{top.name}/Makefile")
    git(tmp_path, "commit", "-q", "-m", "oops")
    git(tmp_path, "rm", "-q", "-r", "libft", f"{top.name}/srcs/old.env")
    git(tmp_path, "commit", "-q", "-m", "gone")
    found = told(rows_of(top), "P07")
    assert len(found) == 1 and found[0].startswith("srcs/old.env") and "DB_PASSWORD" in found[0]


@pytest.mark.parametrize("file", ["srcs/old.sh", "srcs/requirements/old/Dockerfile"])
def test_a_credential_in_a_past_script(top: Path, file: str) -> None:
    (top / file).parent.mkdir(exist_ok=True)
    (top / file).write_text("#ENV DB_USER=me\nENV DB_PASSWORD=hunter22 OTHER=1\n")
    git(top, "add", "-f", file)
    git(top, "commit", "-q", "-m", "oops")
    git(top, "rm", "-q", file)
    git(top, "commit", "-q", "-m", "gone")
    assert any(file in one and "DB_PASSWORD" in one for one in told(rows_of(top), "P07"))


def test_srcs_under_another_name(top: Path) -> None:
    shutil.move(top / "srcs", top / "src")
    assert any("it is called src" in one for one in told(rows_of(top), "S02"))


def test_a_service_that_is_not_there(top: Path) -> None:
    text = (top / COMPOSE).read_text()
    start, end = text.index("  nginx:\n"), text.index("\nnetworks:\n")
    (top / COMPOSE).write_text(text[:start] + text[end:])
    assert any("nginx" in one for one in told(rows_of(top), "S08"))


def test_who_makes_the_directories_is_told_right(top: Path) -> None:
    """A mkdir for something else makes no directory of the data."""
    apply(top, [("Makefile", "mkdir -p $$DATA/mariadb $$DATA/wordpress", "true")])
    assert told(rows_of(top), "E02")[0].endswith("nothing that `make all` runs makes /home/student/data/mariadb")
    (top / "Makefile").write_text((top / "Makefile").read_text() + "setup:\n\tmkdir -p /home/student/data/mariadb\n")
    assert re.search(r"; Makefile:\d+ does, in a target that all", told(rows_of(top), "E02")[0])


def test_a_makefile_of_patterns(top: Path) -> None:
    """Each of its needs is looked for among the patterns."""
    patterns = "".join(f"a{number}%z:\n\ttrue\n" for number in range(20_000))
    (top / "Makefile").write_text(f"all: {' '.join(f'a{n}bz' for n in range(1_000))}\n" * 20 + patterns)
    began = time.process_time()
    rows_of(top)
    assert time.process_time() - began < 10


def test_a_makefile_that_fetches_when_it_is_read(top: Path) -> None:
    text = (top / "Makefile").read_text()
    (top / "Makefile").write_text("X := $(shell curl http://localhost/x)\n" + text)
    assert told(rows_of(top), "T05")


def test_a_project_below_the_top(tmp_path: Path) -> None:
    reference(tmp_path / "repository/inception")
    shutil.rmtree(tmp_path / "repository/inception/.git")
    assert told(rows_of(tmp_path / "repository"), "S02") == []


# -- limits ----------------------------------------------------------------------------


def limited(code: str) -> subprocess.CompletedProcess[str]:
    """`code` in a process with the limits of an audit."""
    setup = "from pytest_isolation.inception.alone import limit; limit()"
    return subprocess.run([sys.executable, "-I", "-c", f"{setup}\n{code}"], capture_output=True, text=True, timeout=60)


def test_memory_is_limited() -> None:
    assert "MemoryError" in limited("bytearray(2 << 30)").stderr


def test_time_is_limited() -> None:
    done = limited("import resource; resource.setrlimit(resource.RLIMIT_CPU, (1, 20))\nwhile True: pass")
    assert done.returncode == -signal.SIGXCPU
    assert limited("import resource; print(resource.getrlimit(resource.RLIMIT_CPU))").stdout.strip() == "(20, 20)"


def test_files_are_limited(tmp_path: Path) -> None:
    done = limited(f"open({str(tmp_path / 'x')!r}, 'wb').write(bytes(5 << 20))")
    assert done.returncode != 0 and (tmp_path / "x").stat().st_size <= 4 << 20


def test_an_audit_that_takes_too_long_is_a_finding(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alone, "WALL_S", 0.01)
    with pytest.raises(AuditFailed, match="more than"):
        audit_alone(top, AuditOptions(day=DAY), "x")


def test_an_audit_whose_process_dies_is_a_finding(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alone, "_here", {})
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(AuditFailed, match="status 1"):
        audit_alone(top, AuditOptions(day=DAY), "x")


def test_one_that_dies_leaves_the_next_alone(top: Path) -> None:
    """More memory than an audit may have, in a child; the same process then audits the reference."""
    asked = AuditOptions(day=DAY)
    before = rows_of(top)
    place = top / "srcs/requirements/mariadb/tools/start.sh"
    place.write_text("#!/bin/sh\n" + "$(" * 20_000)
    rows_of(top)
    git(top, "checkout", "-q", "--", ".")
    assert audit_alone(top, asked, "x") == before


def test_a_process_that_was_killed_is_started_again(top: Path) -> None:
    rows_of(top)
    process = alone._audit_pool()._process
    assert process is not None
    os.killpg(process.pid, signal.SIGKILL)
    with pytest.raises(AuditFailed, match="status -9"):
        audit_alone(top, AuditOptions(day=DAY), "x")
    assert rows_of(top)


def test_a_directory_that_vanished_is_a_failure(tmp_path: Path) -> None:
    rows = audit_alone(tmp_path / "nowhere", AuditOptions(day=DAY), "x")
    assert [(row["rule"], row["verdict"], row["severity"]) for row in rows] == [("T02", "fail", "end")]


def test_a_dump_whose_values_do_not_end() -> None:
    began = time.process_time()
    assert administrators("INSERT INTO a_users VALUES (a('x\\'" * 3000) == []
    assert time.process_time() - began < 2
