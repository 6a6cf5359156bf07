"""The auditor of 42-school Inception submissions: what files alone can decide.

    tree ──► readers (yaml, dockerfile, shell, nginx, makefile, git) ──► Submission ──► rules ──► findings

A submission is hostile until read: nothing of it is executed, nothing outside its directory is opened, every
size and depth is bounded, and the whole audit of one runs in a process of its own with limits (`audit`).
"""
