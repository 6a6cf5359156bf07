"""One program in two places: drawn sequences of ordinary system calls, and what of their results is the place's own."""
