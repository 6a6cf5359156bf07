"""`pytest-isolation advise`: the smallest change to how a box is started that mends what it breaks, by trying it.

`changes.py`: what can be changed; `search.py`: which of it is enough; `command.py`: the command.
"""
