#!/usr/bin/env bash
# The configuration's `process.user` has numbers of 32 bits without a sign, as Linux has: 4294967294 is the last one.
# crun starts a process with each; runc starts none above 2147483647.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
ln -s busybox root/bin/id
for number in 2147483647 2147483648 4294967294; do
  change="c['process']['user'] = {'uid': $number, 'gid': $number}"
  expect "crun, $number" "$(run crun "$change" id -u)" "$number"
  wanted=$number
  [ "$number" = 2147483647 ] || wanted="uids and gids must be in range 0-2147483647"
  seen=$(run runc "$change" id -u || grep -o 'uids and gids must.*[0-9]' stderr)
  expect "runc, $number" "$seen" "$wanted"
done
exit $changed
