"""SQLite lets one transaction write. Threads of this process wait for it in line here: SQLite itself would let
each sleep, look, and sleep longer, up to a tenth of a second a time, while the file is free."""

from __future__ import annotations

import threading

from django.db.backends.sqlite3 import base
from django.db.utils import OperationalError

WAIT_SECONDS = 20.0
_writing = threading.Lock()


class DatabaseWrapper(base.DatabaseWrapper):
    _holds = False

    def _start_transaction_under_autocommit(self) -> None:
        if not _writing.acquire(timeout=WAIT_SECONDS):
            raise OperationalError("database is locked")
        self._holds = True
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
        except BaseException:
            self._let_go()
            raise

    def _commit(self) -> None:
        # When this fails Django rolls back next, and nobody else may write before that.
        super()._commit()  # type: ignore[misc]
        self._let_go()

    def _rollback(self) -> None:
        try:
            super()._rollback()  # type: ignore[misc]
        finally:
            self._let_go()

    def _close(self) -> None:
        try:
            super()._close()  # type: ignore[misc]
        finally:
            self._let_go()

    def _let_go(self) -> None:
        if self._holds:
            self._holds = False
            _writing.release()
