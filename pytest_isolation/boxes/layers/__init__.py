"""Images of many layers: as a value, as files that engines load, and what the OCI image specification makes of them."""
