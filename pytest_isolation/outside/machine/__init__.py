"""What tells of the whole machine, read in a box: files of /proc and /sys, calls, and the numbers in them.

files.py       tables of such files, and a walk over the others
settings.py    files by which the machine is set
leaks.py       numbers that move in a box as they move on its machine
answering.py   numbers that answer in a box to what a witness does on its machine
counted.py     what such a witness takes and gives back
traces.py      what a witness leaves in the machine's tables under a name of its own
"""
