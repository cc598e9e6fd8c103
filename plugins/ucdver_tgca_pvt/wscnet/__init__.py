"""WSCNet: where in a picture its sentiment lies, learnt from labels of whole pictures, and used to classify it."""
