"""Tasks beside detection: for each a kind of target, models, readers of datasets and a measure."""
