"""PROGRAM: `shipline up`. Starts the others, one process tree over one data folder, and ends them."""
