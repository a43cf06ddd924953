"""Files that appear whole or not at all, notice damage, and are read without trust."""
