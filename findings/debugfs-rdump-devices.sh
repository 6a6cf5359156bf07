#!/usr/bin/env bash
# `debugfs -R "rdump / TREE"` takes a tree out of an ext4 image without a mount, as root with owners and modes.  Devices and FIFOs
# stay behind, nothing is said, and it ends with 0; a file with two names is two files.  debugfs(8) tells that all contents come,
# "including regular files, symbolic links, and other directories".
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "a device node is made as root"
deb e2fsprogs=1.47.0-2+b2 libext2fs2=1.47.0-2+b2 libcom-err2=1.47.0-2+b2 libss2=1.47.0-2+b2
sbin=$here/deb/sbin
"$sbin/debugfs" -V 2>&1 | head -1
mkdir tree out && mkdir -m 750 tree/directory && echo text >tree/file && ln tree/file tree/file-too && ln -s file tree/link
mknod tree/null c 1 3 2>said || untried "no device node can be made: $(cat said)"
mkfifo tree/fifo && chown 1000:1001 tree/file tree/directory && truncate -s 4M image
"$sbin/mke2fs" -q -F -t ext4 -d tree image >/dev/null 2>said || untried "mke2fs made no image: $(cat said)"
list() { (cd "$1" && stat -c '%n %F %a %u:%g' ./* | grep -v lost+found | sed 's/^..//' | sort | paste -sd';'); }
inside=$("$sbin/debugfs" -R "ls -p /" image 2>/dev/null | awk -F/ '$6 !~ /^\.|^lost/ && $6 { print $6 }' | sort | paste -sd,)
expect "in the image" "$inside" directory,fifo,file,file-too,link,null
"$sbin/debugfs" -R "rdump / out" image 2>said && status=0 || status=$?
expect "status, and lines on standard error but the version" "$status, $(grep -vc '^debugfs ' said || true)" "0, 0"
expect "taken out" "$(list out)" "directory directory 750 1000:1001;file regular file 644 1000:1001;\
file-too regular file 644 1000:1001;link symbolic link 777 0:0"
expect "names of the file" "$(stat -c %h out/file)" 1
exit $changed
