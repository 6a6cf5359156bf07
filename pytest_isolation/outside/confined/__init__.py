"""How a process of a box is confined, as the kernel tells of it and as its calls end.

posture.py    what /proc says of a process, by what confines it
gained.py     what a program is once it runs: setuid, file capabilities
capable.py    one call that asks for each capability
filtered.py   calls that a system call filter refuses
"""
