"""The configuration of a run: its sections, and how layers of settings become one."""
