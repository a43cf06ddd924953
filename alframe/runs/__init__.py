"""Runs: the loop, what it is built from, the run directory, and verifying what lies there."""
