"""The coordinator as any GitLab client sees it: REST v4 with a personal access token."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import httpx

from shipline.errors import RemoteError
from shipline.model.status import PIPELINE_FINISHED

Json = dict[str, Any]


class GitLab:
    """One connection; close it with `async with`. Every call raises RemoteError with the server's words."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self._client = httpx.AsyncClient(
            base_url=f"{url}/api/v4/", headers={"PRIVATE-TOKEN": token}, timeout=60, trust_env=False
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def call(self, method: str, path: str, body: Json | None = None) -> Any:
        """The decoded answer, or its text when it is not JSON."""
        answer = await self._client.request(method, path, json=body)
        if answer.is_error:
            raise RemoteError(f"{method} {answer.url.path}: {answer.status_code} {answer.text[:300]}")
        if answer.headers.get("content-type", "").startswith("application/json"):
            return answer.json()
        return answer.text

    async def create_project(self, path: str, protected: str) -> Json:
        namespace, _, name = path.rpartition("/")
        body = {"name": name, "path": name, "namespace_path": namespace, "visibility": "private"}
        project: Json = await self.call("POST", "projects", body)
        names = {
            branch["name"]
            for branch in await self.call("GET", f"projects/{project['id']}/protected_branches")
        }
        if protected not in names:
            await self.call("POST", f"projects/{project['id']}/protected_branches", {"name": protected})
        return project

    async def set_variable(self, project: int, key: str, value: str, *, masked: bool = False) -> None:
        """A protected CI/CD variable."""
        body = {"key": key, "value": value, "protected": True, "masked": masked, "raw": True}
        await self.call("POST", f"projects/{project}/variables", body)

    async def pipeline_of(self, project: int, sha: str) -> Json:
        """The newest pipeline of a commit. Raises RemoteError when there is none."""
        found = await self.call("GET", f"projects/{project}/pipelines?sha={sha}")
        if not found:
            raise RemoteError(f"No pipeline was created for commit {sha[:8]}.")
        return dict(found[0])

    async def follow(
        self, project: int, pipeline: int, on_change: Callable[[Json], None], seconds: float
    ) -> tuple[Json, list[Json]]:
        """Wait until the pipeline has finished; `on_change` sees each job whose status has changed.

        Answers the pipeline and its jobs. Raises RemoteError after `seconds`.
        """
        seen: dict[int, str] = {}
        deadline = time.monotonic() + seconds
        while True:
            state = await self.call("GET", f"projects/{project}/pipelines/{pipeline}")
            jobs = await self.call("GET", f"projects/{project}/pipelines/{pipeline}/jobs?per_page=100")
            for job in sorted(jobs, key=lambda job: int(job["id"])):
                if seen.get(job["id"]) != job["status"]:
                    seen[job["id"]] = job["status"]
                    on_change(job)
            if state["status"] in PIPELINE_FINISHED:
                return state, jobs
            if time.monotonic() > deadline:
                raise RemoteError(f"Pipeline {pipeline} is {state['status']} after {seconds:.0f} s.")
            await asyncio.sleep(0.2)

    async def log(self, project: int, job: int) -> str:
        return str(await self.call("GET", f"projects/{project}/jobs/{job}/trace"))
