"""What a box is started with, and what of that a process of the box has.

configured.py   what its configuration says: variables, ids, a working directory
named.py        the host name that it was asked to have
told_by_image.py files of its image that say where it is
handed_in.py    what it was handed besides files: capabilities, groups, devices, variables
called.py       what of its caller's is found in the box
handed_on.py    the same by fork(2) and execve(2) alone
terminals.py    a terminal from which it is started
given.py        all of it, as plain data for a report
"""
