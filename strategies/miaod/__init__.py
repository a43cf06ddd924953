"""MI-AOD: multiple instance active learning for object detection (Yuan et al., CVPR 2021)."""
