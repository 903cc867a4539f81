"""One file per keyword or family of keywords: from a node to a value of the model, or problems. Pure."""
