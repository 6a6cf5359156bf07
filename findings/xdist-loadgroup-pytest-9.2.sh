#!/usr/bin/env bash
# pytest-xdist 3.8.0 writes a test's group behind its node id (`item._nodeid`) and its scheduler reads it there. pytest 9.2
# keeps the id elsewhere, so the name that is written is read by nobody: `--dist loadgroup` then shares out the tests of one
# group between workers, and says nothing. With pytest 9.0.2 the group stays together.
. "$(dirname "$0")/lib.sh"
python3 -m venv venv >/dev/null 2>&1 || untried "python3 has no venv"
cat >test_group.py <<'END'
import os

import pytest


@pytest.mark.xdist_group("one")
@pytest.mark.parametrize("n", range(8))
def test_it(n):
    with open(os.environ["SEEN"], "a") as seen:
        print(os.environ["PYTEST_XDIST_WORKER"], file=seen)
END
workers_of_one_group() {
  venv/bin/pip install -q "pytest==$1" pytest-xdist==3.8.0 >/dev/null 2>&1 || untried "the index has no pytest $1"
  rm -f seen
  SEEN="$here/seen" venv/bin/python -m pytest -q -p no:cacheprovider -n 2 --dist loadgroup test_group.py >out 2>&1 || {
    cat out >&2
    untried "the tests did not pass"
  }
  sort -u seen | wc -l
}
old=$(workers_of_one_group 9.0.2)
new=$(workers_of_one_group 9.2.0)
expect "pytest 9.0.2, pytest-xdist 3.8.0: workers that ran the eight tests of one group" "$old" 1
expect "pytest 9.2.0, pytest-xdist 3.8.0: workers that ran the eight tests of one group" "$new" 2
exit $changed
