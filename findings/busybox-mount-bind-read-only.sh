#!/usr/bin/env bash
# `mount -o bind,ro` is a read-only view of a directory with util-linux, which binds first and changes the mount then.  The mount of
# BusyBox makes one call, for which the kernel takes a bind mount's flags from its source: the view is writable, and nothing is
# said.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "mounts are made as root, in a mount namespace of their own"
deb busybox-static=1:1.35.0-4+deb12u1+b1 mount=2.38.1-5+deb12u3
busybox | head -1
mkdir one two
view() { # MOUNT ...: what happens to a file that is made in the view
  unshare --mount sh -c '"$@" -o bind,ro one two && { touch two/new && echo written || echo refused; }' sh "$@" 2>said
}
expect "mount of BusyBox, bind,ro" "$(view "$here/deb/bin/busybox" mount)" written
expect "mount of util-linux, bind,ro" "$(view "$here/deb/bin/mount")" refused
exit $changed
