"""What is transferred, and compared where it arrived with what was sent.

carried.py       an image into a fresh box
travelled.py     a tree over the roads between engines
handed_tree.py   a directory that was handed in
moved.py         a machine that was kept in files
"""
