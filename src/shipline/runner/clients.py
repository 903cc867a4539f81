"""The manager's ways to its coordinators: with each entry's TLS files, and each answer counted."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from shipline.runner.config.sections import RunnerSection
from shipline.runner.coordinator_client import CoordinatorClient, info
from shipline.runner.http import Observe
from shipline.runner.metrics import Metrics
from shipline.runner.registration import RegistrationClient
from shipline.runner.tls import tls_context, tls_of


@dataclass(frozen=True, slots=True)
class Clients:
    config: Path
    system_id: str
    metrics: Metrics

    def check(self, section: RunnerSection) -> None:
        """Raises UsageError for TLS files that cannot be used."""
        tls_context(section.url, tls_of(section, self.config))

    def jobs(self, section: RunnerSection) -> CoordinatorClient:
        return CoordinatorClient(
            section.url,
            section.token,
            self.system_id,
            time.time,
            about=info(section.executor, section.shell or "bash"),
            tls=tls_of(section, self.config),
            observe=self._observe(section),
        )

    def registration(self, section: RunnerSection) -> RegistrationClient:
        return RegistrationClient(
            section.url,
            self.system_id,
            time.time,
            tls=tls_of(section, self.config),
            observe=self._observe(section),
        )

    def _observe(self, section: RunnerSection) -> Observe:
        return partial(self.metrics.answered, section)
