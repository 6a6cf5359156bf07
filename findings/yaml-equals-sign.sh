#!/usr/bin/env bash
# YAML 1.1 has a type of which `=` alone is the only value, and PyYAML's safe loader knows the type and no way to make it: a
# file with `SEPARATOR: =` is an error.  npm's yaml reads the text `=`.
. "$(dirname "$0")/lib.sh"
python_packages PyYAML==6.0.3
node_packages yaml@2.8.1
echo "PyYAML 6.0.3, yaml 2.8.1 of npm"
echo 'SEPARATOR: =' >one.yml
by_pyyaml=$(venv/bin/python -c '
import yaml
try: print(yaml.safe_load(open("one.yml"))["SEPARATOR"])
except yaml.YAMLError as error: print(error.problem)')
by_node=$(node -e 'console.log(require("yaml").parse(require("fs").readFileSync("one.yml", "utf8")).SEPARATOR)')
expect PyYAML "$by_pyyaml" "could not determine a constructor for the tag 'tag:yaml.org,2002:value'"
expect "yaml of npm" "$by_node" =
exit $changed
