"""`pytest-isolation layers`: what engines make of the same drawn layers, beside the specification's letter."""
