"""Running suites: their grid, its jobs, and the processes that work them off."""
