#!/usr/bin/env bash
# YAML has a tab as white space before a comment, and libyaml (PyYAML's C parser) reads such a line.  ruamel.yaml refuses
# it, and so does PyYAML's own parser in Python: one package has two answers, by the class that is asked for.
. "$(dirname "$0")/lib.sh"
python_packages PyYAML==6.0.3 ruamel.yaml==0.18.16
echo "PyYAML 6.0.3, ruamel.yaml 0.18.16"
printf 'restart: always\t# a tab stands before this\n' >one.yml
read_by() {
    venv/bin/python -c "
import yaml, ruamel.yaml
try: print(dict($1)['restart'])
except (yaml.YAMLError, ruamel.yaml.YAMLError) as error: print('refused')"
}
expect "PyYAML, CSafeLoader" "$(read_by 'yaml.load(open("one.yml"), Loader=yaml.CSafeLoader)')" always
expect "PyYAML, SafeLoader" "$(read_by 'yaml.load(open("one.yml"), Loader=yaml.SafeLoader)')" refused
expect "ruamel.yaml" "$(read_by 'ruamel.yaml.YAML(typ="safe", pure=True).load(open("one.yml"))')" refused
exit $changed
