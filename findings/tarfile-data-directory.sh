#!/usr/bin/env bash
# Python's filter "data" of tarfile, which Python 3.14 takes where none is named, is the strictest one.  Of a file that is
# 0600 in the archive it keeps the mode.  Of a directory it drops the mode, as its documentation has in a subordinate clause: a
# directory that only its owner may enter, 0700, is 0755 once it is extracted, and all of it that has 0644 can be read by
# everybody.  The filter "tar", and no filter, leave it 0700.
. "$(dirname "$0")/lib.sh"
python_packages backports.tarfile==1.2.0
echo "backports.tarfile 1.2.0, the tarfile of Python 3.12 and later"
umask 022
mkdir -p tree/private && echo word >tree/private/note
chmod 700 tree/private && chmod 644 tree/private/note
tar -C tree -cf private.tar private
cat >ask.py <<'PYTHON'
import os, stat, sys
from backports import tarfile
with tarfile.open("private.tar") as archive:
    archive.extractall(sys.argv[1], filter=sys.argv[1])
print(*(format(stat.S_IMODE(os.stat(f"{sys.argv[1]}/private{name}").st_mode), "04o") for name in ("", "/note")))
PYTHON
for filter in fully_trusted tar data; do
  wanted="0700 0644"
  [ $filter != data ] || wanted="0755 0644"
  expect "filter \"$filter\", directory and file" "$(venv/bin/python ask.py $filter)" "$wanted"
done
mkdir gnu && tar -C gnu -xf private.tar
expect "GNU tar" "$(stat -c %04a gnu/private gnu/private/note | paste -sd' ')" "0700 0644"
exit $changed
