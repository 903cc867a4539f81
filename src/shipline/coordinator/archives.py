"""One file out of a job's artifacts archive. Archives come from jobs: nothing in them is believed."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

from shipline.errors import ShiplineError

# As GitLab: a child pipeline's configuration is not looked for in larger archives.
ARCHIVE_LIMIT = 5 * 1024 * 1024
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class ArchiveError(ShiplineError):
    code = "archive"


def read_member(archive: Path, name: str, limit: int) -> bytes | None:
    """The file called `name`, None when it is not there. `limit` (bytes) is held to what is unpacked, whatever
    the archive says of its sizes. Raises ArchiveError."""
    try:
        if archive.stat().st_size > ARCHIVE_LIMIT:
            raise ArchiveError(
                f"the archive is larger than {ARCHIVE_LIMIT // 1024 // 1024} MiB: let a job of its own make the file"
            )
        with zipfile.ZipFile(archive) as opened:
            try:
                member = opened.getinfo(name)
            except KeyError:
                return None
            if member.flag_bits & 1 or member.compress_type not in _METHODS:
                raise ArchiveError(f"{name} is packed in a way that is not read here")
            with opened.open(member) as file:
                content = file.read(limit + 1)
    except FileNotFoundError as error:
        raise ArchiveError("the archive is not there any more: run the job again") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError) as error:
        raise ArchiveError("the archive is damaged: run the job again") from error
    if len(content) > limit:
        raise ArchiveError(f"{name} is larger than {limit // 1024} KiB")
    return content
