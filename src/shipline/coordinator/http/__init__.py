"""Requests to calls, answers to bytes: git, Runner API, REST v4, registry tokens."""
