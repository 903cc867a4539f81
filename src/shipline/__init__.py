"""shipline: from git push to the new container in service."""
