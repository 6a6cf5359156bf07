#!/usr/bin/env bash
# Linux ends each argument in /proc/PID/cmdline with a zero byte, so a command line has no doubtful reading.  psutil takes a
# command line of one argument apart at its spaces: it allows for programs that overwrite theirs.  With a second argument
# the same program keeps its name.
. "$(dirname "$0")/lib.sh"
python_packages psutil==7.2.2
cat >look.py <<'END'
import subprocess, psutil, shutil
print("psutil", psutil.__version__)
shutil.copy("/bin/cat", "my cat")
for arguments in (["./my cat"], ["./my cat", "-"]):
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as one:
        one.stdin.write(b"x")
        one.stdin.flush()
        one.stdout.read(1)
        with open(f"/proc/{one.pid}/cmdline", "rb") as file:
            print(file.read(), psutil.Process(one.pid).cmdline(), sep="\t")
        one.stdin.close()
END
venv/bin/python look.py >seen || untried "Python could not start ./my cat"
head -1 seen
expect "one argument, /proc" "$(sed -n 2p seen | cut -f1)" "b'./my cat\\x00'"
expect "one argument, psutil" "$(sed -n 2p seen | cut -f2)" "['./my', 'cat']"
expect "two arguments, psutil" "$(sed -n 3p seen | cut -f2)" "['./my cat', '-']"
exit $changed
