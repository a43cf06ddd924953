"""``alframe env``."""

import json

import click


@click.command()
def env() -> None:
    """Print versions and devices: what a bug report needs."""
    from alframe.runs.environment import environment

    click.echo(json.dumps(environment(), indent=2))
