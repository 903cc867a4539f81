"""What the helper container does for a job besides git: wait for services, pack, send and fetch artifacts.

Standard library only. It is put into the helper container when a job begins. What is secret comes by the
environment: SHIPLINE_JOB_TOKEN. Sub-commands:

    wait SECONDS HOST:PORT,HOST:PORT ...    each argument is one service, of whose ports one must answer
    upload JSON                             see `upload`
    download JSON                           see `download`
"""

import fnmatch
import gzip
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import uuid
import zipfile

FILE_LIMIT = 100_000
UNPACKED_LIMIT = 10 * 1024 * 1024 * 1024
TRIES = 3
CHUNK = 1 << 20


def main():
    command, *arguments = sys.argv[1:]
    sys.exit({"wait": wait, "upload": upload, "download": download}[command](*arguments))


def wait(seconds, *services):
    """Exit code 0 when each service answers on a port; else 1, naming those that do not on stdout."""
    deadline = time.monotonic() + float(seconds)
    waiting = list(services)
    while waiting and time.monotonic() < deadline:
        waiting = [one for one in waiting if not any(answers(at) for at in one.split(","))]
        if waiting:
            time.sleep(0.05)
    for one in waiting:
        print(one.split(",")[0].rpartition(":")[0])
    return 1 if waiting else 0


def answers(address):
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), 1):
            return True
    except OSError:
        return False


def translate(pattern, deep=True):
    """A doublestar glob as a regular expression over paths from the project's folder. `deep`: a folder that
    matches stands for all that is in it."""
    made, position = "", 0
    while position < len(pattern):
        if pattern.startswith("**/", position):
            made, position = made + "(?:.*/)?", position + 3
        elif pattern.startswith("**", position):
            made, position = made + ".*", position + 2
        elif pattern[position] == "*":
            made, position = made + "[^/]*", position + 1
        elif pattern[position] == "?":
            made, position = made + "[^/]", position + 1
        elif pattern[position] == "[" and "]" in pattern[position:]:
            end = pattern.index("]", position)
            made, position = made + fnmatch.translate(pattern[position : end + 1])[4:-3], end + 1
        else:
            made, position = made + re.escape(pattern[position]), position + 1
    return re.compile(made.rstrip("/") + (r"(?:/.*)?" if deep else ""))


def clean(pattern, root):
    """The pattern from the project's folder, or None when it leads out of it."""
    pattern = pattern[len(root) + 1 :] if (pattern + "/").startswith(root + "/") else pattern
    pattern = os.path.normpath(pattern)
    if pattern == ".." or pattern.startswith(("/", "../")):
        return None
    return "**" if pattern == "." else pattern


def select(root, paths, exclude, untracked):
    """Files of the project's folder that the job keeps, sorted; symbolic links are kept, not followed."""
    found = set()
    wanted = []
    for path in paths:
        pattern = clean(path, root)
        if pattern is None:
            print(f"WARNING: {path}: path is not a subpath of project directory: {root}")
            continue
        wanted.append((path, translate(pattern)))
    # A variable that is not set leaves an empty pattern: it excludes nothing. Here folders stand for themselves.
    kept_out = [clean(path, root) for path in exclude if path]
    unwanted = [translate(pattern, deep=False) for pattern in kept_out if pattern]
    matched = {path: 0 for path, _ in wanted}
    for folder, folders, files in os.walk(root):
        if folder == root and ".git" in folders:
            folders.remove(".git")
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        for name in files + links:
            relative = os.path.relpath(os.path.join(folder, name), root)
            for path, pattern in wanted:
                if pattern.fullmatch(relative):
                    matched[path] += 1
                    found.add(relative)
    for path, count in matched.items():
        print(
            f"{path}: found {count} matching artifact files and directories"
            if count
            else f"WARNING: {path}: no matching files. Ensure that the artifact path is relative to the working directory ({root})"
        )
    if untracked:
        listed = subprocess.run(
            ["git", "-C", root, "-c", "safe.directory=*", "ls-files", "-o", "-z"],
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
        extra = {one.decode(errors="surrogateescape") for one in listed.split(b"\0") if one}
        print(f"untracked: found {len(extra)} files")
        found |= extra
    kept = sorted(one for one in found if not any(pattern.fullmatch(one) for pattern in unwanted))
    for one in kept:
        if not is_text(one):
            print(f"WARNING: {one!a}: left out, an archive cannot hold a name that is not UTF-8")
    return [one for one in kept if is_text(one)][:FILE_LIMIT]


def is_text(name):
    try:
        return bool(name.encode())
    except UnicodeEncodeError:
        return False


def upload(text):
    """JSON: url, root, name, type, format, paths, exclude, untracked, expire_in."""
    asked = json.loads(text)
    files = select(asked["root"], asked["paths"], asked["exclude"], asked["untracked"])
    if asked["format"] != "zip":
        # Only an archive can hold a link; what it points to is not the job's.
        files = [name for name in files if is_plain(os.path.join(asked["root"], name))]
    if not files:
        print("ERROR: No files to upload")
        return 0
    name = asked["name"] or ("artifacts" if asked["type"] == "archive" else asked["type"])
    with tempfile.TemporaryFile() as packed:
        if asked["format"] == "zip":
            pack_zip(packed, asked["root"], files)
            name = name if name.endswith(".zip") else name + ".zip"
        elif asked["format"] == "gzip":
            pack_gzip(packed, asked["root"], files)
            name += ".gz"
        else:
            with open(os.path.join(asked["root"], files[0]), "rb") as file:
                packed.write(file.read())
        query = {"artifact_format": asked["format"], "artifact_type": asked["type"]}
        if asked["expire_in"]:
            query["expire_in"] = asked["expire_in"]
        url = asked["url"] + "?" + urllib.parse.urlencode(query)
        status = send(url, packed, os.path.basename(name))
    said = f'Uploading artifacts as "{asked["type"]}" to coordinator...'
    print(f"{said} {status} {http.client.responses.get(status, '')}")
    return 0 if status == 201 else 1


def is_plain(path):
    return os.path.isfile(path) and not os.path.islink(path)


def pack_zip(target, root, files):
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
        for name in files:
            path = os.path.join(root, name)
            if os.path.islink(path):
                info = zipfile.ZipInfo(name)
                info.external_attr = 0o120777 << 16
                archive.writestr(info, os.fsencode(os.readlink(path)))
            elif os.path.isfile(path):
                archive.write(path, name)


def pack_gzip(target, root, files):
    for name in files:
        with (
            open(os.path.join(root, name), "rb") as file,
            gzip.GzipFile(os.path.basename(name), "wb", fileobj=target) as member,
        ):
            while piece := file.read(CHUNK):
                member.write(piece)


def connect(url):
    parts = urllib.parse.urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.netloc, timeout=600), parts.path + (f"?{parts.query}" if parts.query else "")


def send(url, file, name):
    boundary = uuid.uuid4().hex
    # As browsers do: what would end the header's word or line.
    name = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    tail = f"\r\n--{boundary}--\r\n".encode()
    size = file.seek(0, os.SEEK_END)
    headers = {
        "JOB-TOKEN": os.environ["SHIPLINE_JOB_TOKEN"],
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Content-Length": str(len(head) + size + len(tail)),
    }

    def body():
        file.seek(0)
        yield head
        while piece := file.read(CHUNK):
            yield piece
        yield tail

    status = 0
    for attempt in range(TRIES):
        connection, path = connect(url)
        try:
            connection.request("POST", path, body=body(), headers=headers)
            status = connection.getresponse().status
            if status < 500:
                return status
        except OSError as error:
            print(f"WARNING: uploading failed: {error}")
        finally:
            connection.close()
        time.sleep(0.5 * 2**attempt)
    return status


def download(text):
    """JSON: root, dependencies: a list of {url, id, name}."""
    asked = json.loads(text)
    for one in asked["dependencies"]:
        with tempfile.TemporaryFile() as file:
            status = fetch(one["url"], file)
            said = f"Downloading artifacts from coordinator... {'ok' if status == 200 else 'failed'}"
            print(f"Downloading artifacts for {one['name']} ({one['id']})...\n{said} (status {status})")
            if status != 200:
                return 1
            unpack(file, asked["root"])
    return 0


def fetch(url, file):
    status = 0
    for attempt in range(TRIES):
        connection, path = connect(url)
        try:
            connection.request("GET", path, headers={"JOB-TOKEN": os.environ["SHIPLINE_JOB_TOKEN"]})
            answer = connection.getresponse()
            status = answer.status
            if status == 200:
                file.seek(0)
                file.truncate()
                while piece := answer.read(CHUNK):
                    file.write(piece)
                return 200
            if status < 500:
                return status
        except OSError as error:
            print(f"WARNING: downloading failed: {error}")
        finally:
            connection.close()
        time.sleep(0.5 * 2**attempt)
    return status


def unpack(file, root, file_limit=FILE_LIMIT, size_limit=UNPACKED_LIMIT):
    """Only into the project's folder, through no link, and no more than the limits."""
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if len(members) > file_limit or sum(one.file_size for one in members) > size_limit:
            raise SystemExit("ERROR: the artifacts are too large when unpacked")
        real = os.path.realpath(root)
        for one in members:
            target = os.path.join(root, one.filename)
            inside = os.path.realpath(os.path.dirname(target))
            out = one.filename.startswith("/") or os.path.basename(target) in (".", "..")
            if out or not (inside + "/").startswith(real + "/"):
                raise SystemExit(f"ERROR: {one.filename!r} leads out of the project's folder")
            mode = one.external_attr >> 16
            if one.is_dir():
                os.makedirs(target, exist_ok=True)
                continue
            os.makedirs(os.path.dirname(target), exist_ok=True)
            if os.path.islink(target) or os.path.exists(target):
                os.remove(target)
            if mode & 0o170000 == 0o120000:
                os.symlink(os.fsdecode(archive.read(one)), target)
                continue
            with archive.open(one) as source, open(target, "wb") as made:
                while piece := source.read(CHUNK):
                    made.write(piece)
            os.chmod(target, (mode & 0o777) or 0o666)


if __name__ == "__main__":
    main()
