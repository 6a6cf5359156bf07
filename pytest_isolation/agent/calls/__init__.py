"""The system calls by what they are about: one class each, put together in syscalls.py."""
