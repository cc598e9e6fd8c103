"""A suite of seconds on generated shapes."""

SUITE = """\
name = "small"
steps = 6
seeds = 2
methods = ["source_only", "target_only"]

[recipe]
backbone = "convnet_s@none"
batch_size = 8
bottleneck = 8
image = { size = 24, fit = "stretch" }

[[task]]
id = "one"
sources = ["toy:filled"]
targets = ["toy:outline"]
label_space = "toy3"
"""
