#!/usr/bin/env bash
# Two zero blocks end a tar archive.  What follows (another archive, as `cat a.tar b.tar` makes it) is read by tar-fs and
# not by node-tar.
. "$(dirname "$0")/lib.sh"
node_packages tar-fs@3.1.3 tar-stream@3.2.2 tar@7.5.23
echo one >a && echo two >b
tar -cf a.tar a && tar -cf b.tar b && cat a.tar b.tar >both.tar
mkdir by-tar-fs by-tar
node -e "require('fs').createReadStream('both.tar').pipe(require('tar-fs').extract('by-tar-fs'))"
node -e "require('tar').x({ file: 'both.tar', cwd: 'by-tar', sync: true })"
echo "tar-fs $(node -p "require('tar-fs/package.json').version"), tar $(node -p "require('tar/package.json').version")"
expect "tar-fs extracts" "$(ls by-tar-fs | paste -sd' ')" "a b"
expect "node-tar extracts" "$(ls by-tar | paste -sd' ')" a
exit $changed
