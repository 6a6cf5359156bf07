#!/usr/bin/env bash
# composerize makes a compose file of a `docker run` command, and writes the options that it does not know above it as ignored.
# `--mount ...,readonly` becomes a mount without a word of it, which is writable; `--volume FROM:TO:ro` stays read-only.  Docker
# documents `readonly` and `ro` as words without a value; one with a value arrives as `readonly`, which is `read_only` in a compose
# file.
. "$(dirname "$0")/lib.sh"
node_packages composerize@1.7.6
echo "composerize $(sed -n 's/^ *"version": "\(.*\)",/\1/p' node_modules/composerize/package.json)"
volumes() { # OPTION ...: the mounts of the compose file, in one line, and what is named as ignored
  node node_modules/.bin/composerize docker run "$@" alpine >compose.yaml 2>said || { tail -1 said; return; }
  sed -n -e '/volumes:/,/image:/p' compose.yaml | sed -e '/volumes:/d; /image:/d; s/^ *-* *//' | paste -sd,
  grep ignored compose.yaml || true
}
expect "--volume with ro" "$(volumes --volume /srv/data:/data:ro)" "/srv/data:/data:ro"
for word in readonly ro; do
  expect "--mount with $word" "$(volumes --mount type=bind,source=/srv/data,target=/data,$word)" \
    "type: bind,source: /srv/data,target: /data"
done
expect "--mount with readonly=true" "$(volumes --mount type=bind,source=/srv/data,target=/data,readonly=true)" \
  'type: bind,source: /srv/data,target: /data,readonly: "true"'
expect "an option that is named" "$(volumes --memory-swappiness 0 --volume /srv/data:/data | tail -1)" "# ignored options for 'alpine'"
exit $changed
