#!/usr/bin/env bash
# A name has at most 255 bytes on Linux, and so has one in an EROFS.  mkfs.erofs makes an image of a tree with names up to 254
# bytes; a file with 255 is "No such file or directory", blamed on the device.
. "$(dirname "$0")/lib.sh"
deb erofs-utils=1.5-1
echo "erofs-utils 1.5"
try() { # LENGTH: what mkfs.erofs says of a tree with one name of so many bytes
  rm -rf tree image && mkdir tree && touch "tree/$(printf '%*s' "$1" '' | tr ' ' n)"
  if mkfs.erofs image tree >/dev/null 2>said; then echo made; else tr -d '\t' <said | grep -o "Could not.*"; fi
}
expect "254 bytes" "$(try 254)" made
expect "255 bytes" "$(try 255)" "Could not format the device : [Error 2] No such file or directory"
exit $changed
