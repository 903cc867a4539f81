"""A runner's dealings with its coordinator about itself: register, verify, a new token, leave."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

import httpx
from pydantic import ValidationError

from shipline.errors import RemoteError
from shipline.protocols import runner_api as api
from shipline.protocols.runner_registration import RegisterRequest, RunnerCall, RunnerToken
from shipline.runner.coordinator_client import info
from shipline.runner.http import JSON, Api, Observe
from shipline.runner.tls import NO_TLS, Tls


class Refused(RemoteError):
    """The coordinator answered, and does not want this. `status` is HTTP's."""

    code = "refused"

    def __init__(self, message: str, status: int, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


class RegistrationClient:
    """One coordinator. Each call raises Refused for its no, RemoteError when it cannot be reached."""

    def __init__(
        self,
        url: str,
        system_id: str,
        now: Callable[[], float],
        *,
        tls: Tls = NO_TLS,
        observe: Observe = lambda _call, _status: None,
    ) -> None:
        self._url, self._system_id = url, system_id
        self._api = Api(url, now, tls, observe)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._api.__aexit__(kind, error, trace)

    async def register(self, request: RegisterRequest, executor: str) -> RunnerToken:
        """A new runner by a registration token. What is not set in the request is left to the coordinator."""
        body = request.model_copy(update={"info": info(executor)})
        answer = await self._api.call(
            "register_runner", "POST", "runners", content=body.model_dump_json(exclude_unset=True)
        )
        if answer.status_code == 410:
            raise self._refused(
                answer,
                "takes no registration tokens any more",
                "Create the runner there (its settings, or POST /user/runners) and give its glrt- token.",
            )
        return self._token(answer, 201, "did not accept the registration token")

    async def verify(self, token: str, executor: str) -> RunnerToken:
        """Whether a token is good; with it the coordinator learns what this manager can do."""
        body = api.VerifyRequest(token=token, system_id=self._system_id, info=info(executor))
        answer = await self._api.call(
            "verify_runner", "POST", "runners/verify", headers=_own(token), content=body.model_dump_json()
        )
        if answer.status_code == 422:
            raise self._refused(answer, "says that the runner belongs to no project any more", "")
        return self._token(answer, 200, "does not accept the runner's token")

    async def reset_token(self, token: str) -> RunnerToken:
        """A new token; the old one is good for nothing from then on."""
        answer = await self._api.call(
            "reset_runner_token",
            "POST",
            "runners/reset_authentication_token",
            headers=_own(token),
            content=RunnerCall(token=token, system_id=self._system_id).model_dump_json(),
        )
        return self._new_token(answer, "")

    async def reset_token_as_user(self, runner: int, pat: str) -> RunnerToken:
        """The same by REST, with somebody's personal access token: also for a token that is good for nothing any
        more."""
        answer = await self._api.call(
            "reset_runner_token",
            "POST",
            f"runners/{runner}/reset_authentication_token",
            headers={"PRIVATE-TOKEN": pat, **JSON},
        )
        return self._new_token(
            answer,
            "It takes a token with the scope api or manage_runner, of somebody who administers the runner.",
        )

    def _new_token(self, answer: httpx.Response, hint: str) -> RunnerToken:
        found = self._token(answer, 201, "gave no new token", hint)
        if not found.token:
            raise RemoteError(f"{self._url} answered without a new token.")
        return found

    async def leave(self, token: str, *, manager_only: bool) -> None:
        """Unregister: the runner as a whole, or only this manager of it."""
        path = "runners/managers" if manager_only else "runners"
        answer = await self._api.call(
            "unregister_runner",
            "DELETE",
            path,
            headers=_own(token),
            content=RunnerCall(token=token, system_id=self._system_id).model_dump_json(),
        )
        if answer.status_code not in (200, 204):
            raise self._refused(answer, "did not unregister the runner", "")

    def _token(self, answer: httpx.Response, wanted: int, problem: str, hint: str = "") -> RunnerToken:
        if answer.status_code != wanted:
            raise self._refused(answer, problem, hint)
        try:
            return RunnerToken.model_validate_json(answer.content)
        except ValidationError:
            # Old servers answer a bare word.
            return RunnerToken()

    def _refused(self, answer: httpx.Response, problem: str, hint: str) -> Refused:
        return Refused(
            f"{self._url} {problem}: {answer.status_code}{_message(answer)}.", answer.status_code, hint=hint
        )


def _own(token: str) -> dict[str, str]:
    return {"RUNNER-TOKEN": token, **JSON}


def _message(answer: httpx.Response) -> str:
    """The reason in an answer, in short; what is no reason is left out."""
    try:
        body = answer.json()
    except ValueError:
        return ""
    said = (body.get("message") or body.get("error")) if isinstance(body, dict) else None
    text = str(said or "").removeprefix(str(answer.status_code)).strip(" -.")
    return f" ({text[:200]})" if text and text.isprintable() else ""
