"""git over HTTP: git's own `http-backend` behind our authentication."""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
import re
import secrets
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt

from shipline.coordinator import access, tokens
from shipline.coordinator.models import Project
from shipline.coordinator.repositories import git_environment
from shipline.coordinator.services import in_database, services

if TYPE_CHECKING:
    from django.contrib.auth.models import User

SERVICES = ("git-upload-pack", "git-receive-pack")
CHUNK = 1 << 16
HEADER_LIMIT = 1 << 16
JOB_USER = "gitlab-ci-token"
HOOKS = Path(__file__).parent.parent / "git_hooks"
_PATH = re.compile(r"(?P<project>.+)\.git/(?P<rest>info/refs|git-upload-pack|git-receive-pack)")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: a user, or a job (of `job_project`), or nobody; `wrong`: somebody with a token that is not
    valid. `scopes` are those of the user's token."""

    user: User | None = None
    job_project: int | None = None
    wrong: bool = False
    scopes: frozenset[str] = frozenset()

    @property
    def known(self) -> bool:
        return self.user is not None or self.job_project is not None


@csrf_exempt
async def git(request: HttpRequest, path: str) -> HttpResponseBase:
    """Anonymous calls get 401 for whatever is not public, there or not; known ones 404 for what they may not
    see and 403 for what they may not write."""
    match = _PATH.fullmatch(path)
    service = (
        request.GET.get("service", "")
        if match and match["rest"] == "info/refs"
        else (match or {"rest": ""})["rest"]
    )
    if match is None or service not in SERVICES:
        return HttpResponse("not found\n", status=404, content_type="text/plain")
    caller = await in_database(_caller, request.headers.get("Authorization", ""))
    project, level = await in_database(_look_up, match["project"], caller)
    write = service == "git-receive-pack"
    if caller.user is not None and not caller.scopes & (tokens.GIT_WRITE if write else tokens.GIT_READ):
        return HttpResponse(
            "The access token has not the scope that this needs: "
            f"{'write_repository' if write else 'read_repository'}.\n",
            status=403,
            content_type="text/plain",
        )
    if caller.wrong or project is None or (write and level < access.PUSH):
        return _refused(caller, project is not None)
    environment = _environment(request, project, match["rest"], caller)
    token = ""
    if write:
        token = secrets.token_urlsafe(24)
        services().pushes[token] = (project.pk, caller.user.pk if caller.user else 0)
    try:
        return await _backend(request, environment, token)
    except BaseException:
        services().pushes.pop(token, None)
        raise


def _refused(caller: Caller, visible: bool) -> HttpResponse:
    if not caller.known:
        response = HttpResponse("HTTP Basic: Access denied\n", status=401, content_type="text/plain")
        response["WWW-Authenticate"] = 'Basic realm="shipline"'
        return response
    if visible:
        return HttpResponse(
            "You are not allowed to push code to this project.\n", status=403, content_type="text/plain"
        )
    text = "The project you were looking for could not be found or you don't have permission to view it.\n"
    return HttpResponse(text, status=404, content_type="text/plain")


def _caller(authorization: str) -> Caller:
    username, password = basic_credentials(authorization)
    if username == JOB_USER:
        job = tokens.job_of(password)
        return Caller(job_project=job.project_id if job else None, wrong=job is None)
    token = tokens.access_token_of(password)
    if token is None:
        return Caller(wrong=bool(authorization))
    return Caller(user=token.user, scopes=frozenset(token.scopes))


def basic_credentials(authorization: str) -> tuple[str, str]:
    """User name and password of an Authorization header; empty when it is not of that kind."""
    kind, _, value = authorization.partition(" ")
    if kind.lower() != "basic":
        return "", ""
    try:
        username, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return "", ""
    return username, password


def _look_up(path: str, caller: Caller) -> tuple[Project | None, int]:
    """The project as far as the caller may see it, and the caller's level in it."""
    project = Project.objects.filter(path_with_namespace=path).first()
    if project is None:
        return None, access.NONE
    if caller.job_project is not None:
        return (project, access.REPORTER) if caller.job_project == project.pk else (None, access.NONE)
    level = access.level(caller.user, project)
    return (project, level) if access.may_read(caller.user, project) else (None, level)


def _environment(request: HttpRequest, project: Project, rest: str, caller: Caller) -> dict[str, str]:
    repository = services().repositories.path(project.pk)
    environment = git_environment() | {
        "GIT_PROJECT_ROOT": str(repository.parent),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": f"/{repository.name}/{rest}",
        "REQUEST_METHOD": request.method or "GET",
        "QUERY_STRING": request.META.get("QUERY_STRING", ""),
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "REMOTE_USER": caller.user.username if caller.user else JOB_USER,
        "REMOTE_ADDR": "127.0.0.1",
    }
    for header, name in (
        ("Content-Length", "CONTENT_LENGTH"),
        ("Content-Encoding", "HTTP_CONTENT_ENCODING"),
        ("Git-Protocol", "GIT_PROTOCOL"),
    ):
        if value := request.headers.get(header):
            environment[name] = value
    return environment


async def _backend(request: HttpRequest, environment: dict[str, str], token: str) -> HttpResponseBase:
    if token:
        config = services().config.coordinator
        environment |= {
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_1": "core.hooksPath",
            "GIT_CONFIG_VALUE_1": str(HOOKS),
            "SHIPLINE_HOOK_ADDRESS": f"127.0.0.1:{config.port}",
            "SHIPLINE_HOOK_TOKEN": token,
            "SHIPLINE_PYTHON": sys.executable,
        }
    process = await asyncio.create_subprocess_exec(
        "git",
        "http-backend",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment,
        limit=HEADER_LIMIT,
    )
    feeding = asyncio.create_task(_feed(request, process))
    try:
        status, headers = await _headers(process)
    except BaseException:
        # The caller has gone before git has said anything.
        feeding.cancel()
        if process.returncode is None:
            process.kill()
        raise
    response = StreamingHttpResponse(_body(process, feeding, token), status=status)
    for name, value in headers.items():
        response[name] = value
    return response


async def _feed(request: HttpRequest, process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None
    try:
        while piece := await asyncio.to_thread(request.read, CHUNK):
            process.stdin.write(piece)
            await process.stdin.drain()
    except (BrokenPipeError, ConnectionResetError):
        pass
    finally:
        process.stdin.close()


async def _headers(process: asyncio.subprocess.Process) -> tuple[int, dict[str, str]]:
    """CGI headers; `Status` is the HTTP status."""
    assert process.stdout is not None
    headers: dict[str, str] = {}
    while line := (await process.stdout.readline()).strip():
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip()] = value.strip()
    status = int(headers.pop("Status", "200").split()[0]) if headers else 500
    return status, headers


async def _body(
    process: asyncio.subprocess.Process, feeding: asyncio.Task[None], token: str
) -> AsyncIterator[bytes]:
    assert process.stdout is not None
    try:
        while piece := await process.stdout.read(CHUNK):
            yield piece
        await process.wait()
    finally:
        feeding.cancel()
        services().pushes.pop(token, None)
        if process.returncode is None:
            process.kill()
            await process.wait()


def quarantine(environment: dict[str, object]) -> dict[str, str]:
    """Of a hook's environment only where the objects of an unaccepted push lie."""
    names = ("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH")
    return {name: os.fspath(str(environment[name])) for name in names if environment.get(name)}
