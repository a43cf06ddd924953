"""The suites that come with alframe: YAML files, the first line of each its command."""
