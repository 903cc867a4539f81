"""Answers in pieces: text and a file behind it, or one file of an archive, however large they are."""

from __future__ import annotations

import mimetypes
import re
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header

from shipline.coordinator.services import in_database

CHUNK = 1 << 16
# What such an answer is in the description of the API.
_BYTES = {"schema": {"type": "string", "format": "binary"}}
TEXT = {
    "responses": {
        200: {"description": "OK", "content": {"text/plain": _BYTES}},
        206: {"description": "Partial Content", "content": {"text/plain": _BYTES}},
        416: {"description": "Range Not Satisfiable", "content": {"text/plain": _BYTES}},
    }
}
FILE = {"responses": {200: {"description": "OK", "content": {"*/*": _BYTES}}}}
_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# A browser would run these as ours.
_ACTIVE = re.compile(r"html|xml|svg|script", re.IGNORECASE)


def text_and_file(
    request: HttpRequest, head: bytes, path: Path, size: int, content_type: str
) -> HttpResponseBase:
    """`head`, and behind it the first `size` bytes of a file, which may not be there (yet). One range of the
    whole may be asked for (RFC 9110): `bytes=100-`, `bytes=0-99`, `bytes=-100`."""
    size = min(size, path.stat().st_size) if path.exists() else 0
    total = len(head) + size
    found = byte_range(request.headers.get("Range", ""), total)
    if found is None:
        response: HttpResponseBase = HttpResponse(status=416, content_type=content_type)
        response["Content-Range"] = f"bytes */{total}"
        return response
    start, end = found
    response = StreamingHttpResponse(_pieces(head, path, start, end), content_type=content_type)
    response["Accept-Ranges"] = "bytes"
    response["Content-Length"] = str(end - start)
    if (start, end) != (0, total) or request.headers.get("Range"):
        response.status_code = 206
        response["Content-Range"] = f"bytes {start}-{max(start, end - 1)}/{total}"
    if total == 0:
        response.status_code = 200
        del response["Content-Range"]
    return response


def byte_range(header: str, total: int) -> tuple[int, int] | None:
    """From where to before where. All of it without a header, or with one that is not understood; None when it
    asks for what is not there. Pure."""
    match = _RANGE.fullmatch(header.strip())
    if match is None or not (match[1] or match[2]) or total == 0:
        return 0, total
    if not match[1]:
        return max(0, total - int(match[2])), total
    start = int(match[1])
    end = int(match[2]) + 1 if match[2] else total
    return (start, min(end, total)) if start < min(end, total) else None


async def _pieces(head: bytes, path: Path, start: int, end: int) -> AsyncIterator[bytes]:
    if start < len(head):
        yield head[start:end]
    left = end - max(start, len(head))
    if left <= 0:
        return
    offset = max(0, start - len(head))
    file = await in_database(path.open, "rb")
    try:
        await in_database(file.seek, offset)
        while left > 0 and (piece := await in_database(file.read, min(CHUNK, left))):
            left -= len(piece)
            yield piece
    finally:
        file.close()


def archived_file(archive: Path, name: str) -> HttpResponseBase | None:
    """One file out of a zip; None when it is not there. The archive comes from a job: its sizes are not
    believed, and nothing of it is kept in memory."""
    try:
        opened = zipfile.ZipFile(archive)
    except (OSError, zipfile.BadZipFile):
        return None
    try:
        member = opened.getinfo(name)
        if member.is_dir() or member.flag_bits & 1 or member.compress_type not in _METHODS:
            raise KeyError(name)
        file = opened.open(member)
    except (KeyError, zipfile.BadZipFile, NotImplementedError, OSError):
        opened.close()
        return None
    response = StreamingHttpResponse(_of_archive(file), content_type=content_type_of(name))
    response._resource_closers.extend([file.close, opened.close])  # type: ignore[attr-defined]
    filename = name.rpartition("/")[2]
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=filename) or ""
    return response


async def _of_archive(file: IO[bytes]) -> AsyncIterator[bytes]:
    while piece := await in_database(_next_piece, file):
        yield piece


def _next_piece(file: IO[bytes]) -> bytes:
    """An archive that is damaged ends here: the headers are sent already."""
    try:
        return file.read(CHUNK)
    except (zipfile.BadZipFile, EOFError, OSError, ValueError):
        return b""


def content_type_of(name: str) -> str:
    guessed = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return "text/plain" if _ACTIVE.search(guessed) else guessed
