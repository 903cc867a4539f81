"""Files of the project's folder into one: a zip archive or one stream of gzip."""

import gzip
import os
import stat
import struct
import time
import zipfile

CHUNK = 1 << 20
# As in gitlab-runner's ARTIFACT_COMPRESSION_LEVEL and CACHE_COMPRESSION_LEVEL.
LEVELS = {"fastest": 0, "fast": 1, "default": 6, "slow": 7, "slowest": 9}
# Info-ZIP's "extended timestamp": a flag for "modified", and seconds since 1970.
TIMESTAMP = 0x5455
EXTRA_TIMES = range(1 << 31)


def pack_zip(target, root, files, level="default"):
    """Links are packed as links, folders as folders; what is neither, nor a file, is left out."""
    grade = LEVELS.get(level, LEVELS["default"])
    kind = zipfile.ZIP_DEFLATED if grade else zipfile.ZIP_STORED
    with zipfile.ZipFile(target, "w", kind, compresslevel=grade or None) as archive:
        for name in files:
            path = os.path.join(root, name)
            try:
                status = os.lstat(path)
            except OSError:
                continue
            if stat.S_ISLNK(status.st_mode):
                info = _info(name, status)
                archive.writestr(info, os.fsencode(os.readlink(path)))
            elif stat.S_ISREG(status.st_mode):
                info = _info(name, status)
                info.compress_type = kind
                info._compresslevel = grade or None
                with open(path, "rb") as file, archive.open(info, "w") as member:
                    while piece := file.read(CHUNK):
                        member.write(piece)
            elif stat.S_ISDIR(status.st_mode):
                info = _info(name + "/", status)
                info.external_attr |= 0x10
                archive.writestr(info, b"")


def _info(name, status):
    # Of what a zip archive can say; the exact time is in the extra field.
    shown = time.localtime(min(max(status.st_mtime, 0), EXTRA_TIMES.stop - 1))[:6]
    info = zipfile.ZipInfo(name, max(shown, (1980, 1, 1, 0, 0, 0)))
    info.external_attr = (status.st_mode & 0xFFFF) << 16
    # So that a file may be larger than 2 GiB.
    info.file_size = status.st_size
    if int(status.st_mtime) in EXTRA_TIMES:
        info.extra = struct.pack("<HHBl", TIMESTAMP, 5, 1, int(status.st_mtime))
    return info


def pack_gzip(target, root, files):
    for name in files:
        with (
            open(os.path.join(root, name), "rb") as file,
            gzip.GzipFile(os.path.basename(name), "wb", fileobj=target) as member,
        ):
            while piece := file.read(CHUNK):
                member.write(piece)


def pack_raw(target, root, files):
    with open(os.path.join(root, files[0]), "rb") as file:
        while piece := file.read(CHUNK):
            target.write(piece)
