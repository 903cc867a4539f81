"""Messages of the GitLab Runner API v4 about a runner itself: its token, its managers.

Source: `lib/api/ci/runner.rb`, restated. A manager is one process that works with a runner's token; its system
id tells it from others that share the token.
"""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import Field, field_validator

from shipline.protocols.runner_api import Message, RunnerVersionInfo

# Made by a person or by POST /user/runners: what the runner may do is the server's to say.
AUTHENTICATION_TOKEN = "glrt-"  # noqa: S105 - a prefix


def is_authentication_token(token: str) -> bool:
    """Whether it is one that the server made for a runner that it knows, and no registration token."""
    return token.startswith(AUTHENTICATION_TOKEN)


class RegisterRequest(Message):
    """POST /runners with a registration token. `maximum_timeout` in seconds; `access_level` is not_protected or
    ref_protected. gitlab-runner sends the tags in one text, with commas between; others send a list."""

    token: str = Field(repr=False)
    description: str = ""
    maintenance_note: str | None = None
    tag_list: str | list[str] | None = None
    run_untagged: bool | None = None
    locked: bool | None = None
    access_level: str | None = None
    maximum_timeout: int | None = None
    paused: bool | None = None
    info: RunnerVersionInfo = RunnerVersionInfo()


class RunnerCall(Message):
    """What the calls take that need only say which runner, and which of its managers."""

    token: str = Field(repr=False)
    system_id: str = ""


class RunnerToken(Message):
    """What registering, verifying and a new token answer. Old servers say less."""

    id: int = 0
    token: str = Field(default="", repr=False)
    token_expires_at: datetime | None = None

    @field_validator("token_expires_at")
    @classmethod
    def _of_the_world(cls, value: datetime | None) -> datetime | None:
        return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value
