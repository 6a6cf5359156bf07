"""Rows of a report asked by hand, with tools that share no code with this plugin: dev/by-hand.

dev/layers-by-hand takes host.py alone.
"""
