"""alframe chooses the images worth labelling: active learning for object detection."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("alframe")
except PackageNotFoundError:  # a bare checkout on the path, never installed
    __version__ = "0+unknown"
