#!/usr/bin/env bash
# `archive.add(tree, filter=...)` of Python's tarfile leaves an entry out where the filter returns None, and takes the name that it gives.
# Of a file with two names the second becomes a link to the first name, as it was before the filter: where the filter left the first one
# out, or gave it another directory, the file is not in the archive, or the link leads nowhere.  tarfile says nothing; who extracts the
# archive has an error.  `tar --exclude` and `tar --transform` store the file.
. "$(dirname "$0")/lib.sh"
deb tar=1.34+dfsg-1.2+deb12u1
python_packages backports.tarfile==1.2.0
tar --version | head -1
echo "backports.tarfile 1.2.0, the tarfile of Python 3.12 and later"
mkdir tree && echo content >tree/one && ln tree/one tree/two
cat >write.py <<'PYTHON'
from backports import tarfile
def leave_out(entry): return None if entry.name == "tree/one" else entry
def rename(entry): entry.name = entry.name.replace("tree", "usr"); return entry
for name, change in (("all", None), ("left-out", leave_out), ("renamed", rename)):
    with tarfile.open(f"{name}.tar", "w") as archive: archive.add("tree", filter=change)
PYTHON
venv/bin/python write.py
tar -cf left-out-gnu.tar --exclude tree/one tree
tar -cf renamed-gnu.tar --transform 's/^tree/usr/' tree
second() { # ARCHIVE DIRECTORY: what is extracted under the second name
  rm -rf into && mkdir into
  tar -xf "$1.tar" -C into 2>said || true
  cat "into/$2/two" 2>/dev/null || echo nothing
}
expect "without a filter" "$(second all tree)" content
expect "the first name left out, tarfile" "$(second left-out tree)" nothing
expect "the same, GNU tar" "$(second left-out-gnu tree)" content
expect "renamed, tarfile" "$(second renamed usr)" nothing
expect "the same, GNU tar" "$(second renamed-gnu usr)" content
exit $changed
