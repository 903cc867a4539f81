"""A zip archive from somewhere into the project's folder: through no link, and no more than the limits."""

import os
import stat
import struct
import zipfile

from shipline_helper.packing import CHUNK, TIMESTAMP
from shipline_helper.selection import FILE_LIMIT

UNPACKED_LIMIT = 10 * 1024 * 1024 * 1024
LINK_LIMIT = 4096


def unpack(file, root, file_limit=FILE_LIMIT, size_limit=UNPACKED_LIMIT):
    """Raises SystemExit with a sentence when the archive is none, breaks a limit, or leads out of `root`."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            if len(members) > file_limit or sum(one.file_size for one in members) > size_limit:
                raise SystemExit("ERROR: the archive is too large when unpacked")
            Folder(root).take(archive, members)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, struct.error) as error:
        raise SystemExit(f"ERROR: the archive cannot be read: {error}") from error
    except zipfile.zlib.error as error:
        raise SystemExit(f"ERROR: the archive cannot be read: {error}") from error
    except (OSError, ValueError) as error:
        raise SystemExit(f"ERROR: the archive cannot be unpacked: {error}") from error


class Folder:
    def __init__(self, root):
        self.root, self.real = root, os.path.realpath(root)
        # Folders that are known to lie inside; a new link may change that.
        self.inside = set()

    def take(self, archive, members):
        for one in members:
            target = os.path.join(self.root, one.filename)
            self.check(one.filename, target)
            if one.is_dir():
                os.makedirs(target, exist_ok=True)
                continue
            os.makedirs(os.path.dirname(target), exist_ok=True)
            if os.path.islink(target) or os.path.isfile(target):
                os.remove(target)
            if stat.S_ISLNK(one.external_attr >> 16):
                self.link(archive, one, target)
            else:
                write(archive, one, target)

    def check(self, name, target):
        folder = os.path.dirname(target)
        out = name.startswith("/") or os.path.basename(target) in (".", "..")
        if not out and folder in self.inside:
            return
        if out or not (os.path.realpath(folder) + "/").startswith(self.real + "/"):
            raise SystemExit(f"ERROR: {name!r} leads out of the project's folder")
        self.inside.add(folder)

    def link(self, archive, one, target):
        if one.file_size > LINK_LIMIT:
            raise SystemExit(f"ERROR: {one.filename!r} is a link to a path that is too long")
        self.inside.clear()
        os.symlink(os.fsdecode(archive.read(one)), target)


def write(archive, one, target):
    # O_EXCL: whatever appears there meanwhile is not written through.
    made = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with archive.open(one) as source, os.fdopen(made, "wb") as file:
        while piece := source.read(CHUNK):
            file.write(piece)
    os.chmod(target, ((one.external_attr >> 16) & 0o777) or 0o666)
    changed = modified(one.extra)
    if changed is not None:
        os.utime(target, (changed, changed))


def modified(extra):
    """Seconds since 1970, if the archive tells them."""
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        if kind == TIMESTAMP and size >= 5 and len(extra) >= 9 and extra[4] & 1:
            return struct.unpack_from("<l", extra, 5)[0]
        extra = extra[4 + size :]
    return None
