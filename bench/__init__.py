"""How fast the bench is: series of figures with units, every side measured in the same run."""
