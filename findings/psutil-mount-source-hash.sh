#!/usr/bin/env bash
# A mount's source is a free word, and the kernel writes one that begins with `#` as `\043` in /proc/self/mounts, so that nobody
# takes the line for a comment.  psutil's disk_partitions() gives `\043pool` as the device; a blank (`\040`) it turns back.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "a tmpfs is mounted as root, in a mount namespace of its own"
deb util-linux=2.38.1-5+deb12u3
python_packages psutil==7.2.2
echo "psutil 7.2.2"
mkdir one two
cat >ask.py <<'END'
import os, psutil
here = os.getcwd()
print(*(one.device for one in sorted(psutil.disk_partitions(all=True), key=lambda one: one.mountpoint)
        if one.mountpoint in (here + "/one", here + "/two")), sep="\n")
END
unshare --mount sh -c 'mount -t tmpfs "#pool" one && mount -t tmpfs "a pool" two && venv/bin/python ask.py &&
  deb/bin/findmnt -n -o SOURCE "$PWD/one"' >seen 2>said || untried "no mount namespace: $(cat said)"
expect "psutil, a source with a blank" "$(sed -n 2p seen)" "a pool"
expect "psutil, a source that begins with #" "$(sed -n 1p seen)" '\043pool'
expect "findmnt, the same" "$(sed -n 3p seen)" "#pool"
exit $changed
