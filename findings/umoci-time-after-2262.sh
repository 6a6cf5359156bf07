#!/usr/bin/env bash
# The time of an archive's entry is a number of seconds; ext4, XFS and btrfs keep those to 2446 and later.  umoci hands a time on
# as nanoseconds in 64 bits, which end in April 2262: a file of 2270 is older than 1902 where umoci unpacked it.  GNU tar
# unpacks the same layer with its time.
. "$(dirname "$0")/lib.sh"
deb umoci=0.4.7+ds-3+b7
umoci --version
mkdir tree && touch -d '2270-01-01 UTC' tree/late && touch -d '2261-01-01 UTC' tree/early
[ "$(TZ=UTC stat -c %y tree/late | cut -c1-4)" = 2270 ] || untried "the temporary directory's file system keeps no time of 2270"
umoci init --layout image && umoci new --image image:one
tar -cf layer.tar -C tree early late && umoci raw add-layer --image image:one layer.tar >/dev/null
umoci unpack --rootless --image image:one bundle >/dev/null 2>&1
year_of() { TZ=UTC stat -c %y "$1" | cut -c1-4; }
late=$(year_of bundle/rootfs/late)
expect "2261, by umoci" "$(year_of bundle/rootfs/early)" 2261
expect "2270, by umoci" "$([ "$late" -lt 1902 ] && echo "before 1902" || echo "$late")" "before 1902"
mkdir unpacked && tar -xf layer.tar -C unpacked 2>/dev/null
expect "2270, through GNU tar" "$(year_of unpacked/late)" 2270
exit $changed
