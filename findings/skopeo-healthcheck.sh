#!/usr/bin/env bash
# `skopeo copy` of an archive of Docker's to an OCI layout writes the image's configuration anew, with what the OCI specification has:
# the health check, the shell, the time to stop and the triggers of ONBUILD are left out, and nothing is said.  The image has
# another ID.  To `dir:` it copies the configuration as it is.
. "$(dirname "$0")/lib.sh"
deb skopeo=1.9.3+ds1-1+b10
skopeo --version || untried "skopeo wants libraries that are not here"
skopeo() { apart skopeo "$@"; }
cat >image.py <<'END'
import hashlib, io, json, tarfile
def add(tar, name, content):
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))
archive = io.BytesIO()
with tarfile.open(fileobj=archive, mode="w") as tar:
    add(tar, "file", b"content")
layer = archive.getvalue()
config = {"architecture": "amd64", "os": "linux", "created": "2020-01-01T00:00:00Z",
          "config": {"Cmd": ["/bin/app"], "Healthcheck": {"Test": ["CMD", "/bin/check"]}, "OnBuild": ["RUN true"],
                     "Shell": ["/bin/sh", "-ec"], "StopSignal": "SIGINT", "StopTimeout": 7},
          "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]}}
with tarfile.open("docker.tar", "w") as tar:
    add(tar, "config.json", json.dumps(config).encode())
    add(tar, "layer.tar", layer)
    names = [{"Config": "config.json", "RepoTags": ["it:latest"], "Layers": ["layer.tar"]}]
    add(tar, "manifest.json", json.dumps(names).encode())
END
python3 image.py
keys() { skopeo inspect --config --raw "$1" | python3 -c 'import json, sys; print(*sorted(json.load(sys.stdin)["config"]))'; }
for where in dir:kept oci:image:it; do
  skopeo --insecure-policy copy docker-archive:docker.tar $where >said 2>&1
  case $where in dir:*) wanted="Cmd Healthcheck OnBuild Shell StopSignal StopTimeout" ;; *) wanted="Cmd StopSignal" ;; esac
  expect "in $where" "$(keys $where)" "$wanted"
  expect "lines that warn, $where" "$(grep -c -i -E 'warn|health|drop|ignor|loss' said || true)" 0
done
exit $changed
