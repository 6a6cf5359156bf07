"""`pytest-isolation limits`: what was asked, what the kernel was told, and what bites."""
