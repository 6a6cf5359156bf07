#!/usr/bin/env bash
# `<<: *hardened` in a compose file takes over what stands at the anchor, for Compose, for PyYAML and for js-yaml 4.  With js-yaml 5
# and with yaml 2 the service has a property named `<<` instead, and none of `read_only` and `cap_drop`: no warning, and who looks
# whether a service is read-only, or sets such a service up, has another file.
. "$(dirname "$0")/lib.sh"
python_packages PyYAML==6.0.3
node_packages yaml@2.9.1 four@npm:js-yaml@4.1.1 five@npm:js-yaml@5.5.0
echo "PyYAML 6.0.3, yaml 2.9.1, js-yaml 4.1.1 and 5.5.0"
cat >compose.yaml <<'END'
x-hardened: &hardened
  read_only: true
  cap_drop: [ALL]
services:
  app:
    <<: *hardened
    image: sample
END
js() { # PACKAGE CALL: the service's properties
  node -e "const text = require('fs').readFileSync('compose.yaml', 'utf8')
    console.log(Object.keys(require('$1').$2(text).services.app).sort().join(' '))"
}
expect "PyYAML" "$(venv/bin/python -c 'import yaml; print(*sorted(yaml.safe_load(open("compose.yaml"))["services"]["app"]))')" \
  "cap_drop image read_only"
expect "js-yaml 4" "$(js four load)" "cap_drop image read_only"
expect "js-yaml 5" "$(js five load)" "<< image"
expect "yaml 2" "$(js yaml parse)" "<< image"
exit $changed
