"""A launcher: python landlock.py SHOWN PROGRAM: PROGRAM may read its own file and what is below SHOWN ("": nothing).

Landlock's three calls, landlock(7), in a process without new privileges.  Exits 1 where the kernel refuses them.
"""

import ctypes
import os
import struct
import sys

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
"""The same numbers on every machine."""
EXECUTE, READ_FILE, READ_DIR = 1, 4, 8
PATH_BENEATH, NO_NEW_PRIVS = 1, 38

kernel = ctypes.CDLL(None, use_errno=True)


def need(answer: int) -> int:
    if answer < 0:
        sys.exit(f"landlock: {os.strerror(ctypes.get_errno())}")
    return answer


shown, program = sys.argv[1:]
handled = struct.pack("<Q", EXECUTE | READ_FILE | READ_DIR)
rules = need(kernel.syscall(CREATE_RULESET, handled, len(handled), 0))
for path, access in ((program, EXECUTE | READ_FILE), (shown, EXECUTE | READ_FILE | READ_DIR)):
    if path:
        below = os.open(path, os.O_PATH | os.O_CLOEXEC)
        need(kernel.syscall(ADD_RULE, rules, PATH_BENEATH, struct.pack("<Qi", access, below), 0))
need(kernel.prctl(NO_NEW_PRIVS, 1, 0, 0, 0))
need(kernel.syscall(RESTRICT_SELF, rules, 0))
os.execv(program, [program])
