"""PROGRAM: the customer. Sets up a project, pushes, watches, probes; by public interfaces only."""
