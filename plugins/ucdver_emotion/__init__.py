"""Emotion recognition for ucdver: the `emoji` data set, label spaces and maps, two emotion metrics."""
