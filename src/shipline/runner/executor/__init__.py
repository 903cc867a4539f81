"""Runs one job's containers. `spec` says what to start (pure), `docker` starts it."""
