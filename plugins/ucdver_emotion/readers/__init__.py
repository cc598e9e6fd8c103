"""Readers of the official releases of data sets of visual emotion, one file a data set or a family."""
