"""Artifacts to and from the coordinator."""

import http.client
import os
import tempfile
import urllib.parse
import uuid

from shipline_helper import packing, transfer
from shipline_helper.selection import is_plain, select
from shipline_helper.unpacking import unpack


def upload(asked):
    """url, token, root, tls, level, entries: a list of {name, type, format, paths, exclude, untracked,
    expire_in}. 1 when one could not be sent; nothing to send is no failure."""
    return max([upload_one(asked, entry) for entry in asked["entries"]], default=0)


def upload_one(asked, entry):
    root = asked["root"]
    files = select(root, entry["paths"], entry["exclude"], entry["untracked"])
    if entry["format"] != "zip":
        # Only an archive can hold a link; what it points to is not the job's.
        files = [name for name in files if is_plain(os.path.join(root, name))]
    if not files:
        print("ERROR: No files to upload")
        return 0
    if entry["format"] == "raw" and len(files) > 1:
        print(f"WARNING: {len(files)} files match where one can be sent; sending {files[0]}")
    with tempfile.TemporaryFile() as packed:
        if entry["format"] == "zip":
            packing.pack_zip(packed, root, files, asked.get("level", ""))
        elif entry["format"] == "gzip":
            packing.pack_gzip(packed, root, files)
        else:
            packing.pack_raw(packed, root, files)
        return sent(asked, entry, packed)


def sent(asked, entry, packed):
    query = {"artifact_format": entry["format"], "artifact_type": entry["type"]}
    if entry["expire_in"]:
        query["expire_in"] = entry["expire_in"]
    url = asked["url"] + "?" + urllib.parse.urlencode(query)
    boundary = uuid.uuid4().hex
    # As browsers do: what would end the header's word or line.
    name = file_name(entry).replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    tail = f"\r\n--{boundary}--\r\n".encode()
    headers = {
        "JOB-TOKEN": asked["token"],
        "Content-Type": f"multipart/form-data; boundary={boundary}",
    }

    def pieces():
        yield head
        yield from transfer.file_pieces(packed)
        yield tail

    length = len(head) + packed.seek(0, os.SEEK_END) + len(tail)
    status = transfer.send("POST", url, headers, pieces, length, asked.get("tls"), **pause(asked))
    said = f'Uploading artifacts as "{entry["type"]}" to coordinator...'
    print(f"{said} {status} {http.client.responses.get(status, '')}".rstrip())
    if status == 201:
        return 0
    print(f"ERROR: {why_not(status)}")
    return 1


def why_not(status):
    if status == 413:
        return "the artifacts are larger than the coordinator takes"
    if status in (401, 403):
        return "the coordinator does not take artifacts of this job any more"
    return "the artifacts could not be uploaded"


def file_name(entry):
    name = os.path.basename(entry["name"])
    name = name or ("artifacts" if entry["type"] == "archive" else entry["type"])
    if entry["format"] == "zip":
        return name if name.endswith(".zip") else name + ".zip"
    return name + ".gz" if entry["format"] == "gzip" else name


def pause(asked):
    return {"pause": asked["pause"]} if "pause" in asked else {}


def download(asked):
    """root, tls, dependencies: a list of {url, token, id, name}. 1 when one cannot be had."""
    for one in asked["dependencies"]:
        print(f"Downloading artifacts for {one['name']} ({one['id']})...")
        with tempfile.TemporaryFile() as file:
            try:
                status = transfer.fetch(
                    one["url"],
                    file,
                    {"JOB-TOKEN": one["token"]},
                    asked.get("tls"),
                    direct=True,
                    **pause(asked),
                )
            except transfer.TooLarge as error:
                print(f"ERROR: Downloading artifacts from coordinator... {error}")
                return 1
            said = f"Downloading artifacts from coordinator... {'ok' if status == 200 else 'failed'}"
            print(f"{said} (status {status})")
            if status != 200:
                return 1
            unpack(file, asked["root"])
    return 0
