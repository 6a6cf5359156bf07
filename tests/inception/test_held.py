"""What a shell leaves in files, compared with what a shell that runs left there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pytest_isolation.inception import shell
from pytest_isolation.inception.files.commands import Disk
from pytest_isolation.inception.files.walk import Walk

SCRIPTS = {
    "echo": "echo 'a  b' > f\necho -n c >> f\necho \"d\"e >> f",
    "printf": "printf '%s-%s\\n' a b c d > f\nprintf 'x\\ty\\\\n%%\\n' >> f\nprintf -- '%5s|' z >> f".replace(
        "%5s", "%s"
    ),
    "braces": "{ echo a; echo b; } > f\n(echo c; cd /; echo d) >> f",
    "document": "X=1\ncat > f <<E\n$X \\$X\n  two ${Y:-none}\nE\ncat >> f <<-'E'\n\t$X\n\tE",
    "pipe": "cat <<E | sed 's/a/b/' | tee f > g\na\nca\nE",
    "function": "add() { echo \"$1: $2 $# $*\" >> f; }\nadd 'a b' c\nadd d",
    "shift": "put() { local to=$1; shift; printf '%b' \"$*\" > \"$to\"; }\nput f 'a\\nb' c",
    "loop": "for i in a 'b c' d; do\n  case $i in a) echo first;; *) echo \"other $i\";; esac\ndone > f",
    "read": "printf '%s\\n' '  a' b > g\nwhile IFS= read -r l; do echo \"[$l]\"; done < g > f",
    "branches": 'X=yes\nif [ "$X" = no ]; then echo 1 > f; elif [ -n "$X" ]; then echo 2 > f; else echo 3 > f; fi',
    "values": 'A=dir/file.conf.in\nB="${A%.in}"; C=${B##*/}; D=$(basename "$B"); : "${E:=e}"\necho $B $C $D $E > f',
    "substitution": 'echo text > g\nX=$(cat g)\nX="$X and $(dirname /a/b)"\necho "$X" > f',
    "moved": "echo a > g\nmv g h\ncp h f\necho b >> f\nrm h",
    "in place": "printf 'a\\nb\\n' > f\nsed -i -e 's/a/x/' -e '/b/d' f\nsed -i '$ a z' f",
    "words": "A='1 2'\nprintf '<%s>' $A \"$A\" '$A' a\\ b > f",
    "array": "L=(a 'b c')\nL+=(d)\nprintf '%s\\n' \"${L[@]}\" > f",
    "truncated": "echo a > f\n: > f\necho b >> f\n> g\ncat g >> f",
    "and": "true && echo a > f && echo b >> f",
    "descriptor": "exec 3> f\necho a >&3\necho b >&3\nexec 3>&-\nexec 3>> f\necho c >&3",
    "standard output": "exec 4>&1 > f\necho a\nprintf 'b\\n'\nexec 1>&4 4>&-\necho no",
    "descriptor of a block": "{ echo a >&3; echo b; } 3> f > g",
    "standard error": "{ echo a; echo b >&2; } > f",
    "awk": "printf 'a = 1\\nb = 2\\nc = 3\\n' > g\n"
    'awk -v x=9 \'/^a/{print "a = " x; next} $1 == "b" {sub(/2/, "<&>")} {print}\' g > f\n'
    "awk 'BEGIN{print \"top\"} NR==2||/c/ {n++} END{print n}' g >> f\nawk '/a/,/b/' g >> f\n"
    "awk '!/b/ {print $3}' g >> f",
    "awk of what is empty by then": "echo a > f\nawk 1 f > f\necho b >> f",
    "find": "mkdir -p d/e\necho a > d/x.cnf\necho a > d/e/y.cnf\necho a > d/z\n"
    "find d -name '*.cnf' -exec sed -i 's/a/b/' {} +\ncat d/x.cnf d/e/y.cnf d/z > f",
    "xargs": "echo a > g\necho a > h\nls g h | xargs sed -i 's/a/b/'\nprintf 'g\\nh\\n' | xargs -I X cat X > f",
    "eval": "a=1\nprintf 'x ${a}\\n' > g\neval \"cat <<E\n$(cat g)\nE\" > f",
    "set": "set -- a 'b c'\nset -- \"$@\" d\nprintf '<%s>' \"$@\" > f",
    "script of a script": "printf 'echo \"$1\"\\n' > g\nsh g x > f",
    "name without its end": 'for t in a.conf.tpl; do echo "$(basename "d/$t" .tpl)" > f; done',
    "here-string": 'cat <<< "x y" > f',
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_as_bash_leaves_it(name: str, tmp_path: Path) -> None:
    subprocess.run(["bash", "-c", SCRIPTS[name]], cwd=tmp_path, check=True, timeout=20)
    shell.begin()
    walk = Walk(Disk(here="/x"), {}, dash=False)
    walk.follow(SCRIPTS[name], "start.sh")
    one = walk.disk.held["/x/f"]
    told = [line for line in one.text.split("\n") if line]
    assert told == [line for line in (tmp_path / "f").read_text().split("\n") if line]
    assert one.certain
    assert not walk.cut


def test_a_line_knows_its_place() -> None:
    shell.begin()
    walk = Walk(Disk(), {}, dash=False)
    walk.follow("echo a > /f\ncat >> /f <<E\nb\nc\nE\nprintf '%s\\n' \\\n  d \\\n  e >> /f\n", "start.sh", 10)
    assert [at.line for at in walk.disk.held["/f"].places] == [10, 12, 13, 16, 17]


@pytest.mark.parametrize(
    "script",
    [
        "date > /f",
        "echo a > /f\nawk '{print toupper($0)}' /f > /g; mv /g /f",
        "echo a > /f\ned -s /f",
        "sed -n p /etc/x > /f",
    ],
)
def test_what_is_not_known_is_not_certain(script: str) -> None:
    shell.begin()
    walk = Walk(Disk(), {}, dash=False)
    walk.follow(script, "start.sh")
    assert not walk.disk.held["/f"].certain


@pytest.mark.parametrize(
    "script",
    [
        "f() { f; f; }\nf",
        "echo a > f\n" + "cat f f > g; cat g g > f\n" * 400,
        "\n".join(f'A{at}="$A{at - 1}$A{at - 1}"' if at else "A0=aaaaaaaaa" for at in range(300)),
        "echo " + "$(echo " * 200 + ")" * 200,
        "for a in 1 2 3 4 5 6 7 8; do for b in 1 2 3 4 5 6 7 8; do for c in 1 2 3 4 5 6 7 8; do "
        "for d in 1 2 3 4 5 6 7 8; do for e in 1 2 3 4 5 6 7 8; do echo $a >> f; done; done; done; done; done",
    ],
)
def test_a_script_made_to_take_long_ends(script: str) -> None:
    import time

    shell.begin()
    walk = Walk(Disk(), {}, dash=False)
    began = time.process_time()
    walk.follow(script, "start.sh")
    assert time.process_time() - began < 5
