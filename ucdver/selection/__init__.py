"""Selection rules: which checkpoint of a run, or which configuration of a method, without looking at target labels."""
