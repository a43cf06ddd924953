"""``python -m alframe.benchmarks.running.child run ...``: the command line, in a job's process.

It ends when the process that started it does, however that ended: a run that nobody waits for
would keep its folder locked and its device busy.
"""

import os
import sys
import threading

from alframe.cli import main


def end_with_parent() -> None:
    """Kill this process once standard input, a pipe that the parent holds open, is closed."""

    def wait() -> None:
        while os.read(0, 1024):
            pass
        os._exit(143)

    threading.Thread(target=wait, name="end-with-parent", daemon=True).start()


if __name__ == "__main__":
    end_with_parent()
    sys.argv[0] = "alframe"
    main()
