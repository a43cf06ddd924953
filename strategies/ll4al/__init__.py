"""Learning Loss: a network that predicts its own loss (Yoo & Kweon, CVPR 2019)."""
