#!/usr/bin/env bash
# A file's capability is an extended attribute, and the kernel takes it away when the file gets an owner.  rdsquashfs, asked
# for attributes and owners, sets them in this order: the file has its owner and no capability, and nothing is said.
# unsquashfs unpacks the same image with both.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "owners and capabilities are set as root here"
deb squashfs-tools=1:4.5.1-1 squashfs-tools-ng=1.2.0-1 libsquashfs1=1.2.0-1 liblzo2-2=2.10-2
export LD_LIBRARY_PATH="$here/deb/lib/x86_64-linux-gnu:$LD_LIBRARY_PATH"
rdsquashfs --version | head -1; unsquashfs -version | head -1
cat >capability.py <<'END'
import os, struct, sys
net_raw = struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0)  # version 2, effective: linux/capability.h
if sys.argv[2:]:
    os.setxattr(sys.argv[1], "security.capability", net_raw)
has = "security.capability" in os.listxattr(sys.argv[1])
print(f"owner {os.stat(sys.argv[1]).st_uid},", "a capability" if has else "no capability")
END
mkdir tree one other && touch tree/ping && chown 1000 tree/ping
python3 capability.py tree/ping set >before 2>/dev/null || untried "the file system of $here has no capabilities"
mksquashfs tree image -quiet -no-progress >/dev/null
rdsquashfs --unpack-path / --unpack-root one --set-xattr --chown --chmod --quiet image >said 2>&1
unsquashfs -quiet -no-progress -dest other/tree image >/dev/null
expect "the tree's file" "$(cat before)" "owner 1000, a capability"
expect "from the image with unsquashfs" "$(python3 capability.py other/tree/ping)" "owner 1000, a capability"
expect "from the image with rdsquashfs" "$(python3 capability.py one/ping)" "owner 1000, no capability"
expect "lines that rdsquashfs said" "$(wc -l <said)" 0
exit $changed
