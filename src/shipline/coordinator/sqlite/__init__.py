"""Django's backend for SQLite, with writers that queue (`base.py`)."""
