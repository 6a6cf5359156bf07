"""`pytest-isolation roads`: what survives the ways that images and files take from one engine to the next."""
