#!/usr/bin/env bash
# The kernel keeps 15 bytes of a program's name.  psutil's name() gives the whole one, which it takes from the first
# argument where that begins alike.  A program can say there what it likes: exe() shows another name.
. "$(dirname "$0")/lib.sh"
python_packages psutil==7.2.1
cp /bin/sleep isolation-agent-of-the-host
venv/bin/python - >seen <<'PYTHON'
import os.path, psutil, subprocess, time
print("psutil", psutil.__version__)
child = subprocess.Popen(["isolation-agent-of-somebody-else", "60"], executable="./isolation-agent-of-the-host")
time.sleep(0.5)
print(os.path.basename(psutil.Process(child.pid).exe()))
print(psutil.Process(child.pid).name())
child.kill()
PYTHON
head -1 seen
expect "exe()" "$(sed -n 2p seen)" isolation-agent-of-the-host
expect "name()" "$(sed -n 3p seen)" isolation-agent-of-somebody-else
exit $changed
