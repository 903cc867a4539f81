"""The runner's config.toml: its sections, how they are read, how they are changed on disk."""
