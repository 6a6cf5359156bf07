#!/usr/bin/env bash
# Compose writes the mode of a secret or a configuration as `mode: 0440`.  A leading zero is octal in YAML 1.1 (PyYAML, Go's
# yaml) and decimal in YAML 1.2's core schema (npm's yaml and js-yaml): a tool of the second kind reads 440, which is the mode
# 0670, writable for the group.  No reader says a word.
. "$(dirname "$0")/lib.sh"
python_packages PyYAML==6.0.3
node_packages yaml@2.8.1 js-yaml@4.1.0
echo "PyYAML 6.0.3, yaml 2.8.1 and js-yaml 4.1.0 of npm"
echo 'mode: 0440' >one.yml
octal='%04o'
by_pyyaml=$(venv/bin/python -c 'import yaml; print(yaml.safe_load(open("one.yml"))["mode"])')
by_yaml=$(node -e 'console.log(require("yaml").parse(require("fs").readFileSync("one.yml", "utf8")).mode)')
by_js=$(node -e 'console.log(require("js-yaml").load(require("fs").readFileSync("one.yml", "utf8")).mode)')
expect PyYAML "$(printf "$octal" "$by_pyyaml")" 0440
expect "yaml of npm" "$(printf "$octal" "$by_yaml")" 0670
expect js-yaml "$(printf "$octal" "$by_js")" 0670
exit $changed
