#!/usr/bin/env bash
# A program of a user namespace has a capability there.  It is the namespace's, for the kernel writes the root user that it holds
# for beside it (capabilities(7), namespaced file capabilities), and shows it without to who is inside.  So one tree has two archives:
# made inside, the capability holds wherever root unpacks it; made outside, it holds below that one root user only,
# and everywhere else the program starts without it.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "a user namespace with a range of users is made as root"
deb libcap2-bin=1:2.66-4+deb12u3+b1 tar=1.34+dfsg-1.2+deb12u1
tar --version | head -1
cat >inside.py <<'PYTHON'
import os, sys
ready, go = os.pipe(), os.pipe()
child = os.fork()
if not child:
    # CLONE_NEWUSER
    import ctypes
    if ctypes.CDLL(None, use_errno=True).unshare(0x10000000): sys.exit("no user namespace: " + os.strerror(ctypes.get_errno()))
    os.write(ready[1], b"1"); os.read(go[0], 1)
    os.setgid(0); os.setuid(0)
    os.execvp(sys.argv[1], sys.argv[1:])
os.close(ready[1])
if os.read(ready[0], 1):
    for name in ("uid_map", "gid_map"):
        with open(f"/proc/{child}/{name}", "w") as file: file.write("0 100000 65536")
    os.write(go[1], b"1")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
PYTHON
chmod 755 . && mkdir tree && cp "$(type -P true)" tree/program && chown -R 100000:100000 tree
python3 inside.py setcap cap_net_raw+ep tree/program 2>said || untried "no capability of a user namespace here: $(cat said)"
archive() { tar --xattrs --xattrs-include='*' -C tree -c program; }
unpacked() { # ARCHIVE: the capability of its program, unpacked by root outside
  mkdir "$1" && tar --xattrs --xattrs-include='*' -C "$1" -xf "$1.tar" && getcap -n "$1/program" | cut -d' ' -f2-
}
export -f archive
python3 inside.py bash -c archive >inside.tar
archive >outside.tar
expect "the capability, seen inside" "$(python3 inside.py getcap -n tree/program | cut -d' ' -f2-)" "cap_net_raw=ep"
expect "the capability, seen outside" "$(getcap -n tree/program | cut -d' ' -f2-)" "cap_net_raw=ep [rootid=100000]"
expect "from the archive made inside" "$(unpacked inside)" "cap_net_raw=ep"
expect "from the archive made outside" "$(unpacked outside)" "cap_net_raw=ep [rootid=100000]"
exit $changed
