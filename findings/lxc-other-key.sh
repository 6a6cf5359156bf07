#!/usr/bin/env bash
# LXC refuses a configuration with an option that it does not know: `lxc.cap.dropp` is an error.  It is one where the key begins with
# `lxc.`; a line with any other key is left out and nothing is said.  So a misspelt beginning, `lcx.` or `Lxc.`, leaves the container
# its capabilities.
. "$(dirname "$0")/lib.sh"
deb lxc=1:5.0.2-1+deb12u4 liblxc1=1:5.0.2-1+deb12u4
echo "LXC $(lxc-info --version)"
mkdir -p path/one
dropped() { # KEY: the capabilities that a container of a configuration with it drops
  printf 'lxc.rootfs.path = dir:/\nlxc.cap.drop = chown\n%s = sys_admin\n' "$1" >path/one/config
  # With a /run of its own, in which lxc-info makes a lock and leaves it.
  unshare --map-root-user --mount sh -c 'mount -t tmpfs tmpfs /run && exec "$@"' sh lxc-info -P path -n one -c lxc.cap.drop 2>&1 |
    sed 's/^[^=]* = //; s/^Failed to load.*/not read/; /^Failure/d' | xargs
}
expect "lxc.cap.drop" "$(dropped lxc.cap.drop)" "chown sys_admin"
expect "lxc.cap.dropp" "$(dropped lxc.cap.dropp)" "not read"
for key in lcx.cap.drop Lxc.cap.drop lxc_cap.drop cap.drop; do expect "$key" "$(dropped $key)" chown; done
exit $changed
