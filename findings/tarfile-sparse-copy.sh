#!/usr/bin/env bash
# Entries of one archive go into another one with `new.addfile(entry, old.extractfile(entry))`, the way that everybody takes who
# filters an image's layer with Python.  Of a sparse file that GNU tar stored in the pax format, tarfile writes the whole content
# and the old headers `GNU.sparse.…` before it: GNU tar, bsdtar and tarfile itself then look for a map of holes in the content.
# With the GNU format, tar's other one, the two extract what was stored, and tarfile itself extracts another file.
. "$(dirname "$0")/lib.sh"
deb tar=1.34+dfsg-1.2+deb12u1 libarchive-tools=3.6.2-1+deb12u5 libarchive13=3.6.2-1+deb12u5
python_packages backports.tarfile==1.2.0
tar --version | head -1
bsdtar --version || untried "bsdtar wants libraries that are not here"
echo "backports.tarfile 1.2.0, the tarfile of Python 3.12 and later"
truncate --size 1M disk && echo end >>disk && truncate --size 2M disk
cat >again.py <<'PYTHON'
import sys
from backports import tarfile
with tarfile.open(sys.argv[1]) as old, tarfile.open(sys.argv[2], "w") as new:
    for entry in old:
        new.addfile(entry, old.extractfile(entry))
PYTHON
cat >read.py <<'PYTHON'
import sys
from backports import tarfile
with tarfile.open(sys.argv[1]) as archive:
    archive.extractall(".", filter="data")
PYTHON
try() { # ARCHIVE READER ...: whether the file that this reader extracts is the one that was stored
  local archive=$1
  shift
  rm -rf into && mkdir into
  (cd into && "$@" "../$archive") >said 2>&1 || { echo "an error" && return; }
  cmp -s disk into/disk && echo "the file" || echo "another file"
}
for format in gnu pax; do
  tar --sparse --format=$format -cf $format.tar disk
  venv/bin/python again.py $format.tar $format-copy.tar
  wanted="the file"
  for archive in $format $format-copy; do
    [ $archive != pax-copy ] || wanted="an error"
    by_tarfile=$wanted
    [ $archive != gnu-copy ] || by_tarfile="another file"
    expect "$archive.tar, GNU tar" "$(try $archive.tar tar -xf)" "$wanted"
    expect "$archive.tar, bsdtar" "$(try $archive.tar bsdtar -xf)" "$wanted"
    expect "$archive.tar, tarfile" "$(try $archive.tar "$here/venv/bin/python" "$here/read.py")" "$by_tarfile"
  done
done
exit $changed
