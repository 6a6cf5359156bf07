# Sourced by the scripts beside it: a temporary directory that goes with the script, pinned packages in it, and a verdict.
set -eu
beside=$(cd "$(dirname "$0")" && pwd)
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
cd "$here"

# untried WHY: ends the script with 2.  Within $(…) it can end no more than that, and the next `expect` ends the script.
untried() { echo "not tried: $*" >&2; touch "$here/untried"; exit 2; }

# deb NAME=VERSION ...: Debian packages, unpacked into $here/deb and nothing else.
deb() {
  local one
  for one in "$@"; do
    apt-get download -q "$one" >/dev/null 2>&1 || untried "the archive has no $one; this script is for Debian 12"
  done
  for one in *.deb; do dpkg-deb -x "$one" deb; done
  PATH="$here/deb/usr/bin:$here/deb/usr/sbin:$here/deb/bin:$here/deb/sbin:$PATH"
  export LD_LIBRARY_PATH="$here/deb/usr/lib/x86_64-linux-gnu"
}

# node_packages NAME@VERSION ...: from the npm registry, into $here/node_modules.
node_packages() {
  command -v node >/dev/null || untried "node is not installed"
  npm install --silent --no-fund --no-audit --prefix "$here" "$@" >/dev/null 2>&1 || untried "npm has no $*"
}

# python_packages NAME==VERSION ...: from the Python index, for the interpreter $here/venv/bin/python.
python_packages() {
  python3 -m venv venv >/dev/null 2>&1 || untried "python3 has no venv"
  venv/bin/pip install -q "$@" >/dev/null 2>&1 || untried "the index has no $*"
}

# apart PROGRAM ARG ...: in a mount namespace, with directories of its own where skopeo and buildah write down what they copied, and take
# locks, wherever their store is.  What the program mounts ends with it.
apart() {
  local as=--map-root-user
  [ "$(id -u)" != 0 ] || as=
  mkdir -p "$here/networks" && printf '[network]\nnetwork_config_dir = "%s"\n' "$here/networks" >"$here/containers.conf"
  CONTAINERS_CONF=$here/containers.conf unshare $as --mount sh -euc '
    for directory in /run /var/cache /var/lib; do mount -t tmpfs tmpfs $directory; done
    exec "$@"' sh "$@"
}

# expect NAME SEEN WANTED: prints what was seen; another value is a failure at the end.
changed=0
expect() {
  [ ! -e "$here/untried" ] || exit 2
  echo "$1: $2"
  [ "$2" = "$3" ] || { echo "  changed: it was $3" >&2; changed=1; }
}
