#!/usr/bin/env bash
# Compose has a mode for a tmpfs, an octal number: `tmpfs: {mode: 0755}`.  PyYAML reads the number, and podman-compose hands
# it on in decimal digits, which Podman and the kernel take for octal ones: 0777 is 511, and the tmpfs has the mode r-x--x--x.  In
# quotes it arrives.
. "$(dirname "$0")/lib.sh"
. "$beside/podman.sh"
python_packages podman-compose==1.6.0
echo "podman-compose 1.6.0"
asked() { # MODE
  cat >compose.yaml <<END
name: sample
services:
  app:
    image: localhost/app
    volumes:
      - {type: tmpfs, target: /data, tmpfs: {mode: $1}}
END
  venv/bin/podman-compose --verbose --dry-run up -d >said 2>&1 || untried "podman-compose: $(tail -1 said)"
  sed -n 's/.*podman create .*--tmpfs \([^ ]*\) .*/\1/p' said
}
expect 'mode: 0777' "$(asked 0777)" "/data:mode=511"
expect 'mode: 0755' "$(asked 0755)" "/data:mode=493"
expect 'mode: "0777"' "$(asked '"0777"')" "/data:mode=0777"
mkdir data
expect "a tmpfs with mode=511" "$(unshare --mount sh -c 'mount -t tmpfs -o mode=511 tmpfs data && stat -c %a data')" 511
exit $changed
