"""The run itself: which checks, on which boxes, with which controls."""
