#!/usr/bin/env bash
# umoci writes an image's layer with whole seconds, and rounds to the nearest: a file of half past a second is half a second
# younger in the image than it was.  A tree that was just made has files of the future, and make(1) sees a target that is older
# than its source.  GNU tar, asked for whole seconds, cuts the fraction off.
. "$(dirname "$0")/lib.sh"
deb umoci=0.4.7+ds-3+b7
umoci --version
mkdir tree && touch -d '2020-01-01 00:00:00.4 UTC' tree/before && touch -d '2020-01-01 00:00:00.6 UTC' tree/behind
umoci init --layout image && umoci new --image image:one
umoci insert --rootless --image image:one tree /tree >/dev/null 2>&1
umoci unpack --rootless --image image:one bundle >/dev/null 2>&1
time_of() { TZ=UTC stat -c %y "$1" | cut -c18-21; }
expect "0.4 s, in the image" "$(time_of bundle/rootfs/tree/before)" 00.0
expect "0.6 s, in the image" "$(time_of bundle/rootfs/tree/behind)" 01.0
tar --format=ustar -cf one.tar -C tree behind && mkdir unpacked && tar -xf one.tar -C unpacked
expect "0.6 s, through GNU tar" "$(time_of unpacked/behind)" 00.0
exit $changed
