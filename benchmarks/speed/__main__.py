"""``python -m alframe.benchmarks.speed``, in a checkout: no part of the wheel."""

from alframe.benchmarks.speed.command import speed
from alframe.cli import main

if __name__ == "__main__":
    main(command=speed)
