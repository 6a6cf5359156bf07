#!/usr/bin/env bash
# psutil's net_connections("unix") gives the path of each UNIX socket.  Where the path has a space it gives an empty one,
# as it does for a socket without a name.
. "$(dirname "$0")/lib.sh"
python_packages psutil==7.2.1
venv/bin/python - >seen <<'PYTHON'
import psutil, socket
print("psutil", psutil.__version__)
for name in ("my-socket", "my socket"):
    one = socket.socket(socket.AF_UNIX)
    one.bind(name)
    print(*(repr(found.laddr) for found in psutil.Process().net_connections("unix")))
    one.close()
PYTHON
head -1 seen
expect "bound to 'my-socket'" "$(sed -n 2p seen)" "'my-socket'"
expect "bound to 'my socket'" "$(sed -n 3p seen)" "''"
exit $changed
