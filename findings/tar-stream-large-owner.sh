#!/usr/bin/env bash
# An archive's header has seven octal digits for an owner, up to 2097151, and GNU tar and pax have a way to tell greater ones.
# tar-stream, which Docker's clients for JavaScript write their archives with, has six digits and no other way: each owner
# above 262143 is 262143, and nothing is said.  Users of a container's own range, 1000000 and more with Incus, become one user.
. "$(dirname "$0")/lib.sh"
deb tar=1.34+dfsg-1.2+deb12u1
node_packages tar-stream@3.2.2 tar@7.5.23
echo "tar-stream 3.2.2, tar 7.5.23"
cat >write.js <<'END'
const pack = require('tar-stream').pack()
for (const user of [1000, 262143, 262144, 1000000, 3000000]) pack.entry({ name: `of-${user}`, uid: user, gid: user + 1 }, 'x')
pack.finalize()
pack.pipe(require('fs').createWriteStream('written.tar'))
END
node write.js
owner() { tar --numeric-owner -tvf "$1" 2>/dev/null | awk -v name="of-$2" '$NF == name { print $2 }'; }
for user in 1000 262143 262144 1000000 3000000; do
  wanted=$user/$((user + 1))
  [ $user -lt 262143 ] || wanted=262143/262143
  expect "owner and group $user/$((user + 1)), tar-stream" "$(owner written.tar $user)" "$wanted"
done
if [ "$(id -u)" = 0 ]; then
  touch of-3000000 && chown 3000000:3000001 of-3000000 && tar -cf gnu.tar of-3000000
  expect "owner and group 3000000/3000001, GNU tar" "$(owner gnu.tar 3000000)" 3000000/3000001
  node -e "require('tar').c({ file: 'node-tar.tar', sync: true }, ['of-3000000'])"
  expect "the same, node-tar" "$(owner node-tar.tar 3000000)" 3000000/3000001
fi
exit $changed
