"""Files as answers."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header

from shipline.coordinator.services import in_database

CHUNK = 1 << 16


def send_file(path: Path, content_type: str, name: str) -> StreamingHttpResponse | None:
    """A file in pieces, however large it is; None when it is not there (any more)."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None

    async def pieces() -> AsyncIterator[bytes]:
        while piece := await in_database(file.read, CHUNK):
            yield piece

    # The response closes what it has taken over, also when nobody reads it to its end.
    response = StreamingHttpResponse(pieces(), content_type=content_type)
    response._resource_closers.append(file.close)  # type: ignore[attr-defined]
    response["Content-Length"] = str(os.fstat(file.fileno()).st_size)
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name) or ""
    return response
