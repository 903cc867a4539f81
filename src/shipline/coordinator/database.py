"""Which database: SQLite in the data folder, or the PostgreSQL that a URL names.

psycopg 3 is the driver: Django's own choice for PostgreSQL, and the one that can also wait for notifications
on asyncio's loop (`shared_events.py`). Its binary package brings libpq along, so a bare machine needs no other.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from shipline.config import DATABASE_URL
from shipline.errors import HostError, UsageError

SETTING = DATABASE_URL
_SHAPE = f"{SETTING} is like postgresql://USER:PASSWORD@HOST:5432/NAME?sslmode=require."
# What of libpq's parameters a URL may set.
# https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
_PARAMETERS = frozenset(
    {
        "host", "sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "ssl_min_protocol_version",
        "channel_binding", "gssencmode", "connect_timeout", "target_session_attrs", "passfile",
        "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout",
    }
)  # fmt: skip
_USUAL = {
    "connect_timeout": "10",
    # A server that has vanished without a word is noticed within a minute.
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "application_name": "shipline-coordinator",
}
IDLE_SECONDS = 60.0
# Advisory locks of this database; the first number says that they are ours.
LOCK_SPACE, STARTING, SWEEPING = 0x5348, 1, 2
DEADLOCK_RETRIES = 3
# So many times is a statement of `often` asked before PostgreSQL keeps its plan.
PREPARED_AFTER = 5
Settings = dict[str, Any]
P = ParamSpec("P")
R = TypeVar("R")


def settings_of(url: str | None, sqlite: Path) -> Settings:
    """Django's settings of the one database. Raises UsageError for a URL that is none; the password is in no
    message."""
    return _postgresql(url) if url else _sqlite(sqlite)


def _sqlite(path: Path) -> Settings:
    """SQLite, with many readers beside one writer."""
    return {
        "ENGINE": "shipline.coordinator.sqlite",
        "NAME": str(path),
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            # A transaction takes the write lock when it begins, so that two never deadlock half way.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            # FULL: what was answered is on disk, not only with the kernel.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; "
            "PRAGMA cache_size=-8000; PRAGMA temp_store=MEMORY",
        },
    }


def _postgresql(url: str) -> Settings:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        # Its words may hold a part of the URL, and so of the password.
        raise UsageError(f"{SETTING} is no URL.", hint=f"{_SHAPE} Percent-encode what is special.") from None
    if parts.scheme not in ("postgresql", "postgres"):
        raise UsageError(f"{SETTING} does not begin with postgresql://.", hint=_SHAPE)
    name = unquote(parts.path.removeprefix("/"))
    if not name or "/" in name:
        raise UsageError(f"{SETTING} names no database.", hint=_SHAPE)
    options = _USUAL | dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := sorted(set(options) - _PARAMETERS - set(_USUAL)):
        raise UsageError(
            f"{SETTING} sets {unknown[0]!r}, which cannot be set there.",
            hint=f"These can: {', '.join(sorted(_PARAMETERS))}.",
        )
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        # A folder, as libpq takes it, is one with a Unix socket.
        "HOST": options.pop("host", "") or unquote(parts.hostname or ""),
        "PORT": str(port or ""),
        # A connection stays with its thread; whether it is alive is looked at by `usable_connection`.
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        # Only what `often` asks can be prepared; Django's own cursors write values into the statement.
        "OPTIONS": {**options, "prepare_threshold": PREPARED_AFTER},
    }


def libpq_parameters() -> dict[str, Any]:
    """Of the PostgreSQL that Django is set to, for a connection beside Django's."""
    from django.db import connection

    found = connection.settings_dict
    named = {
        "dbname": found["NAME"],
        "user": found["USER"],
        "password": found["PASSWORD"],
        "host": found["HOST"],
        "port": found["PORT"],
    }
    return {name: value for name, value in (named | found["OPTIONS"]).items() if value != ""}


def where() -> str:
    """The database's place, for messages; without its password."""
    from django.db import connection

    found = connection.settings_dict
    if connection.vendor == "sqlite":
        return str(found["NAME"])
    port = f":{found['PORT']}" if found["PORT"] else ""
    return f"PostgreSQL at {found['HOST'] or 'the local socket'}{port}, database {found['NAME']}"


@contextmanager
def reached() -> Iterator[None]:
    """Raises HostError when the database cannot be reached when we start."""
    from django.db import OperationalError, connection

    try:
        connection.ensure_connection()
    except OperationalError as error:
        said = (str(error).strip().splitlines() or ["no reason was given"])[0]
        reason = said.removeprefix("connection failed: ").rstrip(".")
        raise HostError(f"Cannot connect to {where()}: {reason}.", hint=_next_step()) from None
    yield


def _next_step() -> str:
    from django.db import connection

    if connection.vendor == "sqlite":
        return "Look at the folder's owner and rights."
    user = connection.settings_dict["USER"] or "(none)"
    return f"Does the server run there, and are host, name, user {user} and password in {SETTING} right?"


@contextmanager
def starting_alone() -> Iterator[None]:
    """Of several coordinators that start over one PostgreSQL, one at a time prepares the database."""
    from django.db import connection

    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s, %s)", [LOCK_SPACE, STARTING])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [LOCK_SPACE, STARTING])


@contextmanager
def often() -> Iterator[Any]:
    """A cursor for the few statements that every hand-out asks: PostgreSQL parses and plans each of them once per
    connection, which takes it longer than the answer. Values go beside the statement, so `%s` may only stand where
    PostgreSQL itself can tell the type."""
    from django.db import connection

    if connection.vendor != "postgresql":
        with connection.cursor() as cursor:
            yield cursor
        return
    import psycopg

    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        yield cursor


def usable_connection(last_used: float) -> float:
    """Make sure that this thread's connection, last used at that time (monotonic seconds), still leads
    somewhere. Answers the time now.

    A question to the server before every use case would be dear. A server that has gone has closed the
    connection, which shows without one; only after a long rest, or an error, is it asked.
    """
    from django.db import connection

    now = time.monotonic()
    if connection.vendor == "sqlite" or connection.connection is None:
        return now
    if connection.errors_occurred or now - last_used > IDLE_SECONDS or _something_came(connection.connection):
        connection.close_if_unusable_or_obsolete()
        if connection.connection is not None and not connection.is_usable():
            connection.close()
    return now


def _something_came(driver: Any) -> bool:
    """The server speaks unasked only when it says goodbye."""
    if driver.closed:
        return True
    waiting = select.poll()
    waiting.register(driver.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
    return bool(waiting.poll(0))


def is_deadlock(error: BaseException) -> bool:
    """Two transactions waited for each other's rows, and PostgreSQL has ended this one: it may be done again."""
    return getattr(error.__cause__, "sqlstate", None) in ("40P01", "40001")


def again_after_deadlock(function: Callable[P, R]) -> Callable[P, R]:
    """For a use case that is a transaction of its own: PostgreSQL has undone it, so it may be done again. Inside
    another transaction it is that one's matter."""

    @wraps(function)
    def repeated(*args: P.args, **kwargs: P.kwargs) -> R:
        from django.db import OperationalError, connection

        if not connection.in_atomic_block:
            for _ in range(DEADLOCK_RETRIES):
                try:
                    return function(*args, **kwargs)
                except OperationalError as error:
                    if not is_deadlock(error):
                        raise
        return function(*args, **kwargs)

    return repeated


def is_gone(error: BaseException) -> bool:
    """The connection could not be made, or broke: the server goes down, comes up, or is not there. What PostgreSQL
    says of itself has a code (class 57 is an operator's intervention, 08 a connection, 53 lack of resources)."""
    from django.db import connection

    if connection.vendor != "postgresql":
        return False
    code = getattr(error.__cause__, "sqlstate", None)
    return code is None or code[:2] in ("57", "08", "53")
