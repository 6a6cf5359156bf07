#!/usr/bin/env bash
# `pytest -n auto`, and `-n logical`, start as many workers as there are processors.  Where psutil is installed, for whatever, they are
# the machine's; where it is not, those that this process may use.  In a container with `--cpuset-cpus 0` on a machine of 64 one starts
# 64 workers, the other one.  pytest-xdist documents that psutil tells physical from logical cores, and nothing about affinity.
. "$(dirname "$0")/lib.sh"
[ "$(nproc)" -ge 2 ] || untried "two processors are wanted"
python_packages pytest==9.0.0 pytest-xdist==3.8.0
unset PYTEST_ADDOPTS PYTEST_XDIST_AUTO_NUM_WORKERS
export PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 PYTHONDONTWRITEBYTECODE=1
echo 'def test_it(): pass' >test_it.py
first=$(python3 -c 'import os; print(min(os.sched_getaffinity(0)))')
workers() { # the command before pytest ...: how many workers start, two at most
  "$@" venv/bin/python -m pytest -p no:cacheprovider -p xdist -n logical --maxprocesses 2 test_it.py 2>&1 |
    sed -n 's/^.*created: \([0-9]*\)\/.*/\1/p' | tail -1
}
echo "pytest 9.0.0, pytest-xdist 3.8.0"
expect "without psutil: workers" "$(workers env)" 2
expect "without psutil, one processor: workers" "$(workers taskset -c "$first")" 1
venv/bin/pip install -q psutil==7.2.2 >/dev/null 2>&1 || untried "the index has no psutil 7.2.2"
expect "with psutil 7.2.2, one processor: workers" "$(workers taskset -c "$first")" 2
exit $changed
