"""Figures for Prometheus, by gitlab-runner's names, so that dashboards and alerts for it work here too."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Histogram, Metric, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from shipline.errors import HostError
from shipline.runner.acceptance import ACCEPTING
from shipline.runner.config.addresses import listen_on
from shipline.runner.config.sections import RunnerSection
from shipline.version import __version__

CONTENT_TYPE = "text/plain; version=0.0.4"
DURATIONS = (30, 60, 300, 600, 1800, 3600, 7200, 10800, 18000, 36000)
QUEUE_DURATIONS = (1, 3, 10, 30, 60, 120, 300, 900, 1800, 3600)
_RUNNER = ("runner", "runner_name", "system_id")


@dataclass(frozen=True, slots=True)
class EntryFigures:
    """What one [[runners]] entry does now. `jobs`: the stage of each job it holds."""

    section: RunnerSection
    asking: int
    jobs: tuple[str, ...]


@dataclass(eq=False)
class _Now(Collector):
    """What is true at this moment; `entries` is replaced as a whole."""

    system_id: str
    concurrent: int = 0
    entries: Sequence[EntryFigures] = ()

    def collect(self) -> Iterable[Metric]:
        yield GaugeMetricFamily(
            "gitlab_runner_concurrent", "The setting concurrent.", value=float(self.concurrent)
        )
        limit = GaugeMetricFamily("gitlab_runner_limit", "The setting limit.", labels=_RUNNER)
        asking = GaugeMetricFamily(
            "gitlab_runner_request_concurrency", "Open questions for a job.", labels=_RUNNER
        )
        names = (*_RUNNER, "executor", "state", "stage", "executor_stage")
        jobs = GaugeMetricFamily("gitlab_runner_jobs", "Jobs that are held.", labels=names)
        for one in self.entries:
            who = (one.section.short_token, one.section.name, self.system_id)
            limit.add_metric(who, one.section.limit)
            asking.add_metric(who, one.asking)
            for stage in sorted(set(one.jobs)):
                state = "pending" if stage == ACCEPTING else "running"
                jobs.add_metric((*who, one.section.executor, state, stage, stage), one.jobs.count(stage))
        yield from (limit, asking, jobs)
        info = GaugeMetricFamily(
            "gitlab_runner_version_info",
            "Always 1; the labels tell what runs.",
            labels=("name", "version", "os", "architecture"),
        )
        info.add_metric(("shipline", __version__, platform.system().lower(), platform.machine()), 1)
        yield info


@dataclass
class Metrics:
    """Everything that is counted, for one manager."""

    system_id: str
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=self.registry)

        def histogram(name: str, text: str, buckets: tuple[int, ...]) -> Histogram:
            return Histogram(name, text, _RUNNER, buckets=buckets, registry=self.registry)

        self._now = _Now(self.system_id)
        self.registry.register(self._now)
        ProcessCollector(registry=self.registry)
        self._jobs = counter("gitlab_runner_jobs", "Jobs that have been taken.", *_RUNNER)
        self._failed = counter(
            "gitlab_runner_failed_jobs", "Jobs that failed, by reason.", *_RUNNER, "failure_reason"
        )
        self._statuses = counter(
            "gitlab_runner_api_request_statuses",
            "Answers of coordinators; -1: there was none.",
            *_RUNNER,
            "endpoint",
            "status",
        )
        self._errors = counter("gitlab_runner_errors", "Warnings and errors in the log.", "level")
        self._durations = histogram("gitlab_runner_job_duration_seconds", "How long jobs ran.", DURATIONS)
        self._queued = histogram(
            "gitlab_runner_job_queue_duration_seconds", "How long jobs had waited for us.", QUEUE_DURATIONS
        )

    def show(self, concurrent: int, entries: Sequence[EntryFigures]) -> None:
        self._now.concurrent, self._now.entries = concurrent, entries

    def job_taken(self, section: RunnerSection, queued_seconds: float | None) -> None:
        self._jobs.labels(*self._who(section)).inc()
        if queued_seconds is not None:
            self._queued.labels(*self._who(section)).observe(queued_seconds)

    def job_ended(self, section: RunnerSection, seconds: float, failure_reason: str) -> None:
        self._durations.labels(*self._who(section)).observe(seconds)
        if failure_reason:
            self._failed.labels(*self._who(section), failure_reason).inc()

    def answered(self, section: RunnerSection, endpoint: str, status: int) -> None:
        self._statuses.labels(*self._who(section), endpoint, str(status)).inc()

    def error(self, level: str) -> None:
        self._errors.labels(level).inc()

    def text(self) -> bytes:
        """Prometheus's text format. Not OpenMetrics, in which gitlab_runner_jobs and gitlab_runner_jobs_total
        could not both be."""
        return generate_latest(_WithoutBirthdays(self.registry))

    def _who(self, section: RunnerSection) -> tuple[str, str, str]:
        return section.short_token, section.name, self.system_id


class _WithoutBirthdays(CollectorRegistry):
    """The library adds to each figure when it began to count, which gitlab-runner does not have."""

    def __init__(self, inner: CollectorRegistry) -> None:
        super().__init__()
        self._inner = inner

    def collect(self) -> Iterator[Metric]:
        for metric in self._inner.collect():
            metric.samples = [one for one in metric.samples if not one.name.endswith("_created")]
            yield metric


@dataclass
class MetricsServer:
    """Serves GET /metrics where the config says; `listen` may be called again."""

    metrics: Metrics
    _address: str = ""
    _runner: web.AppRunner | None = None

    async def listen(self, address: str) -> None:
        """Empty: nowhere. Raises HostError when the address cannot be had."""
        if address == self._address:
            return
        await self.close()
        if not address:
            return
        application = web.Application()
        application.router.add_get("/metrics", self._answer)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        host, port = listen_on(address)
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            await runner.cleanup()
            raise HostError(
                f"The metrics cannot be served at {host}:{port}: {error.strerror}.",
                hint="Change listen_address in the config file.",
            ) from error
        self._runner, self._address = runner, address

    async def close(self) -> None:
        if self._runner is not None:
            with suppress(OSError):
                await self._runner.cleanup()
        self._runner, self._address = None, ""

    async def _answer(self, _request: web.Request) -> web.Response:
        return web.Response(body=self.metrics.text(), headers={"Content-Type": CONTENT_TYPE})
