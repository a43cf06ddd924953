"""The fit loop that learners share."""
