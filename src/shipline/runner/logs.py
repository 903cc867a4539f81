"""The manager's own log: on stderr, as lines for people or as JSON."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime

# Python has no "panic"; nothing of ours is worse than critical.
_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "fatal": logging.CRITICAL,
    "panic": logging.CRITICAL,
}
_NAME = "runner"
_LINE = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class JsonLines(logging.Formatter):
    """One object a line, with gitlab-runner's names: level, msg, time."""

    def format(self, record: logging.LogRecord) -> str:
        said = {
            "level": record.levelname.lower(),
            "msg": record.getMessage(),
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        }
        if record.exc_info:
            said["error"] = self.formatException(record.exc_info)
        return json.dumps(said, ensure_ascii=False)


class Counting(logging.Handler):
    """Tells `count` the level of each warning and error."""

    def __init__(self, count: Callable[[str], object]) -> None:
        super().__init__(logging.WARNING)
        self._count = count

    def emit(self, record: logging.LogRecord) -> None:
        self._count("warning" if record.levelno < logging.ERROR else "error")


def configure(level: str, log_format: str) -> None:
    """May be called again: the newest wins."""
    root = logging.getLogger()
    for old in [handler for handler in root.handlers if handler.name == _NAME]:
        root.removeHandler(old)
    handler = logging.StreamHandler()
    handler.name = _NAME
    handler.setFormatter(JsonLines() if log_format == "json" else logging.Formatter(_LINE))
    root.addHandler(handler)
    root.setLevel(_LEVELS[level])
    # It tells each request, with its address.
    logging.getLogger("httpx").setLevel(logging.WARNING)
