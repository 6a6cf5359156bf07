#!/usr/bin/env bash
# An image is one tree, wherever it is unpacked, and what its layers have no entry for (often the root directory, and directories above
# a file) somebody has to choose.  umoci leaves it to its caller's umask: with 077 the image's root directory is 0700, so no
# user of its containers but root can start a program.
. "$(dirname "$0")/lib.sh"
umask 022
. "$beside/oci.sh"
. "$beside/layers.sh"
deb umoci=0.4.7+ds-3+b7
umoci --version
layout image "[[file('opt/app/file', 'x')]]"
for mask in 022 077; do
  (umask $mask && umoci unpack --image image:it bundle-$mask >/dev/null 2>&1)
  case $mask in 022) mode=755 ;; 077) mode=700 ;; esac
  expect "with umask $mask, modes of /, /opt and /opt/app" \
    "$(cd bundle-$mask/rootfs && stat -c %a . opt opt/app | paste -sd' ')" "$mode $mode $mode"
  mkdir -m 755 bundle-$mask/rootfs/bin bundle-$mask/rootfs/proc bundle-$mask/rootfs/dev && cp root/bin/busybox bundle-$mask/rootfs/bin/sh
  for runtime in runc crun; do
    for user in 0 1000; do
      started=started
      [ $mask$user != 0771000 ] || started="not started"
      change="c['root']['path'] = 'bundle-$mask/rootfs'; c['process']['user'] = {'uid': $user, 'gid': $user}"
      expect "with umask $mask, a program of user $user by $runtime" \
        "$(run $runtime "$change" /bin/sh -c 'echo started' || echo "not started")" "$started"
    done
  done
done
exit $changed
