"""Semantic segmentation: the class of each pixel."""

TASK = "segmentation"
