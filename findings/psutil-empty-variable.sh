#!/usr/bin/env bash
# A program may be started with an empty string among its variables, as some launchers do when they take one out.
# psutil's environ() takes the two zero bytes there for the end: what stands behind them is missing.
. "$(dirname "$0")/lib.sh"
python_packages psutil==7.2.1
venv/bin/python - >seen <<'PYTHON'
import ctypes, os, psutil, time
print("psutil", psutil.__version__)
child = os.fork()
if child == 0:
    arguments = (ctypes.c_char_p * 3)(b"sleep", b"60", None)
    variables = (ctypes.c_char_p * 4)(b"FIRST=1", b"", b"SECOND=2", None)
    ctypes.CDLL(None).execve(b"/bin/sleep", arguments, variables)
while b"FIRST" not in (block := open(f"/proc/{child}/environ", "rb").read()) or b"SECOND" not in block or len(block) > 30:
    time.sleep(0.01)
print(block)
print(psutil.Process(child).environ())
os.kill(child, 9)
PYTHON
head -1 seen
expect "/proc/PID/environ" "$(sed -n 2p seen)" "b'FIRST=1\\x00\\x00SECOND=2\\x00'"
expect "environ()" "$(sed -n 3p seen)" "{'FIRST': '1'}"
exit $changed
