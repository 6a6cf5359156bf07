#!/usr/bin/env bash
# A new volume at a place that the image does not have is root's, with Docker, and a program of user 1000 cannot write to it.  Podman gives
# it to the user of the first container that has it, and to no later one: the order of two containers decides which of them
# can write.
. "$(dirname "$0")/lib.sh"
. "$beside/podman.sh"
deb busybox-static=1:1.35.0-4+deb12u1+b1
mkdir -p root/bin root/proc root/sys root/dev
cp deb/bin/busybox root/bin/busybox && for name in sh stat touch; do ln -s busybox root/bin/$name; done
chmod 755 root root/*
tar -C root -c . | podman import --quiet - localhost/finding >/dev/null 2>said || untried "podman has no store here: $(tail -1 said)"
boxed localhost/finding sh -c : 2>said || untried "podman starts nothing here: $(tail -1 said)"
first() { # VOLUME USER: owner and mode of the volume in a container of this user, and whether it can be written to
  boxed --user "$2" --volume "$1:/new" localhost/finding sh -c 'stat -c %u:%g /new; touch /new/file 2>/dev/null && echo written || echo refused' |
    paste -sd' '
}
expect "a new volume, user 1000" "$(first one 1000:1001)" "1000:1001 written"
expect "the same volume, then user 2000" "$(first one 2000:2001)" "1000:1001 refused"
expect "another one, user 2000" "$(first two 2000:2001)" "2000:2001 written"
expect "the same volume, then user 1000" "$(first two 1000:1001)" "2000:2001 refused"
podman volume create three >/dev/null
expect "one that was made before" "$(first three 1000:1001)" "1000:1001 written"
exit $changed
