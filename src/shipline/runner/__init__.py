"""PROGRAM: asks a coordinator for jobs and runs them in containers."""
