#!/usr/bin/env bash
# GNU tar's `--xattrs` stores every extended attribute, a file's capability (security.capability) among them.  The same option
# restores those in `user.` alone: as root, too, an unpacked image's programs are without their capabilities, and nothing
# is said.  `--xattrs-include='*'` restores them.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "a capability is set as root here"
deb tar=1.34+dfsg-1.2+deb12u1
"$here/deb/bin/tar" --version | head -1
tar() { "$here/deb/bin/tar" "$@"; }
mkdir tree one other && touch tree/ping
cat >attributes.py <<'END'
import os, struct, sys
if sys.argv[2:]:
    os.setxattr(sys.argv[1], "user.note", b"value")
    os.setxattr(sys.argv[1], "security.capability", struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0))  # CAP_NET_RAW
print(*sorted(os.listxattr(sys.argv[1])), sep=", ")
END
python3 attributes.py tree/ping set >before 2>/dev/null || untried "the file system of $here has no capabilities"
tar --xattrs -cf tree.tar -C tree ping
tar --xattrs -xpf tree.tar -C one >said 2>&1
tar --xattrs --xattrs-include='*' -xpf tree.tar -C other
expect "the file" "$(cat before)" "security.capability, user.note"
expect "is the capability in the archive" "$(grep -c SCHILY.xattr.security.capability tree.tar)" 1
expect "unpacked with --xattrs" "$(python3 attributes.py one/ping)" user.note
expect "lines that tar said" "$(wc -l <said)" 0
expect "with --xattrs-include='*'" "$(python3 attributes.py other/ping)" "security.capability, user.note"
exit $changed
