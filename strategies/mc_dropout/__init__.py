"""Several opinions on an image: mutual information, and a learner that has them by dropout."""
