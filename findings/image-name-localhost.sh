#!/usr/bin/env bash
# localhost/app is an image of the registry `localhost`, as buildah and Podman name what they build: the first part of a name is
# a registry where it has a dot or a port, or is localhost (distribution's reference grammar).  docker-parse-image of npm
# takes it for a user of Docker Hub, and a digest for a tag.
. "$(dirname "$0")/lib.sh"
python_packages docker-image-py==0.1.13
node_packages docker-parse-image@3.0.1
echo "docker-image-py 0.1.13, docker-parse-image 3.0.1 of npm"
digest=sha256:$(printf '%064d' 0)
by_python=$(venv/bin/python -c 'import docker_image.reference as r; print(*r.Reference.parse("localhost/app:1").split_hostname())')
by_node=$(node -e 'const n = require("docker-parse-image")("localhost/app:1"); console.log(n.registry, n.namespace, n.repository)')
tag=$(node -p "require('docker-parse-image')('quay.io/app@$digest').tag")
expect "registry and name, docker-image-py" "$by_python" "localhost app"
expect "registry, user and name, docker-parse-image" "$by_node" "null localhost app"
expect "tag of quay.io/app@DIGEST, docker-parse-image" "${tag/$digest/DIGEST}" DIGEST
exit $changed
