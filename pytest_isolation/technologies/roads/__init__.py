"""Roads that images and files take from one engine to the next: save and load, push and pull, build, copy and others.

One module an engine; each takes the same tree (boxes/image.py) and gives back what arrived (boxes/roads.py).
"""
