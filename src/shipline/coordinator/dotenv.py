"""Dotenv reports: variables that a job hands on."""

from __future__ import annotations

import gzip
import re
import zlib
from pathlib import Path

from shipline.coordinator.models import JobArtifact
from shipline.coordinator.refusal import Refusal
from shipline.coordinator.services import services
from shipline.model.variable import Variable

DOTENV_LIMIT = 5 * 1024
DOTENV_VARIABLES = 150
_DOTENV = re.compile(r"([A-Za-z_]\w*)=(.*)", re.ASCII)


def check_dotenv(path: Path, file_format: str) -> None:
    """What is wrong with it is told to the job that made it, not to those that depend on it."""
    if file_format != "gzip":
        raise Refusal(400, "400 Bad request - a dotenv artifact's format is gzip")
    try:
        text = _unpack_dotenv(path)
    except (OSError, EOFError, zlib.error) as error:
        raise Refusal(400, "400 Bad request - the dotenv artifact is no gzip stream") from error
    if len(text) > DOTENV_LIMIT:
        raise Refusal(400, f"400 Bad request - dotenv artifact is larger than {DOTENV_LIMIT} bytes")
    if len(text.splitlines()) > DOTENV_VARIABLES:
        raise Refusal(400, f"400 Bad request - dotenv artifact has more than {DOTENV_VARIABLES} variables")


def read_dotenv(artifact: JobArtifact) -> list[Variable]:
    """The variables of a dotenv report."""
    text = _unpack_dotenv(services().data.coordinator / "artifacts" / artifact.file)
    found = []
    for line in text.decode(errors="replace").splitlines():
        if match := _DOTENV.fullmatch(line.strip()):
            value = match[2].strip()
            if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
                value = value[1:-1]
            found.append(Variable(match[1], value, raw=True))
    return found


def _unpack_dotenv(path: Path) -> bytes:
    """No more of it than tells that it is too large: a small stream may hold a great deal."""
    with gzip.open(path) as file:
        return file.read(DOTENV_LIMIT + 1)
