"""A coordinator as a process of its own, and what a test does with it as its clients do: REST calls, pushes
by the real git, and a runner's calls one by one."""

from __future__ import annotations

import base64
import io
import os
import shutil
import signal
import sqlite3
import ssl
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from tests.ports import free_port
from tests.temporary import temporary_folder

from shipline import config
from shipline.config import Config, DataFolder
from shipline.config import Coordinator as Addresses

READY_SECONDS = 180.0
# Far more than anything takes, far less than the long poll of a runner.
ANSWER_SECONDS = 30.0
# Nothing takes as long on a machine that does other things besides; a test that fails waits so long once.
UNTIL_SECONDS = 60.0
LONGEST_PAUSE = 0.1
Json = dict[str, Any]
# GitLab's access levels.
GUEST, REPORTER, DEVELOPER, MAINTAINER, OWNER = 10, 20, 30, 40, 50
# What a runner of today can do, as far as a server asks for it.
FEATURES = dict.fromkeys(
    (
        "artifacts_exclude",
        "cancel_gracefully",
        "fallback_cache_keys",
        "multi_build_steps",
        "refspecs",
        "return_exit_code",
        "upload_multiple_artifacts",
    ),
    True,
)
_numbers = count(1)
# Nothing here speaks TLS, and reading the authorities for every client would take most of the tests' time.
_NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def zipped(**files: str | bytes) -> bytes:
    """A zip archive of these; `a__b` is the file b in the folder a."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "/"), text)
    return content.getvalue()


# The least archive that a job may leave behind.
ZIP = zipped(**{"a.txt": "a"})


def until(found: Callable[[], Any], what: str, seconds: float = UNTIL_SECONDS, pause: float = 0.02) -> Any:
    """What `found` gives as soon as that is true; the test fails when it never is. The pauses grow: who looks at
    every moment takes the processor from what is waited for."""
    deadline = time.monotonic() + seconds
    while not (value := found()):
        if time.monotonic() > deadline:
            pytest.fail(f"It did not happen: {what}")
        time.sleep(pause)
        pause = max(pause, min(pause * 1.5, LONGEST_PAUSE))
    return value


@dataclass
class Coordinator:
    """`shipline coordinator` over one data folder; may be killed and started again."""

    data: DataFolder
    settings: Config = field(default_factory=Config)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    database_url: str = ""
    # Where containers reach it, if they shall: it listens there too.
    bridge: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def container_url(self) -> str:
        return f"http://{self.bridge}:{self.port}" if self.bridge else self.url

    @property
    def log(self) -> str:
        return (self.data.root / "coordinator.log").read_text()

    @property
    def root(self) -> User:
        return User(self, 1, "root", self.data.admin_token.read_text().strip())

    def start(self) -> None:
        self.write_config()
        self.start_as_configured()

    def write_config(self) -> None:
        self.data.root.mkdir(parents=True, exist_ok=True)
        bind = ("127.0.0.1", self.bridge) if self.bridge else ("127.0.0.1",)
        addresses = Addresses(self.port, bind, external_url=self.url, container_url=self.container_url)
        config.save(self.data, replace(self.settings, coordinator=addresses))

    def start_as_configured(self) -> None:
        """Beside another over the same folder: at its own port, the rest as the other."""
        self.launch()
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            with suppress(httpx.TransportError), self.client() as client:
                if client.get("/-/readiness").status_code == 200:
                    return
            time.sleep(0.02)
        pytest.fail(f"It did not start:\n{self.log[-3000:]}")

    def launch(self) -> None:
        """The process, with the settings that lie there; nobody waits for it to be ready."""
        words = [sys.executable, "-m", "shipline", "coordinator", "--data", str(self.data.root)]
        words += ["--port", str(self.port)]
        with (self.data.root / "coordinator.log").open("ab") as log:
            self.process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment()
            )

    def environment(self) -> dict[str, str]:
        return os.environ | ({config.DATABASE_URL: self.database_url} if self.database_url else {})

    def prepare(self) -> None:
        """The group of the projects of tests. What a test wants protected it protects itself."""
        group = {"name": "acme", "path": "acme", "default_branch_protection": 0}
        self.root.post("groups", group)

    def end(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(timeout=READY_SECONDS)

    def execute(self, statement: str) -> None:
        """One statement of SQL, which both databases understand: what no call could bring about in a test's time."""
        if self.database_url:
            with psycopg.connect(self.database_url) as connection:
                connection.execute(statement)
            return
        with closing(sqlite3.connect(self.data.coordinator / "db.sqlite3", timeout=30)) as rows, rows:
            rows.execute(statement)

    def stored(self) -> bytes:
        """All that the database holds."""
        if not self.database_url:
            return b"".join(path.read_bytes() for path in self.data.coordinator.glob("db.sqlite3*"))
        with psycopg.connect(self.database_url) as connection:
            tables = connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            ).fetchall()
            texts = [
                connection.execute(f'SELECT one::text FROM "{name}" one').fetchall() for (name,) in tables
            ]
        return "\n".join(row for rows in texts for (row,) in rows).encode()

    def client(self, **headers: str) -> httpx.Client:
        """Calls as anybody can make them."""
        return httpx.Client(
            base_url=self.url,
            headers=headers,
            timeout=ANSWER_SECONDS,
            trust_env=False,
            verify=_NO_AUTHORITIES,
        )

    def user(self, name: str = "") -> User:
        """A new user with a token."""
        made = self.root.post("users", {"username": name or f"user{next(_numbers)}", "name": "Sam Example"})
        body = {"name": "for tests", "scopes": ["api"]}
        token = self.root.post(f"users/{made['id']}/personal_access_tokens", body)["token"]
        return User(self, made["id"], made["username"], token)

    def project(self, **options: Any) -> Project:
        """A new project of a name that no other has."""
        body = {"name": f"app{next(_numbers)}", "namespace_path": "acme"} | options
        made = self.root.post("projects", body)
        return Project(self, made["id"], made["path_with_namespace"])


@contextmanager
def running(
    folder: Path,
    settings: Config | None = None,
    database_url: str = "",
    bridge: str = "",
    *,
    for_the_first_time: bool = False,
) -> Iterator[Coordinator]:
    """A coordinator that is gone afterwards, whatever was done to it. What it logs is part of every test: an
    exception that nobody saw is a failure. Over SQLite it has been started before, unless that is for a test
    `for_the_first_time`."""
    coordinator = Coordinator(
        DataFolder(folder), settings or Config(), database_url=database_url, bridge=bridge
    )
    first = for_the_first_time or bool(database_url)
    if not first:
        shutil.copytree(started_before(), folder, dirs_exist_ok=True)
    try:
        coordinator.start()
        if first:
            coordinator.prepare()
        yield coordinator
    finally:
        if coordinator.process is not None and coordinator.process.poll() is None:
            coordinator.end()
    assert "Traceback" not in coordinator.log, coordinator.log[-3000:]


@cache
def started_before() -> Path:
    """The data folder of a coordinator that has ended: to make its database takes far longer than to start it, and
    there are tests by the hundred that want one of their own."""
    folder = temporary_folder()
    with running(folder, for_the_first_time=True):
        pass
    (folder / "coordinator.log").unlink()
    # What is one folder's on an engine is no other's.
    (folder / "owner").unlink(missing_ok=True)
    return folder


@dataclass(frozen=True)
class User:
    """Somebody with a personal access token, and their REST calls. `post` and the like expect success."""

    coordinator: Coordinator
    id: int
    name: str
    token: str

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        with self.coordinator.client(**{"PRIVATE-TOKEN": self.token}) as client:
            return client.request(method, f"/api/v4/{path}", json=body, **options)

    def get(self, path: str) -> Any:
        answer = self.call("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: Any = None) -> Any:
        answer = self.call("POST", path, body)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    def put(self, path: str, body: Any) -> Any:
        answer = self.call("PUT", path, body)
        assert answer.status_code == 200, answer.text
        return answer.json()


@dataclass(frozen=True)
class Pushed:
    """How a push ended, and what git told its user. `sha` is that of HEAD."""

    ok: bool
    said: str
    sha: str = ""

    def remote_lines(self) -> list[str]:
        found = [line.removeprefix("remote:").strip() for line in self.said.splitlines()]
        return [line for line, raw in zip(found, self.said.splitlines(), strict=True) if raw[:7] == "remote:"]


@dataclass(frozen=True)
class Project:
    coordinator: Coordinator
    id: int
    path: str

    @property
    def root(self) -> User:
        return self.coordinator.root

    @property
    def git_url(self) -> str:
        return f"{self.coordinator.url}/{self.path}.git"

    def add(self, level: int) -> User:
        """A new user who is a member."""
        user = self.coordinator.user()
        self.root.post(f"projects/{self.id}/members", {"user_id": user.id, "access_level": level})
        return user

    def protect(self, branch: str = "main") -> None:
        self.root.post(f"projects/{self.id}/protected_branches", {"name": branch})

    def set_variable(self, key: str, value: str, **options: Any) -> None:
        self.root.post(f"projects/{self.id}/variables", {"key": key, "value": value} | options)

    def pipelines(self) -> list[Json]:
        return list(self.root.get(f"projects/{self.id}/pipelines?per_page=100"))

    def pipeline(self) -> Json:
        """The newest."""
        return dict(self.pipelines()[0])

    def jobs(self, pipeline: int | None = None) -> dict[str, Json]:
        """The newest pipeline's jobs by name."""
        number = pipeline or self.pipeline()["id"]
        found = self.root.get(f"projects/{self.id}/pipelines/{number}/jobs?per_page=100")
        return {job["name"]: job for job in found}

    def bridges(self, pipeline: int | None = None) -> dict[str, Json]:
        """The newest pipeline's trigger jobs by name."""
        number = pipeline or self.pipeline()["id"]
        found = self.root.get(f"projects/{self.id}/pipelines/{number}/bridges?per_page=100")
        return {job["name"]: job for job in found}

    def downstream(self, bridge: str, pipeline: int | None = None) -> Json:
        """The pipeline that a trigger job has started, as soon as it has."""
        number = pipeline or self.pipeline()["id"]
        job = until(
            lambda: (found := self.bridges(number)[bridge])["downstream_pipeline"] and found,
            f"{bridge} starts a pipeline",
        )
        return dict(job["downstream_pipeline"])

    def bridge_ends(self, bridge: str, status: str, pipeline: int | None = None) -> Json:
        """The trigger job, once it has that status."""
        number = pipeline or self.pipeline()["id"]
        return dict(
            until(
                lambda: (found := self.bridges(number)[bridge])["status"] == status and found,
                f"{bridge} becomes {status}",
            )
        )

    def statuses(self) -> dict[str, str]:
        return {name: job["status"] for name, job in self.jobs().items()}

    def act(self, action: str, job: int) -> httpx.Response:
        return self.root.call("POST", f"projects/{self.id}/jobs/{job}/{action}")

    def trace(self, job: int) -> str:
        return self.root.call("GET", f"projects/{self.id}/jobs/{job}/trace").text

    def runner(self, **options: Any) -> Runner:
        """A runner of this project alone: it takes nothing of another test's."""
        body = {"runner_type": "project_type", "project_id": self.id, "description": "for tests"} | options
        made = self.root.post("user/runners", body)
        return Runner(self.coordinator, made["id"], made["token"])

    def work_tree(self, folder: Path, user: User | None = None) -> WorkTree:
        tree = WorkTree(self, folder, user or self.root)
        folder.mkdir(parents=True, exist_ok=True)
        tree.git("init", "--quiet", "--initial-branch=main")
        tree.git("remote", "add", "origin", self.git_url)
        return tree


@dataclass(frozen=True)
class WorkTree:
    """A checkout, worked with by the real git as `user`."""

    project: Project
    folder: Path
    user: User

    def git(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        ended = subprocess.run(
            ["git", *words],
            cwd=self.folder,
            env=git_environment(self.project.git_url, self.user.name, self.user.token),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
        assert ended.returncode == 0 or not check, ended.stdout
        return ended

    def commit(self, files: Mapping[str, str | None], message: str = "A change") -> str:
        """Answers the commit's sha. None deletes a file."""
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink() if text is None else path.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD").stdout.strip()

    def push(self, *words: str) -> Pushed:
        """`git push origin` with these words, else of HEAD to main."""
        ended = self.git("push", "origin", *(words or ("HEAD:refs/heads/main",)), check=False)
        return Pushed(ended.returncode == 0, ended.stdout)

    def ship(self, ci: str, *, branch: str = "main", message: str = "A change", **files: str) -> Pushed:
        """Commit this .gitlab-ci.yml and push; the push must be accepted."""
        sha = self.commit({".gitlab-ci.yml": ci} | files, message)
        pushed = self.push(f"HEAD:refs/heads/{branch}")
        assert pushed.ok, pushed.said
        return Pushed(pushed.ok, pushed.said, sha)


def git_environment(url: str, user: str, token: str) -> dict[str, str]:
    """Nothing of the account that the tests run under; the token in no process list."""
    basic = base64.b64encode(f"{user}:{token}".encode()).decode()
    settings = {
        "user.name": "Sam Example",
        "user.email": "sam@example.com",
        "commit.gpgsign": "false",
    } | ({f"http.{url}.extraHeader": f"Authorization: Basic {basic}"} if token else {})
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    configured = {
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_COUNT": str(len(settings)),
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }
    for number, (key, value) in enumerate(settings.items()):
        configured |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return kept | configured


@dataclass
class Runner:
    """A runner's calls, as bytes on the wire. `last_update` is what the server told last."""

    coordinator: Coordinator
    id: int
    token: str
    features: Json = field(default_factory=lambda: dict(FEATURES))
    last_update: str = ""
    system_id: str = "s_0123456789ab"

    def verify(self, token: str | None = None) -> httpx.Response:
        body = {"token": self.token if token is None else token, "system_id": self.system_id}
        with self.coordinator.client() as client:
            return client.post("/api/v4/runners/verify", json=body)

    def request(self, last_update: str = "") -> httpx.Response:
        """One jobs/request; with the server's last word it is a long poll."""
        info = {"name": "gitlab-runner", "version": "17.0.0", "executor": "docker", "features": self.features}
        body = {"token": self.token, "system_id": self.system_id, "last_update": last_update, "info": info}
        with self.coordinator.client() as client:
            answer = client.post("/api/v4/jobs/request", json=body)
        self.last_update = answer.headers.get("X-GitLab-Last-Update", "")
        return answer

    def call(self, method: str, path: str, **members: Any) -> httpx.Response:
        """Of /runners, with the token unless another is given."""
        body = {"token": self.token, "system_id": self.system_id} | members
        with self.coordinator.client() as client:
            return client.request(method, f"/api/v4/runners{path}", json=body)

    def take(self) -> Job:
        """The next job, which must be there."""
        answer = self.request()
        assert answer.status_code == 201, answer.text or answer.status_code
        return Job(self.coordinator, answer.json())

    def take_all(self) -> dict[str, Job]:
        found: dict[str, Job] = {}
        # 409: others were quicker with every one, there may be more.
        while (answer := self.request()).status_code in (201, 409):
            if answer.status_code == 201:
                job = Job(self.coordinator, answer.json())
                found[job.name] = job
        assert answer.status_code == 204
        return found


@dataclass(frozen=True)
class Job:
    """A job in a runner's hands."""

    coordinator: Coordinator
    payload: Json

    @property
    def id(self) -> int:
        return int(self.payload["id"])

    @property
    def name(self) -> str:
        return str(self.payload["job_info"]["name"])

    @property
    def token(self) -> str:
        return str(self.payload["token"])

    @property
    def variables(self) -> dict[str, str]:
        return {one["key"]: one["value"] for one in self.payload["variables"]}

    def call(self, method: str, path: str = "", **options: Any) -> httpx.Response:
        headers = {"JOB-TOKEN": self.token} | options.pop("headers", {})
        with self.coordinator.client(**headers) as client:
            return client.request(method, f"/api/v4/jobs/{self.id}{path}", **options)

    def trace(self, content: bytes, start: int = 0, content_range: str | None = None) -> httpx.Response:
        sent = f"{start}-{start + len(content) - 1}" if content_range is None else content_range
        headers = {"Content-Type": "text/plain"} | ({"Content-Range": sent} if sent else {})
        return self.call("PATCH", "/trace", content=content, headers=headers)

    def update(self, state: str, **members: Any) -> httpx.Response:
        return self.call("PUT", json={"token": self.token, "state": state} | members)

    def succeed(self) -> None:
        answer = self.update("success")
        assert answer.status_code == 200, answer.text

    def fail(self, reason: str = "script_failure", exit_code: int | None = 1) -> None:
        answer = self.update("failed", failure_reason=reason, exit_code=exit_code)
        assert answer.status_code == 200, answer.text

    def upload(self, content: bytes, name: str = "artifacts.zip", **query: str) -> httpx.Response:
        file = {"file": (name, content, "application/octet-stream")}
        return self.call("POST", "/artifacts", params=query, files=file)

    def download(self, job_id: int) -> httpx.Response:
        with self.coordinator.client(**{"JOB-TOKEN": self.token}) as client:
            return client.get(f"/api/v4/jobs/{job_id}/artifacts", params={"direct_download": "true"})
