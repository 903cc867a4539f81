"""`scripts/bench`: measures the way of a push, prints a table, writes JSON. Ratios and differences count;
absolute times are of the machine that it ran on."""
