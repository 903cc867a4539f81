"""The helper's parts, one file each. Standard library only."""
