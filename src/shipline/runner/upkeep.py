"""What a manager does beside its jobs: reads its config file again when that changes, and exchanges tokens before
they end."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from shipline.errors import HostError, ShiplineError, UsageError
from shipline.runner.clients import Clients
from shipline.runner.config.changing import ConfigOnDisk
from shipline.runner.config.sections import ConfigFile, RunnerSection
from shipline.runner.config_file import load
from shipline.runner.home import Home
from shipline.runner.metrics import MetricsServer
from shipline.runner.rotation import due

WATCH_SECONDS = 3.0
# A token that could not be exchanged is tried again after this.
ROTATION_SECONDS = 300.0
_log = logging.getLogger(__name__)


@dataclass
class Upkeep:
    """`current` is the config in use; `use` takes a new one."""

    home: Home
    clients: Clients
    current: Callable[[], ConfigFile]
    use: Callable[[ConfigFile], None]
    _tried: dict[str, float] = field(default_factory=dict, repr=False)
    _refused: str = ""
    _seen: tuple[int, ...] = ()

    async def keep(self, server: MetricsServer) -> None:
        """For ever."""
        self._seen = _stamp(self.home)
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            try:
                await self._look(server)
            except Exception:
                # A fault of ours must not leave tokens to their end.
                _log.exception("looking after the config")

    async def _look(self, server: MetricsServer) -> None:
        if (stamp := _stamp(self.home)) != self._seen:
            self._seen = stamp
            self.reload()
        await self._listen(server)
        for section in self.current().runners:
            if due(section, datetime.now(UTC)) and self._tried.get(section.token, 0.0) <= time.monotonic():
                self._tried[section.token] = time.monotonic() + ROTATION_SECONDS
                await self._rotate(section)

    async def _listen(self, server: MetricsServer) -> None:
        """The same address again is nothing to do. One that cannot be had is complained of once."""
        address = self.current().listen_address
        try:
            await server.listen(address)
            self._refused = ""
        except HostError as error:
            if self._refused != address:
                _log.error("%s", error)
            self._refused = address

    def reload(self) -> None:
        """A file that is not right changes nothing."""
        try:
            new = self.home.settled(load(self.home.config))
            for section in new.runners:
                self.clients.check(section)
        except UsageError as error:
            _log.error("the changed config is not used, the one before stays: %s", error)
            return
        if new == self.current():
            return
        _log.info("the config has changed")
        for warning in new.warnings:
            _log.warning("%s", warning)
        self.use(new)

    async def _rotate(self, section: RunnerSection) -> None:
        """The new token goes into the file, and is read from there."""
        disk = ConfigOnDisk(self.home.config)
        try:
            disk.check_writable()
            async with self.clients.registration(section) as client:
                found = await client.reset_token(section.token)
            disk.set_token(section.token, found.token, datetime.now(UTC), found.token_expires_at)
        except ShiplineError as error:
            _log.error("%s: its token could not be exchanged: %s", section.name, error)
            return
        _log.info("%s has a new token", section.name)
        self.reload()


def _stamp(home: Home) -> tuple[int, ...]:
    """What differs when the config file was changed; empty when there is none."""
    try:
        found = home.config.stat()
    except OSError:
        return ()
    return (found.st_mtime_ns, found.st_size, found.st_ino)
