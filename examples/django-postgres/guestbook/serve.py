"""What the container runs: migrate, then become the web server.

Containers that start together migrate one after the other: an advisory lock of PostgreSQL sees to that.
"""

import os
import time

import django
from django.core.management import call_command
from django.db import OperationalError, connection

LOCK = 20261124
PATIENCE_SECONDS = 30
COMMAND = (
    "gunicorn",
    "guestbook.wsgi",
    "--bind=0.0.0.0:8000",
    "--workers=2",
    "--threads=4",
    "--graceful-timeout=20",
    "--access-logfile=-",
)


def main():
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guestbook.settings")
    django.setup()
    wait_for_database(time.monotonic() + PATIENCE_SECONDS)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        try:
            call_command("migrate", interactive=False)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
    connection.close()
    os.execvp(COMMAND[0], COMMAND)


def wait_for_database(deadline):
    while True:
        try:
            connection.ensure_connection()
            return
        except OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.3)


if __name__ == "__main__":
    main()
