#!/usr/bin/env bash
# An image's layer with the media type tar+zstd may be many frames of zstd one behind the other, which are one content (RFC 8878): so
# `skopeo copy --dest-compress-format zstd:chunked` and pzstd write it, and zstd reads it.  zstandard.decompress() of Python gives the first
# frame, a layer's first 1024 bytes, and no error.  A stream_reader() gives the whole to read(), and the first frame to read(SIZE).
. "$(dirname "$0")/lib.sh"
deb skopeo=1.9.3+ds1-1+b10 umoci=0.4.7+ds-3+b7 zstd=1.5.4+dfsg2-5 tar=1.34+dfsg-1.2+deb12u1
python_packages zstandard==0.25.0
skopeo --version || untried "skopeo wants libraries that are not here"
skopeo() { apart skopeo "$@"; }
zstd --version | grep -o 'v[0-9.]*'
echo "zstandard 0.25.0"
mkdir tree && for number in 1 2 3 4 5; do seq ${number}000 >tree/$number; done
umoci init --layout image && umoci new --image image:one
tar --sort=name --blocking-factor=1 -cf layer.tar -C tree . && umoci raw add-layer --image image:one layer.tar >/dev/null
cat >read.py <<'PYTHON'
import glob, io, sys, zstandard
for blob in glob.glob(f"{sys.argv[1]}/blobs/sha256/*"):
    with open(blob, "rb") as file: content = file.read()
    if content[:4] != zstandard.FRAME_HEADER: continue
    if sys.argv[2] == "zstandard.decompress()": layer = zstandard.decompress(content)
    if sys.argv[2] == "decompressobj()": layer = zstandard.ZstdDecompressor().decompressobj().decompress(content)
    if sys.argv[2] == "stream_reader().read(SIZE)": layer = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(content)).read(10**9)
    if sys.argv[2] == "stream_reader().read()": layer = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(content)).read()
    if sys.argv[2] == "zstandard.open()": layer = zstandard.open(io.BytesIO(content)).read()
    sys.stdout.buffer.write(layer)
PYTHON
by_zstd() { for blob in "$1"/blobs/sha256/*; do zstd -q -d -c "$blob" 2>/dev/null || true; done; }
seen() { # COMMAND ARG ...: how much of the layer it writes
  "$@" >written && cmp -s layer.tar written && echo whole && return
  echo "the first $(stat -c %s written) bytes" && cmp -s -n "$(stat -c %s written)" layer.tar written || echo "and others"
}
for format in zstd zstd:chunked; do
  skopeo copy --insecure-policy --dest-compress-format $format oci:image:one "oci:${format#*:}:one" >/dev/null 2>said ||
    untried "skopeo: $(tail -1 said)"
  expect "$format, zstd" "$(seen by_zstd ${format#*:})" whole
  for way in "zstandard.open()" "stream_reader().read()" "stream_reader().read(SIZE)" "decompressobj()" "zstandard.decompress()"; do
    wanted=whole
    case $format-$way in zstd:chunked-*SIZE* | zstd:chunked-*decompress*) wanted="the first 1024 bytes" ;; esac
    expect "$format, $way" "$(seen venv/bin/python read.py ${format#*:} "$way")" "$wanted"
  done
done
exit $changed
