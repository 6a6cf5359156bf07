#!/usr/bin/env bash
# An extended attribute's name becomes a part of a pax keyword, SCHILY.xattr.NAME, where `=` cannot stand.  GNU tar writes `%`
# and `=` with their codes, and reads them back.  bsdtar writes the codes for all but plain ASCII, also under its own
# keyword LIBARCHIVE.xattr.NAME, and reads only that one back: the file has two attributes afterwards.
. "$(dirname "$0")/lib.sh"
deb libarchive-tools=3.6.2-1+deb12u5 libarchive13=3.6.2-1+deb12u5 tar=1.34+dfsg-1.2+deb12u1
bsdtar --version && tar --version | head -1
cat >attributes.py <<'END'
import os, sys
if sys.argv[2:]:
    os.setxattr(sys.argv[1], sys.argv[2], b"value")
print(*sorted(os.listxattr(sys.argv[1])), sep=", ")
END
through() { # NAME WRITER READER: the attributes of a file with NAME after a way through an archive
  rm -rf from to && mkdir from to && touch from/file
  python3 attributes.py from/file "$1" >/dev/null 2>&1 || untried "the file system of $here has no extended attributes"
  "$2" --format=pax --xattrs -cf one.tar -C from file
  "$3" --xattrs -xf one.tar -C to 2>/dev/null
  python3 attributes.py to/file
}
expect "user.50%, GNU tar to GNU tar" "$(through user.50% tar tar)" user.50%
expect "user.50%, GNU tar to bsdtar" "$(through user.50% tar bsdtar)" user.50%25
expect "user.50%, bsdtar to bsdtar" "$(through user.50% bsdtar bsdtar)" "user.50%, user.50%25"
expect "'user.a b', GNU tar to bsdtar" "$(through 'user.a b' tar bsdtar)" "user.a b"
expect "'user.a b', bsdtar to GNU tar" "$(through 'user.a b' bsdtar tar)" "user.a%20b"
exit $changed
