"""Real programs for the contracts: an engine, and the local AWS endpoint as a process of its own."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.contracts import gitlab_runner
from tests.contracts.gitlab_runner import OfficialRunner, started
from tests.coordinator.server import Coordinator, Project, WorkTree, running
from tests.ports import free_port

from shipline import config
from shipline.config import Config, DataFolder, Registry
from shipline.demo.aws import Aws, read_keys
from shipline.engine.client import connect
from shipline.engine.reap import reap

REGION = "us-east-1"
TOOLKIT = "backstreetacademy/docker-aws"
PYTHON = "python:3.11-slim"
READY_SECONDS = 180.0
REGISTRY_ADDRESS = "registry.example.internal:5999"


@pytest.fixture(scope="session")
def docker_host() -> str:
    found = os.environ.get("DOCKER_HOST", "")
    if not found:
        pytest.fail("No DOCKER_HOST: run these with `shipline host run -- pytest -m engine`.")
    return found


@dataclass
class Endpoint:
    """`shipline local-aws` over one data folder; may be killed and started again."""

    data: DataFolder
    docker_host: str
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        words = [sys.executable, "-m", "shipline", "local-aws", "--data", str(self.data.root)]
        with (self.data.root / "local-aws.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*words, "--port", str(self.port)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | {"DOCKER_HOST": self.docker_host},
            )
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            with suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/_shipline/services", trust_env=False).status_code == 200:
                    return
            time.sleep(0.05)
        pytest.fail(f"It did not start:\n{(self.data.root / 'local-aws.log').read_text()[-3000:]}")

    def end(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(timeout=60)

    def aws(self) -> Aws:
        return Aws(self.url, REGION, read_keys(self.data.aws / "credentials"))

    def overview(self) -> dict[str, dict[str, Any]]:
        found = httpx.get(f"{self.url}/_shipline/services", trust_env=False).json()
        return {one["name"]: one for one in found}

    def tool(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the toolkit image, as a deploy job does."""
        keys = read_keys(self.data.aws / "credentials")
        environment = {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": keys.access_key_id,
            "AWS_SECRET_ACCESS_KEY": keys.secret_access_key,
        }
        options = [word for name in environment for word in ("--env", name)]
        return subprocess.run(
            ["docker", "run", "--rm", "--network", "host", *options, TOOLKIT, *words],
            env=os.environ | environment | {"DOCKER_HOST": self.docker_host},
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )


def made(folder: Path, docker_host: str) -> Endpoint:
    data = DataFolder(folder)
    data.root.mkdir(parents=True, exist_ok=True)
    config.save(data, Config(registry=Registry(address=REGISTRY_ADDRESS, engine_address="127.0.0.1:5999")))
    return Endpoint(data, docker_host)


@pytest.fixture
def endpoint(tmp_path: Path, docker_host: str) -> Iterator[Endpoint]:
    """One endpoint for one test; nothing of it is left afterwards, whatever the test did to it."""
    made_here = made(tmp_path / "data", docker_host)
    made_here.start()
    yield made_here
    if made_here.process is not None and made_here.process.poll() is None:
        made_here.end()
    left = asyncio.run(_reap(made_here))
    assert left == 0, f"{left} containers were left behind"


@pytest.fixture(scope="module")
def shared_endpoint(tmp_path_factory: pytest.TempPathFactory, docker_host: str) -> Iterator[Endpoint]:
    """One endpoint for the tests of a module, which use names of their own."""
    made_here = made(tmp_path_factory.mktemp("endpoint"), docker_host)
    made_here.start()
    yield made_here
    made_here.end()
    assert asyncio.run(_reap(made_here)) == 0


async def _reap(endpoint: Endpoint) -> int:
    async with connect(endpoint.docker_host) as docker:
        return (await reap(docker, endpoint.data.owner())).containers


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """GitLab's own runner is nothing that shipline could bring along: where there is none, the summary says so,
    once for each file of tests and not for each test."""
    if gitlab_runner.named():
        return
    reason = f"no gitlab-runner on this machine: set {gitlab_runner.BINARY_VARIABLE}"
    for item in items:
        if "gitlab_runner_program" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def gitlab_runner_program() -> Path:
    """GitLab's own runner, wherever it is to be had."""
    found = shutil.which(gitlab_runner.named())
    if found is None:
        pytest.fail(f"{gitlab_runner.BINARY_VARIABLE} is {gitlab_runner.named()}, which is no program.")
    return Path(found).resolve()


@pytest.fixture(scope="session")
def coordinator(
    tmp_path_factory: pytest.TempPathFactory, gitlab_runner_program: Path
) -> Iterator[Coordinator]:
    """One coordinator for GitLab's runner; each test has a project and runners of its own."""
    with running(tmp_path_factory.mktemp("coordinator")) as started_here:
        yield started_here


@pytest.fixture
def project(coordinator: Coordinator) -> Project:
    return coordinator.project()


@pytest.fixture
def work_tree(project: Project, tmp_path: Path) -> WorkTree:
    return project.work_tree(tmp_path / "work-tree")


@pytest.fixture
def own_coordinator(tmp_path: Path, gitlab_runner_program: Path) -> Iterator[Coordinator]:
    """For a test that stops it."""
    with running(tmp_path / "coordinator") as started_here:
        yield started_here


@pytest.fixture
def manager(gitlab_runner_program: Path, project: Project, tmp_path: Path) -> Iterator[OfficialRunner]:
    """One that takes two of the project's jobs at once; it is gone afterwards."""
    made = OfficialRunner(gitlab_runner_program, tmp_path / "gitlab-runner")
    made.configure(made.shell(project.runner()), concurrent=2)
    with started(made):
        yield made
