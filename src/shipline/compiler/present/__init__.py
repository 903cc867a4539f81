"""What was compiled, as text and as documents: merged YAML, jobs, graphs, explanations. Pure."""
