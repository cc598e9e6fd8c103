"""Metrics of emotion recognition: valence, the wheel, coarser levels, distributions."""
