"""The coordinator's half of the Runner API v4 (`protocols/runner_api.py`): one file per kind of call."""
