"""One [[runners]] entry at work: its client, what it has asked, and what is wrong with it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from shipline.runner import asking
from shipline.runner.asking import Answered, Outcome
from shipline.runner.config.sections import RunnerSection
from shipline.runner.coordinator_client import CoordinatorClient

_REFUSALS: Mapping[int, str] = {
    401: "the coordinator does not accept this runner's token",
    403: "the coordinator does not accept this runner's token",
    404: "there is no GitLab at this address",
    410: "there is no GitLab at this address",
    422: "the runner belongs to no project any more",
}
_log = logging.getLogger(__name__)


@dataclass
class Online:
    """`connect` makes the client of a section. `problem` is told once, when it begins; and when it is over."""

    number: int
    section: RunnerSection
    connect: Callable[[RunnerSection], CoordinatorClient]
    problem: str = ""
    heard_at: float | None = None
    _retired: list[CoordinatorClient] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client = self.connect(self.section)
        self.entry = self._limits(asking.Entry(self.number))

    def _limits(self, entry: asking.Entry) -> asking.Entry:
        section = self.section
        return replace(
            entry,
            limit=section.limit,
            request_concurrency=section.request_concurrency,
            unhealthy_requests_limit=section.unhealthy_requests_limit,
            unhealthy_interval=section.unhealthy_interval,
        )

    def changed(self, section: RunnerSection) -> None:
        """The config says something else of it now. Jobs that run keep what they began with."""
        if section == self.section:
            return
        before, self.section = self.section, section
        self.entry = self._limits(self.entry)
        if _connection(before) != _connection(section):
            self._retired.append(self.client)
            self.client = self.connect(section)
            # What the old token met with says nothing about the new one.
            self.problem = ""
            self.entry = replace(self.entry, unhealthy=0, failures=0, not_before=float("-inf"))

    def leaves(self) -> None:
        self.silence()
        self.entry = replace(self.entry, leaving=True)

    def silence(self) -> None:
        """Its questions have been given up."""
        self.entry = replace(self.entry, asking=0, waiting=False)

    def answered(self, answer: Answered, now: float, interval: float, heard_at: float) -> None:
        """`now` is the clock of `asking`, `heard_at` in seconds since the epoch."""
        self.entry = asking.heard(self.entry, answer, now, interval)
        if answer.outcome is Outcome.FAILED:
            return
        self.heard_at = heard_at
        if answer.outcome is Outcome.REFUSED:
            why = _REFUSALS.get(answer.status, "the coordinator refuses to answer")
            self._has(f"{why} ({answer.status})")
            if self.entry.rests:
                _log.error("%s: asked again in %.0f s", self.section.name, self.entry.unhealthy_interval)
        elif self.problem and now >= self.entry.unfit_until:
            _log.info("%s: all is well again", self.section.name)
            self.problem = ""

    def failed(self, problem: str) -> None:
        """There was no answer, or no question for want of an engine."""
        self._has(problem)

    def _has(self, problem: str) -> None:
        if not self.problem:
            _log.warning("%s: %s", self.section.name, problem)
        self.problem = problem

    async def tidy(self) -> None:
        """Close clients that nobody uses any more."""
        if not self.entry.asking:
            while self._retired:
                await self._retired.pop().__aexit__(None, None, None)

    async def close(self) -> None:
        self.silence()
        await self.tidy()
        await self.client.__aexit__(None, None, None)


def _connection(section: RunnerSection) -> tuple[str, ...]:
    """What makes another client necessary."""
    return (
        section.url,
        section.token,
        section.executor,
        section.shell,
        section.tls_ca_file,
        section.tls_cert_file,
        section.tls_key_file,
    )
