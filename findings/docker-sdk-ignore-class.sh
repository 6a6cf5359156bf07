#!/usr/bin/env bash
# A pattern of .dockerignore follows Go's filepath.Match, where [^a] is any character but `a`.  The Docker SDK for Python
# follows fnmatch, where that is [!a], and takes [^a] for `^` or `a`.  With one .dockerignore, docker.images.build() sends
# the files that buildah leaves out, and no others.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "buildah runs as root here"
deb buildah=1.28.2+ds1-3+deb12u1+b3
buildah --version || untried "buildah wants libraries that are not here"
buildah() { apart buildah "$@"; }
python_packages docker==7.2.0
echo "docker $(venv/bin/python -c 'import docker; print(docker.__version__)')"
mkdir context && touch context/apple context/bird
printf 'FROM scratch\nCOPY . /\n' >Dockerfile
by_buildah() {
  local buildah="buildah --storage-driver vfs --root $here/storage --runroot $here/run" container
  $buildah bud -q -f Dockerfile -t sent context >/dev/null && container=$($buildah from sent)
  (cd "$($buildah mount "$container")" && echo [a-z]*)
  $buildah umount "$container" >/dev/null
}
by_docker_sdk() {
  venv/bin/python -c 'from docker.utils.build import exclude_paths
print(*sorted(exclude_paths("context", open("context/.dockerignore").read().split()) - {".dockerignore"}))'
}
for pattern in '[^a]*' '[!a]*'; do
  case $pattern in '[^a]*') wanted=("apple" "bird") ;; *) wanted=("bird" "apple") ;; esac
  echo "$pattern" >context/.dockerignore
  expect "$pattern: buildah sends" "$(by_buildah)" "${wanted[0]}"
  expect "$pattern: the Docker SDK sends" "$(by_docker_sdk)" "${wanted[1]}"
done
exit $changed
