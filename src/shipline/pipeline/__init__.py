"""The life of a pipeline: given its jobs and the time, what changes next. Pure."""
