"""`pytest-isolation moves`: what survives when a virtual machine is carried as files."""
