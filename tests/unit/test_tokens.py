"""Names that nobody else uses: not another process of the same run either."""

import os

from pytest_isolation import strategies


def test_a_forked_process_has_a_prefix_of_its_own() -> None:
    come, go = os.pipe()
    if (pid := os.fork()) == 0:
        os.write(go, strategies.PROCESS.encode())
        os._exit(0)
    os.waitpid(pid, 0)
    os.close(go)
    assert os.read(come, 100).decode() != strategies.PROCESS
    os.close(come)
