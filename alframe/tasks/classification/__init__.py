"""Classification: images with one class each."""

TASK = "classification"
