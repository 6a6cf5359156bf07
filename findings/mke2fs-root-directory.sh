#!/usr/bin/env bash
# `mke2fs -d TREE` copies a tree with owners, modes and times.  Of the tree's own directory it takes none of them: the file system's
# root is root's, 0755 and of this day, so that a home or a volume for user 1000 cannot be written to by user 1000.  mksquashfs and
# mkfs.erofs take them.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "root alone gives files away"
deb e2fsprogs=1.47.0-2+b2 libext2fs2=1.47.0-2+b2 squashfs-tools=1:4.5.1-1 erofs-utils=1.5-1 liblzo2-2=2.10-2
export LD_LIBRARY_PATH="$LD_LIBRARY_PATH:$here/deb/lib/x86_64-linux-gnu"
mke2fs -V 2>&1 | head -1
mkdir -p tree/below && chmod 2770 tree tree/below && chown 1000:1001 tree tree/below && chmod 2770 tree tree/below
touch -d 2001-02-03 tree/below tree
truncate -s 4M image.ext4
mke2fs -q -F -t ext4 -d tree image.ext4
of() { # NAME: mode, owner and time of a name in the image
  TZ=UTC debugfs -R "stat $1" image.ext4 2>/dev/null | awk '
    /Mode:/ { for (i = 1; i <= NF; i++) if ($i == "Mode:") mode = $(i + 1) }
    /User:/ { user = $2; group = $4 }
    / mtime:/ { time = ($NF == 2001) ? "of 2001" : "of today" }
    END { print mode, user ":" group, time }'
}
expect "ext4, a directory of the tree" "$(of /below)" "02770 1000:1001 of 2001"
expect "ext4, the tree's own" "$(of /)" "0755 0:0 of today"
mksquashfs tree image.squashfs -no-progress >/dev/null 2>said || untried "mksquashfs: $(tail -1 said)"
expect "squashfs, the tree's own" "$(TZ=UTC unsquashfs -lln image.squashfs | awk '$NF == "squashfs-root" { print $1, $2, $4 }')" \
  "drwxrws--- 1000/1001 2001-02-03"
mkfs.erofs image.erofs tree >/dev/null 2>&1
expect "erofs, the tree's own" "$(dump.erofs --path=/ image.erofs | grep -o 'Uid: 1000 *Gid: 1001' | tr -s ' ')" "Uid: 1000 Gid: 1001"
exit $changed
