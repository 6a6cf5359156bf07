"""`--isolation-flow`: a search for what a program on one side of a box changes in what a program on another side reads.

A *sender* is a program of harmless calls (`acts.py`, `grammar.py`), a *receiver* asks one thing (`probes.py`, found on
its side by `receivers.py`).  `run.py` makes their calls in an agent each, `baseline.py` learns what a value does by
itself, `differ.py` decides whether a sender moved it, `shrink.py` makes the sender small, `capacity.py` sends bits by
the pair, `corpus.py` remembers senders, `search.py` does all of it between two sides, `controls.py` opens channels that
must be found, `measure.py` does it for the boxes of a run.
"""
