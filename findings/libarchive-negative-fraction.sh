#!/usr/bin/env bash
# POSIX writes a pax time before 1970 as -1.5: the sign belongs to the whole number.  libarchive reads the seconds with
# the sign and adds the fraction without it.  GNU tar, which wrote the archive, reads back what it wrote.
. "$(dirname "$0")/lib.sh"
deb libarchive-tools=3.6.2-1+deb12u5 libarchive13=3.6.2-1+deb12u5 tar=1.34+dfsg-1.2+deb12u1
bsdtar --version && tar --version | head -1
touch -d '1969-12-31 23:59:58.5 UTC' old
tar --format=pax -cf old.tar old
expect "in the archive" "$(grep -a -o 'mtime=[-0-9.]*' old.tar)" mtime=-1.5
for program in tar bsdtar; do
  mkdir "by-$program" && "$program" -xf old.tar -C "by-$program" 2>/dev/null
done
expect "GNU tar's time" "$(stat -c %.1Y by-tar/old)" -1.5
expect "bsdtar's time" "$(stat -c %.1Y by-bsdtar/old)" -0.5
exit $changed
