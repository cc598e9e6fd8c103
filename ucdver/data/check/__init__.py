"""What goes wrong in real data sets, looked for one kind of fault at a time."""
