"""One module a letter of the sheet; see `registry`."""
