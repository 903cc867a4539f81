"""Caches: archives that stay on the machine, and may also be kept in an object store."""

import os
import tempfile
import time
from email.utils import formatdate

from shipline_helper import packing, transfer
from shipline_helper.selection import select
from shipline_helper.unpacking import unpack


def cache_extract(asked):
    """root, caches: a list of lists of candidates {key, file, url}. Of each list the first that is there is
    unpacked. `url` empty: only the file on this machine counts. What cannot be had is no failure."""
    for candidates in asked["caches"]:
        for one in candidates:
            print(f"Checking cache for {one['key']}...")
            try:
                if had(one, asked):
                    unpack_cache(one, asked["root"])
                    print("Successfully extracted cache")
                    break
            except SystemExit as error:
                print(f"WARNING: {error}")
            except OSError as error:
                print(f"WARNING: {error}")
            print("Failed to extract cache")
    return 0


def unpack_cache(one, root):
    with open(one["file"], "rb") as file:
        unpack(file, root)


def had(one, asked):
    """Whether the archive is on this machine, after a look into the store."""
    path = one["file"]
    there = os.path.isfile(path)
    if not one["url"]:
        if not there:
            print(
                "No URL provided, cache will not be downloaded from shared cache server. Instead a local version of cache will be extracted."
            )
            print("WARNING: Cache file does not exist")
        return there
    headers = {"If-Modified-Since": formatdate(os.path.getmtime(path), usegmt=True)} if there else {}
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=os.path.dirname(path), delete=False) as file:
        try:
            status = fetched(one, file, headers, asked)
            if status == 200:
                os.replace(file.name, path)
                print(f"Downloading cache from {transfer.host(one['url'])}")
                return True
        finally:
            if os.path.exists(file.name):
                os.remove(file.name)
    if status == 304:
        print(f"{os.path.basename(path)} is up to date")
        return True
    if status in (403, 404):
        print("WARNING: file does not exist")
        return False
    print(f"WARNING: Retrying... the cache could not be downloaded (status {status})")
    return False


def fetched(one, file, headers, asked):
    try:
        return transfer.fetch(
            one["url"], file, headers, limit=asked.get("limit") or transfer.DOWNLOAD_LIMIT, **pause(asked)
        )
    except transfer.TooLarge as error:
        print(f"WARNING: the cache is {error}")
        return 0


def cache_archive(asked):
    """root, level, limit (bytes, 0: none), caches: a list of {key, file, url, headers, paths, untracked}. A
    cache that cannot be kept is told and no failure."""
    for one in asked["caches"]:
        print(f"Creating cache {one['key']}...")
        try:
            print("Created cache" if keep(one, asked) else "Failed to create cache")
        except (OSError, SystemExit) as error:
            print(f"WARNING: {error}\nFailed to create cache")
    return 0


def keep(one, asked):
    path, root = one["file"], asked["root"]
    files = select(root, one["paths"], [], one["untracked"], "cache")
    if not files:
        print("WARNING: no files to keep")
        return False
    if up_to_date(path, root, files):
        print("Archive is up to date!")
        return True
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=os.path.dirname(path), delete=False) as packed:
        try:
            packing.pack_zip(packed, root, files, asked.get("level", ""))
            size = packed.seek(0, os.SEEK_END)
            if asked.get("limit") and size > asked["limit"]:
                print(
                    f"WARNING: Cache archive size ({size} bytes) exceeds the limit of {asked['limit']} bytes"
                )
                return False
            if one["url"] and not uploaded(one, packed, size, asked):
                return False
            if not one["url"]:
                print(
                    "No URL provided, cache will not be uploaded to shared cache server. Cache will be stored only locally."
                )
            os.replace(packed.name, path)
            os.chmod(path, 0o666)
            return True
        finally:
            if os.path.exists(packed.name):
                os.remove(packed.name)


def up_to_date(path, root, files):
    """No file is newer than the archive. What became fewer is not noticed; that is GitLab's way."""
    if not os.path.isfile(path):
        return False
    made = os.path.getmtime(path)
    return all(os.lstat(os.path.join(root, name)).st_mtime <= made for name in files)


def uploaded(one, packed, size, asked):
    print(f"Uploading cache to {transfer.host(one['url'])}")
    headers = {
        "Content-Type": "application/octet-stream",
        "Last-Modified": formatdate(time.time(), usegmt=True),
        **one.get("headers", {}),
    }

    def pieces():
        yield from transfer.file_pieces(packed)

    status = transfer.send("PUT", one["url"], headers, pieces, size, **pause(asked))
    if not 200 <= status < 300:
        print(f"WARNING: the cache could not be uploaded (status {status})")
        return False
    return True


def pause(asked):
    return {"pause": asked["pause"]} if "pause" in asked else {}
