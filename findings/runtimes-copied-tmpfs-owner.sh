#!/usr/bin/env bash
# `tmpcopyup`, an option of runc's and crun's (Podman asks for it with each --tmpfs), fills a tmpfs with what the image has at that place.
# Files and directories in it keep their owner.  The directory itself does not, it is root's: what was user 1000's and 0700 is root's and
# 0700 with runc, where the user cannot get at the files any more, and root's and 1777 with crun, where everybody can.  A file with two
# names is two files, and all times are of now.
. "$(dirname "$0")/lib.sh"
umask 022
. "$beside/oci.sh"
ln -s busybox root/bin/stat
mkdir -m 700 root/data && echo content >root/data/file && ln root/data/file root/data/second
chown 1000:1001 root/data root/data/file && touch -d 2001-02-03 root/data/file
user="c['process']['user'] = {'uid': 1000, 'gid': 1001}"
copied="c['mounts'] += [{'destination': '/data', 'source': 'tmpfs', 'type': 'tmpfs', 'options': ['tmpcopyup']}]"
for runtime in runc crun; do
  case $runtime in runc) mode=700 read=no ;; crun) mode=1777 read=content ;; esac
  expect "$runtime, the directory, not copied" "$(run $runtime "" stat -c '%a %u:%g' /data)" "700 1000:1001"
  expect "$runtime, copied" "$(run $runtime "$copied" stat -c '%a %u:%g' /data)" "$mode 0:0"
  expect "$runtime, a file in it" "$(run $runtime "$copied" stat -c '%u:%g' /data/file)" "1000:1001"
  expect "$runtime, user 1000 reads it" "$(run $runtime "$user; $copied" sh -c 'cat /data/file 2>/dev/null || echo no')" $read
  expect "$runtime, names of the file, not copied" "$(run $runtime "$user" stat -c %h /data/file)" 2
  expect "$runtime, copied" "$(run $runtime "$copied" stat -c %h /data/file)" 1
  expect "$runtime, of 2001, copied" "$(run $runtime "$copied" stat -c %y /data/file | grep -c ^2001)" 0
done
exit $changed
