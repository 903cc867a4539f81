"""The stage of the demo: a running system with a project, its variables, and an ECS service to deploy to.

Everything is done as a customer would: `shipline up`, REST v4, git, boto3. The scenarios in tests use it too.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shipline.config import DataFolder
from shipline.demo.aws import Aws, read_keys
from shipline.demo.git import WorkTree
from shipline.demo.gitlab import GitLab, Json
from shipline.engine.client import connect
from shipline.engine.images import Credentials
from shipline.errors import RemoteError
from shipline.host.images import build_image, ensure_images
from shipline.host.registry import publish

REGION = "us-east-1"
PORT = 8000
HEALTH_PATH = "/healthz"
IMAGES = ("python:3.11-slim", "postgres:15", "docker:dind", "backstreetacademy/docker-aws")
PIPELINE_SECONDS = 900.0
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class App:
    """What is shipped. `overlay` is a folder whose files are laid over those of `folder`. `test_image` is
    the name under which the pipeline asks for the test image; None: `test:1` in the project's registry."""

    folder: Path
    overlay: Path | None = None
    test_image: str | None = None
    project: str = "acme/guestbook"
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stage:
    status: Json
    data: DataFolder
    gitlab: GitLab
    project: Json
    work_tree: WorkTree
    aws: Aws

    async def push(self, message: str, say: Say) -> tuple[str, Json]:
        """Commit and push what the work tree holds; answers the sha and the pipeline that it made."""
        sha = await self.work_tree.commit(message)
        for line in (await self.work_tree.push()).splitlines():
            if line.startswith("remote:"):
                say(line)
        return sha, await self.gitlab.pipeline_of(self.project["id"], sha)

    async def follow(self, pipeline: Json, say: Callable[[Json], None]) -> tuple[Json, list[Json]]:
        return await self.gitlab.follow(self.project["id"], pipeline["id"], say, PIPELINE_SECONDS)

    async def services(self) -> list[Json]:
        """As `shipline status --format json` tells them."""
        words = (sys.executable, "-m", "shipline", "status", "--format", "json")
        process = await asyncio.create_subprocess_exec(
            *words, "--data", str(self.data.root), stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
        return list(json.loads(output)["services"])

    async def service_url(self) -> str:
        """Where the app answers."""
        for service in await self.services():
            if service.get("name") == "ServiceName" and service.get("url"):
                return str(service["url"])
        raise RemoteError("`shipline status` knows no URL of ServiceName.")


@dataclass
class Up:
    """`shipline up` as a child process, and what it said once it was up."""

    status: Json
    process: subprocess.Popen[bytes]
    stays: bool = False

    def stay(self) -> None:
        """Let it go on without us."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"stay\n")
        self.process.stdin.flush()
        self.stays = True


@asynccontextmanager
async def up(data: DataFolder, aliases: Sequence[str] = ()) -> AsyncIterator[Up]:
    """Start it; it ends with the body, or when we die, unless it was told to stay."""
    words = [sys.executable, "-m", "shipline", "up", "--format", "json", "--until-stdin-closes"]
    words += ["--data", str(data.root)]
    words += [word for alias in aliases for word in ("--registry-alias", alias)]
    process = _start(words)
    assert process.stdin is not None
    assert process.stdout is not None
    started = None
    try:
        line = await asyncio.to_thread(process.stdout.readline)
        if not line:
            raise RemoteError("`shipline up` did not come up; its output above says why.")
        started = Up(json.loads(line), process)
        yield started
    finally:
        process.stdin.close()
        if started is None or not started.stays:
            process.terminate()
            await asyncio.to_thread(process.wait)
        process.stdout.close()


def _start(words: Sequence[str]) -> subprocess.Popen[bytes]:
    """Not asyncio's: that kills what still runs when its loop ends."""
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)


@asynccontextmanager
async def stage(status: Json, data: DataFolder, app: App, folder: Path, say: Say) -> AsyncIterator[Stage]:
    """Set everything up that the pipeline needs. `folder` is where the work tree goes."""
    token = Path(status["admin_token_file"]).read_text().strip()
    async with GitLab(status["coordinator"]["url"], token) as gitlab:
        say("Creating the project, protecting its main branch")
        project = await gitlab.create_project(app.project, "main")
        await _images(status, app, token, say)
        say("Creating repository, cluster, database, load balancer and service")
        aws = Aws(status["aws"]["endpoint_url"], REGION, read_keys(Path(status["aws"]["credentials_file"])))
        repository = await asyncio.to_thread(_aws, aws)
        await _variables(gitlab, project, status, repository)
        say("Cloning the app")
        await asyncio.to_thread(_copy, app, folder)
        url = f"{status['coordinator']['url']}/{app.project}.git"
        work_tree = WorkTree(folder, url, "root", token)
        await work_tree.start()
        yield Stage(status, data, gitlab, project, work_tree, aws)


async def _images(status: Json, app: App, token: str, say: Say) -> None:
    """The test image goes into the project's registry, the base image into its mirror of the Hub: a cold
    docker:dind builds from it when the Hub is out of reach."""
    registry = status["registry"]
    credentials = Credentials(registry["engine_address"], "root", token)
    async with connect(status["docker_host"]) as docker:
        await ensure_images(status["docker_host"], IMAGES, say)
        say("Building the test image and pushing it to the project's registry")
        await build_image(docker, app.folder, "shipline-demo/test:1", dockerfile="test-image/Dockerfile")
        _, _, path = (app.test_image or f"{registry['address']}/{app.project}/test:1").partition("/")
        at = registry["engine_address"]
        await publish(docker, "shipline-demo/test:1", f"{at}/{path}", credentials)
        await publish(docker, "python:3.11-slim", f"{at}/library/python:3.11-slim", credentials)


def _aws(aws: Aws) -> str:
    repository = aws.create_repository()
    aws.create_cluster()
    password = secrets.token_hex(12)
    aws.create_database(password)
    environment = {
        "DATABASE_URL": f"postgres://app:{password}@database.shipline.internal:5432/app",
        "SECRET_KEY": secrets.token_hex(24),
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
    }
    aws.create_app(repository, environment, PORT, HEALTH_PATH)
    return repository


async def _variables(gitlab: GitLab, project: Json, status: Json, repository: str) -> None:
    keys = read_keys(Path(status["aws"]["credentials_file"]))
    number = project["id"]
    await gitlab.set_variable(number, "AWS_DEFAULT_REGION", REGION)
    await gitlab.set_variable(number, "AWS_ECR_REPOSITORY", repository)
    await gitlab.set_variable(number, "AWS_ENDPOINT_URL", status["aws"]["container_url"])
    await gitlab.set_variable(number, "AWS_ACCESS_KEY_ID", keys.access_key_id)
    await gitlab.set_variable(number, "AWS_SECRET_ACCESS_KEY", keys.secret_access_key, masked=True)


def _copy(app: App, folder: Path) -> None:
    shutil.copytree(app.folder, folder, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    if app.overlay:
        shutil.copytree(app.overlay, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("README.md"))


def change(folder: Path, path: str, old: str, new: str) -> None:
    """Replace `old` by `new` in a file of the work tree. Raises RemoteError when it is not there."""
    file = folder / path
    text = file.read_text()
    if old not in text:
        raise RemoteError(f"{path} of the example does not hold {old!r}.")
    file.write_text(text.replace(old, new))


def only(values: Sequence[Any], what: str) -> Any:
    """The single one of `values`."""
    if len(values) != 1:
        raise RemoteError(f"expected one {what}, found {len(values)}.")
    return values[0]
