"""One file per outside format. The only rooms that know foreign bytes, headers and field names."""
