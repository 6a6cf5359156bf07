#!/usr/bin/env bash
# `bwrap --die-with-parent` ends the sandbox when its parent dies.  The parent is the thread that started it, not the program
# (PR_SET_PDEATHSIG, prctl(2)): a sandbox that a worker thread starts is killed when that thread has nothing left to do, while
# the program lives.
. "$(dirname "$0")/lib.sh"
deb bubblewrap=0.8.0-2+deb12u1
bwrap --version
cat >start.py <<'END'
import subprocess, sys, threading
running = []
def start():
    options = sys.argv[2:]
    running.append(subprocess.Popen(["bwrap", "--ro-bind", "/", "/", *options, "sh", "-c", "echo ready; sleep 2; exit 7"],
                                    stdout=subprocess.PIPE))
    running[0].stdout.readline()
if sys.argv[1] == "thread":
    one = threading.Thread(target=start); one.start(); one.join()
else:
    start()
print("killed" if running[0].wait() == -9 else f"ended with {running[0].returncode}")
END
bwrap --ro-bind / / true 2>said || untried "bwrap starts nothing here: $(cat said)"
expect "started by the main thread" "$(python3 start.py main --die-with-parent)" "ended with 7"
expect "started by a thread that ends" "$(python3 start.py thread --die-with-parent)" killed
expect "the same without the option" "$(python3 start.py thread)" "ended with 7"
exit $changed
