"""`--isolation-depth`: on how many layers each guarantee rests, by opening holes in further boxes of the same spec.

`search.py`: which sets of holes are asked for, in which order; `measure.py`: the boxes, and what becomes of a row.
"""
