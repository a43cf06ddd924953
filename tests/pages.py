"""Makes anew what READMEs have of docstrings and of the registry: ``python -m tests.pages``."""

from tests.config.settings_page import write_page
from tests.strategies.readme import write_tables

if __name__ == "__main__":
    write_page()
    write_tables()
