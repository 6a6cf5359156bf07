"""`pytest-isolation behaviour`: one program in each technology, beside the machine: its calls, and what it sees."""
