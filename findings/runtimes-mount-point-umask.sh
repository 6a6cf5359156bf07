#!/usr/bin/env bash
# Something is mounted on `/srv/data/in`, and the image has no such directory: a runtime makes it, and those above it.  runc and crun make
# them with the umask of their caller, which is nobody's of the container: where that is 077, as a careful service's is, the container's
# user cannot reach what is mounted for it, though it is open to all.  They stay in the image's tree.
. "$(dirname "$0")/lib.sh"
umask 022
. "$beside/oci.sh"
mkdir -m 755 data && echo content >data/file && chmod 644 data/file
change="c['mounts'] += [{'destination': '/srv/data/in', 'source': '$here/data', 'type': 'bind', 'options': ['bind', 'ro']}]
c['process']['user'] = {'uid': 1000, 'gid': 1000}"
chmod 755 root root/bin
for runtime in runc crun; do
  for mask in 022 077; do
    rm -rf root/srv
    case $mask in 022) seen=content mode=755 ;; 077) seen=no mode=700 ;; esac
    expect "$runtime, umask $mask, user 1000 reads the file" \
      "$(umask $mask && run $runtime "$change" sh -c 'cat /srv/data/in/file 2>/dev/null || echo no')" $seen
    expect "$runtime, umask $mask, what stays in the tree" "$(stat -c %a root/srv | tail -c 4)" $mode
  done
done
exit $changed
