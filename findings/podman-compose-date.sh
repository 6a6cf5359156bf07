#!/usr/bin/env bash
# An unquoted 2020-01-01 is a date in YAML 1.1, which PyYAML reads.  podman-compose writes the file it has read as JSON to hash
# it, and JSON has no dates: a compose file with `RELEASED: 2020-01-01` in an environment ends in a traceback, before anything
# starts.
. "$(dirname "$0")/lib.sh"
python_packages podman-compose==1.6.0 PyYAML==6.0.3
echo "podman-compose 1.6.0, PyYAML 6.0.3"
config() { # VALUE: the last line of `podman-compose config` with that value, and its status
  printf 'services:\n  one:\n    image: alpine\n    environment:\n      RELEASED: %s\n' "$1" >compose.yml
  status=0; PATH="$here/venv/bin:$PATH" podman-compose -f compose.yml config >seen 2>said || status=$?
  [ $status = 0 ] && grep -o 'RELEASED.*' seen || tail -1 said
}
expect "quoted" "$(config '"2020-01-01"')" "RELEASED: '2020-01-01'"
expect "unquoted" "$(config 2020-01-01)" "TypeError: Object of type date is not JSON serializable"
exit $changed
