"""The features by domain: importing a module declares its own."""
