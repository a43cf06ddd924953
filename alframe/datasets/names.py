"""Names of picture files: the suffixes that count as pictures."""

SUFFIXES = (
    ".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif",
)  # fmt: skip
"""Of what counts as a picture in a folder, in any case; readers and ``predict`` share them."""
