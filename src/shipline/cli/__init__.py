"""One file per verb; the only place that prints for people and exits."""
