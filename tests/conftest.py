"""The order of all tests: what only computes comes first, so that most faults are told within seconds."""

from __future__ import annotations

import pytest

# What pytest-asyncio has for every test, of which it makes nothing.
FOR_ALL = {"event_loop_policy"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files whose tests ask for nothing but their own parameters come first, and the others as they are. A file
    stays in one piece: pytest-xdist gives it to one worker (`--dist loadfile`), which has its fixtures once."""
    asking = {item.path for item in items if asks(item)}
    items.sort(key=lambda item: item.path in asking)


def asks(item: pytest.Item) -> bool:
    """Whether it is given something that was made for it: a folder, a server, an event loop."""
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    return bool({*getattr(item, "fixturenames", ())} - {*parameters} - FOR_ALL)
