"""What a fresh machine needs: an engine, images, the registry process."""
