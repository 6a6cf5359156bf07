#!/usr/bin/env bash
# A whiteout hides what lower layers have, and never a file of its own layer (OCI image specification, layer.md, Whiteouts): so
# a layer that has both `.wh.name` and `name` gives the file anew.  For umoci it does, in any order.  buildah removes the
# new file as well where the whiteout is the later entry.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "buildah runs as root here"
deb buildah=1.28.2+ds1-3+deb12u1+b3 umoci=0.4.7+ds-3+b7
buildah --version && umoci --version || untried "buildah and umoci want libraries that are not here"
buildah() { apart buildah "$@"; }
cat >image.py <<'END'
import hashlib, io, json, os, sys, tarfile

order = sys.argv[1]

def blob(content):
    name = hashlib.sha256(content).hexdigest()
    with open(f"{order}/blobs/sha256/{name}", "wb") as file:
        file.write(content)
    return {"digest": f"sha256:{name}", "size": len(content)}

def layer(*files):
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, content in files:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return {"mediaType": "application/vnd.oci.image.layer.v1.tar"} | blob(archive.getvalue())

os.makedirs(f"{order}/blobs/sha256")
upper = [(".wh.file", b""), ("file", b"new")]
layers = [layer(("file", b"old")), layer(*(upper if order == "first" else reversed(upper)))]
config = {"architecture": "amd64", "os": "linux", "config": {},
          "rootfs": {"type": "layers", "diff_ids": [one["digest"] for one in layers]}}
kind = "application/vnd.oci.image."
manifest = {"schemaVersion": 2, "layers": layers,
            "config": {"mediaType": kind + "config.v1+json"} | blob(json.dumps(config).encode())}
index = {"schemaVersion": 2, "manifests": [{"mediaType": kind + "manifest.v1+json",
         "annotations": {"org.opencontainers.image.ref.name": "it"}} | blob(json.dumps(manifest).encode())]}
for name, document in (("index.json", index), ("oci-layout", {"imageLayoutVersion": "1.0.0"})):
    with open(f"{order}/{name}", "w") as file:
        json.dump(document, file)
END
by_umoci() { umoci unpack --image $order:it bundle >/dev/null 2>&1 && content bundle/rootfs; }
by_buildah() {
  local buildah="buildah --storage-driver vfs --root $here/storage --runroot $here/run" container
  container=$($buildah from "oci:$order:it" 2>/dev/null) && content "$($buildah mount "$container")"
  $buildah umount "$container" >/dev/null
}
content() { if [ -e "$1/file" ]; then cat "$1/file"; else echo none; fi; }
for order in first last; do
  rm -rf bundle && python3 image.py $order
  expect "whiteout $order: the file by umoci" "$(by_umoci)" new
  expect "whiteout $order: the file by buildah" "$(by_buildah)" $([ $order = first ] && echo new || echo none)
done
exit $changed
