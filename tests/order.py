"""The order of all tests: what only computes comes first, so that most faults are told within seconds; and which of
them may run beside one another (pytest-xdist)."""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

# What pytest-asyncio has for every test, of which it makes nothing.
FOR_ALL = {"event_loop_policy"}
# One worker's, because each plays a whole machine: systems that start at the same moment choose the same free ports.
ONE_MACHINE = {
    "tests/contracts/test_local_ecs.py",
    "tests/scenarios/test_pushes.py",
    "tests/scenarios/test_seed.py",
    "tests/scenarios/test_up.py",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files whose tests ask for nothing but their own parameters come first, and the others as they are."""
    asking = {item.path for item in items if asks(item)}
    items.sort(key=lambda item: item.path in asking)


def asks(item: pytest.Item) -> bool:
    """Whether it is given something that was made for it: a folder, a server, an event loop."""
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    return bool({*getattr(item, "fixturenames", ())} - {*parameters} - FOR_ALL)


class InPieces(LoadFileScheduling):
    """A file in one piece, so that a worker has its fixtures once, and so is what must not run at the same time;
    in the order above, and not the files with the most tests first."""

    def __init__(self, config: pytest.Config, log: Any = None) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        return "one machine" if file in ONE_MACHINE else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> InPieces:
    """Whatever `--dist` says: nothing else is right for these tests."""
    return InPieces(config, log)
