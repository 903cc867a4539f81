"""Where a configuration's files come from when there is no coordinator: folders, git, https."""
