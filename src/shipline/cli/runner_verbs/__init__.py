"""One file for each verb of `shipline runner`."""
