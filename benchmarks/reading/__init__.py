"""Reading what runs and suites wrote; nothing of them is imported, resolved or executed."""
