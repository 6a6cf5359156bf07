#!/usr/bin/env bash
# Two names of one file are one file in a squashfs, which counts the names.  mksquashfs writes them so.  gensquashfs, given
# the same directory, makes two files with one content: a writer of one no longer changes the other in an overlay.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "an image is mounted as root here"
deb squashfs-tools=1:4.5.1-1 squashfs-tools-ng=1.2.0-1 libsquashfs1=1.2.0-1 liblzo2-2=2.10-2
export LD_LIBRARY_PATH="$here/deb/lib/x86_64-linux-gnu:$LD_LIBRARY_PATH"
gensquashfs --version | head -1; mksquashfs -version | head -1
mkdir tree mounted && echo text >tree/one && ln tree/one tree/other
mksquashfs tree by-mksquashfs -quiet -no-progress >/dev/null
gensquashfs --pack-dir tree --quiet by-gensquashfs >said 2>&1
names() { # IMAGE: how many names the file `one` has there
  unshare --mount sh -c "mount -o loop,ro $1 mounted && stat -c %h mounted/one" 2>mount-said ||
    untried "no image can be mounted here: $(cat mount-said)"
}
expect "names of the file, mksquashfs" "$(names by-mksquashfs)" 2
expect "names of the file, gensquashfs" "$(names by-gensquashfs)" 1
expect "lines that gensquashfs said" "$(wc -l <said)" 0
exit $changed
