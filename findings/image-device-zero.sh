#!/usr/bin/env bash
# An image's layer may have any device node (OCI image specification, layer.md, File Types), one with the number 0, 0 as well.
# On the storage driver vfs the container has it.  On overlay, the usual driver, buildah unpacks it into a directory of an
# overlay file system, to which such a node says that the name is removed: one image, two trees, and nothing is said.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "buildah runs as root here"
deb buildah=1.28.2+ds1-3+deb12u1+b3
buildah --version || untried "buildah wants libraries that are not here"
cat >image.py <<'END'
import hashlib, io, json, os, tarfile

def blob(content):
    name = hashlib.sha256(content).hexdigest()
    with open(f"image/blobs/sha256/{name}", "wb") as file:
        file.write(content)
    return {"digest": f"sha256:{name}", "size": len(content)}

os.makedirs("image/blobs/sha256")
archive = io.BytesIO()
with tarfile.open(fileobj=archive, mode="w") as tar:
    for name, minor in (("zero", 0), ("null", 3)):
        entry = tarfile.TarInfo(name)
        entry.type, entry.devmajor, entry.devminor = tarfile.CHRTYPE, min(1, minor), minor
        tar.addfile(entry)
layer = {"mediaType": "application/vnd.oci.image.layer.v1.tar"} | blob(archive.getvalue())
config = {"architecture": "amd64", "os": "linux", "config": {},
          "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}}
kind = "application/vnd.oci.image."
manifest = {"schemaVersion": 2, "layers": [layer],
            "config": {"mediaType": kind + "config.v1+json"} | blob(json.dumps(config).encode())}
index = {"schemaVersion": 2, "manifests": [{"mediaType": kind + "manifest.v1+json",
         "annotations": {"org.opencontainers.image.ref.name": "it"}} | blob(json.dumps(manifest).encode())]}
for name, document in (("index.json", index), ("oci-layout", {"imageLayoutVersion": "1.0.0"})):
    with open(f"image/{name}", "w") as file:
        json.dump(document, file)
END
python3 image.py
export here
names() {
  driver=$1 apart sh -euc '
    buildah="buildah --storage-driver $driver --root $here/$driver --runroot $here/run-$driver"
    ls "$($buildah mount "$($buildah from oci:image:it 2>/dev/null)")" | tr "\n" " "'
}
expect "names with vfs" "$(names vfs)" "null zero "
expect "names with overlay" "$(names overlay)" "null "
exit $changed
