"""For tests of ucdver and of plugins: a generated data set, and the contract that every method must keep."""
