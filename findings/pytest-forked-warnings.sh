#!/usr/bin/env bash
# With pytest-forked each test runs in a process of its own, and its report comes back: result, output and the test's own
# properties.  Warnings do not, nor does what record_testsuite_property noted: a run that ends with "2 warnings" ends
# without a word of them.  pytest-xdist hands warnings on.
. "$(dirname "$0")/lib.sh"
python_packages pytest==9.0.0 pytest-forked==1.6.0 pytest-xdist==3.8.0
export PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 PYTHONDONTWRITEBYTECODE=1
unset PYTEST_ADDOPTS
cat >test_one.py <<'PYTHON'
import warnings

def test_one(record_property, record_testsuite_property):
    record_property("box", "docker")
    record_testsuite_property("kernel", "6.18")
    warnings.warn("careful")
PYTHON
run() { venv/bin/python -m pytest -q -p no:cacheprovider -o junit_family=xunit1 --junitxml=out.xml "$@" test_one.py 2>&1 | sed -n 's/^\(1 passed.*\) in .*/\1/p'; }
properties() { grep -o 'property name="[a-z]*"' out.xml | cut -d'"' -f2 | sort | paste -sd,; }
venv/bin/python -m pip list --format=freeze 2>/dev/null | grep -i '^pytest'
expect "plain" "$(run)" "1 passed, 1 warning"
expect "plain: properties" "$(properties)" box,kernel
expect "two workers of xdist" "$(run -p xdist -n 2)" "1 passed, 1 warning"
expect "forked" "$(run -p pytest_forked --forked)" "1 passed"
expect "forked: properties" "$(properties)" box
exit $changed
