#!/usr/bin/env bash
# squashfs has 32 bits without a sign for a time.  A file of 1969 is a file of 2106 where mksquashfs makes the image, and of
# 1970 where tar2sqfs does; a file of 2110 is of 1973 with the first and of 2106 with the second.  Neither says anything.
. "$(dirname "$0")/lib.sh"
deb squashfs-tools=1:4.5.1-1 squashfs-tools-ng=1.2.0-1 libsquashfs1=1.2.0-1 liblzo2-2=2.10-2
export LD_LIBRARY_PATH="$here/deb/lib/x86_64-linux-gnu:$LD_LIBRARY_PATH"
mksquashfs -version | head -1 && tar2sqfs --version | head -1
mkdir tree && touch -d '1969-12-31 23:59:59 UTC' tree/early && touch -d '2110-01-01 UTC' tree/late
mksquashfs tree by-mksquashfs -quiet -no-progress 2>said
tar --format=pax -C tree -c early late | tar2sqfs -q by-tar2sqfs 2>>said
year() { TZ=UTC unsquashfs -lln "$1" | awk -v name="squashfs-root/$2" '$NF == name { print substr($4, 1, 4) }'; }
expect "lines on standard error" "$(grep -vc '^$' said || true)" 0
expect "mksquashfs, file of 1969" "$(year by-mksquashfs early)" 2106
expect "tar2sqfs, file of 1969" "$(year by-tar2sqfs early)" 1970
expect "mksquashfs, file of 2110" "$(year by-mksquashfs late)" 1973
expect "tar2sqfs, file of 2110" "$(year by-tar2sqfs late)" 2106
exit $changed
