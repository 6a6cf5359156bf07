# Sourced after lib.sh: OCI images of layers that are written entry by entry.
# layout NAME LAYERS: an OCI layout NAME with an image `it`.  LAYERS is Python, a list of lists of entries: directory(NAME, MODE, OWNER),
# file(NAME, CONTENT) and link(NAME, TO), which are root's but for OWNER.
layout() {
  python3 - "$@" <<'PYTHON'
import hashlib, io, json, os, sys, tarfile

place, layers = sys.argv[1:]

def blob(kind, content):
    name = hashlib.sha256(content).hexdigest()
    with open(f"{place}/blobs/sha256/{name}", "wb") as file:
        file.write(content)
    return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{name}", "size": len(content)}

def entry(name, **fields):
    one = tarfile.TarInfo(name)
    one.mtime = 10**9
    for key, value in fields.items():
        setattr(one, key, value)
    return one

def directory(name, mode, owner):
    return entry(name, type=tarfile.DIRTYPE, mode=mode, uid=owner, gid=owner), b""

def file(name, content):
    return entry(name, size=len(content)), content.encode()

def link(name, to):
    return entry(name, type=tarfile.LNKTYPE, linkname=to), b""

def layer(entries):
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for one, content in entries:
            tar.addfile(one, io.BytesIO(content))
    return blob("layer.v1.tar", archive.getvalue())

os.makedirs(f"{place}/blobs/sha256")
written = [layer(entries) for entries in eval(layers)]
config = blob("config.v1+json", json.dumps({"architecture": "amd64", "os": "linux", "config": {},
    "rootfs": {"type": "layers", "diff_ids": [one["digest"] for one in written]}}).encode())
manifest = blob("manifest.v1+json", json.dumps({"schemaVersion": 2, "config": config, "layers": written}).encode())
manifest["annotations"] = {"org.opencontainers.image.ref.name": "it"}
for name, document in (("index.json", {"schemaVersion": 2, "manifests": [manifest]}),
                       ("oci-layout", {"imageLayoutVersion": "1.0.0"})):
    with open(f"{place}/{name}", "w") as out:
        json.dump(document, out)
PYTHON
}
# by_buildah DRIVER LAYOUT COMMAND ...: the command in the image's tree as buildah has it on this storage driver; what buildah
# says in ./said.
by_buildah() {
  driver=$1 image=$2 here=$here apart sh -euc '
    buildah="buildah --storage-driver $driver --root $here/$image-$driver --runroot $here/run-$driver"
    container=$($buildah from "oci:$image:it" 2>"$here/said")
    cd "$($buildah mount "$container")"
    exec "$@"' sh "${@:3}"
}
