"""What of the host a box really has, under any name: found by looking, not by guessing names.

places.py   which paths of a host are its system's, with the reason; all else holds data and is a volume
table.py    the mount tables of both sides
found.py    each mount and descriptor of a box, with the host's path behind it and what kind of thing that is
files.py    the same as plain data, for a report
"""

from pytest_isolation.outside.shared.found import Shared, procs, shared

__all__ = ["Shared", "procs", "shared"]
