"""The words everybody says: statuses, variables, images, what a pipeline consists of. Pure."""
