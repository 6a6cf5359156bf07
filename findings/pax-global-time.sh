#!/usr/bin/env bash
# A pax global header gives values for every entry behind it: with `mtime` in it, all files have one time.  node-tar and
# GNU tar apply it; tar-fs and bsdtar set each entry's own time, and say nothing.
. "$(dirname "$0")/lib.sh"
node_packages tar-fs@3.1.3 tar-stream@3.2.2 tar@7.5.23
deb libarchive-tools=3.6.2-1+deb12u5 libarchive13=3.6.2-1+deb12u5
touch -d @1000000000 file
tar --format=pax --pax-option='mtime=5' -cf global.tar file
mkdir gnu bsd node fs
tar -xf global.tar -C gnu 2>/dev/null
bsdtar -xf global.tar -C bsd
node -e "require('tar').x({ file: 'global.tar', cwd: 'node', sync: true })"
node -e "require('fs').createReadStream('global.tar').pipe(require('tar-fs').extract('fs'))"
bsdtar --version
expect "GNU tar's time" "$(stat -c %Y gnu/file)" 5
expect "node-tar's time" "$(stat -c %Y node/file)" 5
expect "bsdtar's time" "$(stat -c %Y bsd/file)" 1000000000
expect "tar-fs's time" "$(stat -c %Y fs/file)" 1000000000
exit $changed
