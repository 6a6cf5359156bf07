#!/usr/bin/env bash
# A symbolic link may have two names, and every tar archives the second as a hard link to the first.  node-tar leaves the
# second name out, without an error unless `strict` is asked for.
. "$(dirname "$0")/lib.sh"
node_packages tar@7.5.23
mkdir from by-tar by-gnu
ln -s target from/one && ln -P from/one from/two
tar -cf links.tar -C from one two
tar -xf links.tar -C by-gnu
status=0
node -e "require('tar').x({ file: 'links.tar', cwd: 'by-tar', sync: true })" || status=$?
echo "tar $(node -p "require('tar/package.json').version")"
expect "in the archive" "$(tar -tf links.tar | paste -sd' ')" "one two"
expect "GNU tar extracts" "$(ls by-gnu | paste -sd' ')" "one two"
expect "node-tar extracts" "$(ls by-tar | paste -sd' ')" one
expect "node-tar's status" $status 0
exit $changed
