"""Selection without a run: signals come from files, or arrays, of somebody's own model."""
