"""Guarantees that come with the technology: each test_*.py is one of `pytest --isolation`."""
