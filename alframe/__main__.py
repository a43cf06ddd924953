"""``python -m alframe``, for torchrun and for interpreters without the script on their path."""

from alframe.cli import main

if __name__ == "__main__":
    main()
