"""GitLab's REST API v4: one file per resource."""
