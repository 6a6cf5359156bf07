#!/usr/bin/env bash
# `${NAME:-word}` in a Dockerfile is `word` where NAME is not set (Dockerfile reference, Environment replacement).
# dockerfile-parse replaces `${NAME` and keeps the rest, in an environment and in the name of the base image.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "buildah runs as root here"
deb buildah=1.28.2+ds1-3+deb12u1+b3
buildah --version || untried "buildah wants libraries that are not here"
buildah() { apart buildah "$@"; }
python_packages dockerfile-parse==2.0.1
printf 'ARG BASE\nFROM ${BASE:-scratch}\nENV LEVEL=${LEVEL:-info}\n' >Dockerfile
buildah="buildah --storage-driver vfs --root $here/storage --runroot $here/run"
id=$($buildah bud -q -f Dockerfile . 2>/dev/null)
variable=$($buildah inspect --type image --format '{{.OCIv1.Config.Env}}' "$id" | grep -o 'LEVEL=[^] ]*')
echo "dockerfile-parse $(venv/bin/pip list 2>/dev/null | awk '$1 == "dockerfile-parse" { print $2 }')"
parse='from dockerfile_parse import DockerfileParser as P; p = P(".")'
expect "buildah's variable" "$variable" LEVEL=info
expect "dockerfile-parse's variable" "LEVEL=$(venv/bin/python -c "$parse; print(p.envs['LEVEL'])")" "LEVEL=:-info}"
expect "dockerfile-parse's base image" "$(venv/bin/python -c "$parse; print(p.baseimage)")" ":-scratch}"
exit $changed
