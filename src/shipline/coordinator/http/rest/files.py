"""The repository's tree and files: read, and changed one at a time."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    JsonResponse,
    StreamingHttpResponse,
)
from ninja import Query, Router, Schema
from ninja.errors import HttpError

from shipline.coordinator import browsing
from shipline.coordinator.access import Ability
from shipline.coordinator.browsing import Entry
from shipline.coordinator.committing import Wanted
from shipline.coordinator.http import streams
from shipline.coordinator.http.rest.callers import AnybodyReads
from shipline.coordinator.http.rest.commits import (
    Branch,
    Encoding,
    Message,
    Text,
    committed,
    content_of,
    resolve,
)
from shipline.coordinator.http.rest.lookup import find_project, page_of
from shipline.coordinator.models import Project
from shipline.coordinator.services import in_database
from shipline.coordinator.tree_changes import Action, Kind

router = Router(auth=AnybodyReads())
# What is answered in base64 is held in memory.
ENCODED_LIMIT = 10 * 1024 * 1024


FILE_PATH = "/projects/{project_id}/repository/files/{path:file_path}"


class TreeFilter(Schema):
    path: str = ""
    ref: str = ""
    recursive: bool = False
    page: int = 1
    per_page: int = 20


@router.get("/projects/{project_id}/repository/tree")
def list_tree(
    request: HttpRequest, response: HttpResponse, project_id: str, asked: Query[TreeFilter]
) -> list[dict[str, Any]]:
    project = find_project(request, project_id, Ability.READ_CODE)
    try:
        sha = resolve(project, asked.ref or project.default_branch)
    except Http404 as error:
        raise Http404("Tree") from error
    path = asked.path.replace("\0", "")
    found = browsing.tree(project.pk, sha, path, recursive=asked.recursive)
    if found is None:
        raise Http404("invalid revision or path Tree")
    # As GitLab: folders, then files.
    found.sort(key=lambda one: (one.kind != "tree", one.path))
    return [
        {"id": one.id, "name": one.name, "type": one.kind, "path": one.path, "mode": one.mode}
        for one in page_of(request, found, response, asked.page, asked.per_page)
    ]


def _last_segments(request: HttpRequest) -> list[str]:
    """What stands behind `/files/`, as it was sent: a file's path is one segment, and `raw` another."""
    sent: str = request.scope["raw_path"].decode("latin-1")  # type: ignore[attr-defined]
    return [unquote(part) for part in sent.partition("/repository/files/")[2].split("/")]


@router.api_operation(["GET", "HEAD"], FILE_PATH, openapi_extra=streams.FILE)
def get_file(request: HttpRequest, project_id: str, file_path: str, ref: str = "HEAD") -> HttpResponseBase:
    """The file in base64; with `/raw` behind its path as it is."""
    project = find_project(request, project_id, Ability.READ_CODE)
    sha = resolve(project, project.default_branch if ref == "HEAD" else ref)
    *parts, last = _last_segments(request)
    raw = last == "raw" and bool(parts)
    path = "/".join(parts if raw else [*parts, last]).replace("\0", "")
    found = browsing.entry(project.pk, sha, path)
    if found is None or found.kind != "blob":
        raise Http404("File")
    size = browsing.size_of(project.pk, found.id) or 0
    response = _blob(project, found.id, size) if raw else _encoded(request, project, found, size, ref, sha)
    last_commit = browsing.commits(project.pk, sha, browsing.Wanted(path=path), count=1)
    for name, value in {
        "Blob-Id": found.id,
        "Commit-Id": sha,
        "File-Name": found.name,
        "File-Path": found.path,
        "Last-Commit-Id": last_commit[0].sha if last_commit else sha,
        "Ref": ref,
        "Size": str(size),
        "Encoding": "base64",
        "Execute-Filemode": "true" if found.mode == "100755" else "false",
    }.items():
        # A header holds no lines, and no letters but ASCII's.
        response[f"X-Gitlab-{name}"] = value.encode("ascii", "backslashreplace").decode().replace("\n", "\\n")
    return response


class FileChange(Schema):
    """What every change of one file says of its commit."""

    branch: Branch
    commit_message: Message
    start_branch: Text | None = None
    author_name: Text | None = None
    author_email: Text | None = None
    last_commit_id: Text = ""

    def wanted(self, action: Action) -> Wanted:
        return Wanted(
            self.branch,
            self.commit_message,
            [action],
            self.start_branch or "",
            author_name=self.author_name or "",
            author_email=self.author_email or "",
        )


class RemovedFile(Schema):
    branch: Text | None = None
    commit_message: Message | None = None
    start_branch: Text | None = None
    author_name: Text | None = None
    author_email: Text | None = None
    last_commit_id: Text | None = None


class FileContent(FileChange):
    content: str
    encoding: Encoding = "text"
    execute_filemode: bool | None = None


@router.post(FILE_PATH, response={201: dict[str, Any]})
def new_file(
    request: HttpRequest, project_id: str, file_path: str, body: FileContent
) -> tuple[int, dict[str, Any]]:
    """A commit with this one file, which is a push: the same rules, and a pipeline."""
    return 201, _write(request, project_id, "create", body)


@router.put(FILE_PATH)
def change_file(request: HttpRequest, project_id: str, file_path: str, body: FileContent) -> dict[str, Any]:
    return _write(request, project_id, "update", body)


def _write(request: HttpRequest, project_id: str, kind: Kind, body: FileContent) -> dict[str, Any]:
    project = find_project(request, project_id, Ability.PUSH_CODE)
    content, path = content_of(body.content, body.encoding), "/".join(_last_segments(request))
    action = Action(kind, path, "", content, body.last_commit_id, body.execute_filemode)
    committed(request, project, body.wanted(action))
    return {"file_path": path, "branch": body.branch}


@router.delete(FILE_PATH, response={204: None})
def remove_file(
    request: HttpRequest,
    project_id: str,
    file_path: str,
    asked: Query[RemovedFile],
    body: RemovedFile | None = None,
) -> tuple[int, None]:
    """What is to be said of the commit may stand in the address or in a body."""
    project = find_project(request, project_id, Ability.PUSH_CODE)
    given = asked.dict(exclude_none=True) | (body.dict(exclude_none=True) if body is not None else {})
    for name in ("branch", "commit_message"):
        if not given.get(name):
            raise HttpError(400, f"{name} is missing")
    change = FileChange(**given)
    action = Action("delete", "/".join(_last_segments(request)), last_commit_id=change.last_commit_id)
    committed(request, project, change.wanted(action))
    return 204, None


def _encoded(
    request: HttpRequest, project: Project, found: Entry, size: int, ref: str, sha: str
) -> HttpResponseBase:
    if request.method == "HEAD":
        return HttpResponse(content_type="application/json")
    if size > ENCODED_LIMIT:
        raise HttpError(413, "413 Request Entity Too Large - ask for the raw file")
    content = b"".join(browsing.blob(project.pk, found.id))
    last_commit = browsing.commits(project.pk, sha, browsing.Wanted(path=found.path), count=1)
    shown = {
        "file_name": found.name,
        "file_path": found.path,
        "size": size,
        "encoding": "base64",
        "content": base64.b64encode(content).decode(),
        "content_sha256": hashlib.sha256(content).hexdigest(),
        "ref": ref,
        "blob_id": found.id,
        "commit_id": sha,
        "last_commit_id": last_commit[0].sha if last_commit else sha,
        "execute_filemode": found.mode == "100755",
    }
    return JsonResponse(shown)


def _blob(project: Project, object_id: str, size: int) -> HttpResponseBase:
    pieces = browsing.blob(project.pk, object_id)
    first = next(pieces, b"")
    kind = "application/octet-stream" if b"\0" in first else "text/plain; charset=utf-8"
    response = StreamingHttpResponse(_rest(first, pieces), content_type=kind)
    response["Content-Length"] = str(size)
    return response


async def _rest(first: bytes, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    try:
        yield first
        while (piece := await in_database(next, pieces, b"")) != b"":
            yield piece
    finally:
        close = getattr(pieces, "close", None)
        # It may just be reading; then it ends with its process.
        with suppress(ValueError):
            if close is not None:
                close()


@router.get("/projects/{project_id}/repository/blobs/{object_id}")
def get_blob(request: HttpRequest, project_id: str, object_id: str) -> dict[str, Any]:
    project = find_project(request, project_id, Ability.READ_CODE)
    size = _size(project, object_id)
    if size > ENCODED_LIMIT:
        raise HttpError(413, "413 Request Entity Too Large - ask for the raw blob")
    content = base64.b64encode(b"".join(browsing.blob(project.pk, object_id))).decode()
    return {"size": size, "encoding": "base64", "content": content, "sha": object_id}


@router.get("/projects/{project_id}/repository/blobs/{object_id}/raw", openapi_extra=streams.FILE)
def get_raw_blob(request: HttpRequest, project_id: str, object_id: str) -> HttpResponseBase:
    project = find_project(request, project_id, Ability.READ_CODE)
    return _blob(project, object_id, _size(project, object_id))


def _size(project: Project, object_id: str) -> int:
    is_hexadecimal = len(object_id) in (40, 64) and all(digit in "0123456789abcdef" for digit in object_id)
    size = browsing.size_of(project.pk, object_id) if is_hexadecimal else None
    if size is None:
        raise Http404("Blob")
    return size
