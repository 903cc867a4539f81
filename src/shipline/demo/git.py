"""A real git client at work: a clone of the example app that gets commits and pushes them."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shipline.errors import RemoteError


@dataclass(frozen=True, slots=True)
class WorkTree:
    """A checkout whose pushes go to `url` as `user` with `token` (which no process list shows)."""

    folder: Path
    url: str
    user: str
    token: str

    async def start(self) -> None:
        await self.git("init", "--quiet", "--initial-branch=main")
        await self.git("remote", "add", "origin", self.url)

    async def commit(self, message: str) -> str:
        """Commit everything; answers the commit's sha."""
        await self.git("add", "--all")
        await self.git("commit", "--quiet", "--message", message)
        return (await self.git("rev-parse", "HEAD")).strip()

    async def push(self, branch: str = "main", *options: str) -> str:
        """Push HEAD to `branch`; answers what git told its user."""
        return await self.git("push", *options, "origin", f"HEAD:refs/heads/{branch}")

    async def git(self, *words: str) -> str:
        process = await asyncio.create_subprocess_exec(
            "git",
            *words,
            cwd=self.folder,
            env=self._environment(os.environ),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        text = output.decode(errors="replace")
        if process.returncode:
            raise RemoteError(f"git {words[0]} failed:\n{text.strip()}")
        return text

    def _environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        basic = base64.b64encode(f"{self.user}:{self.token}".encode()).decode()
        settings = {
            f"http.{self.url}.extraHeader": f"Authorization: Basic {basic}",
            "user.name": "Sam Example",
            "user.email": "sam@example.com",
            "commit.gpgsign": "false",
        }
        kept = {key: value for key, value in environ.items() if not key.startswith("GIT_")}
        configured = {"GIT_CONFIG_COUNT": str(len(settings)), "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
        for number, (key, value) in enumerate(settings.items()):
            configured |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        return kept | configured
