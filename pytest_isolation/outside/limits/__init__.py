"""Limits of a box: met inside, and measured by the host, which never believes what the box reads of them.

exercised.py         memory, processes, processor time: a box meets its limit
asked.py             a box was asked to have limits: the host has them so
asked_resources.py   the same of places, weights, swap and disks
process_limits.py    the same of the limits of a process, getrlimit(2)
as_written.py        one limit in each way to write it
quotas.py            what the kernel gives each user a number of
resources.py         what the processes of one user have a limit of together
stocks.py            what a machine has a number of for everybody
"""
