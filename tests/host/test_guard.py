"""The guard of a life that was killed, and the life that comes after it."""

from __future__ import annotations

import fcntl
import threading
from pathlib import Path

from shipline.host.guard import guard


def test_the_next_life_waits_until_the_guard_of_the_one_before_is_gone(tmp_path: Path) -> None:
    lock = tmp_path / "guard.lock"
    order: list[str] = []

    def next_life() -> None:
        with guard("owner", "unix:///nowhere.sock", lock):
            order.append("the next life begins")

    with lock.open("a") as earlier:
        fcntl.flock(earlier, fcntl.LOCK_EX)
        thread = threading.Thread(target=next_life)
        thread.start()
        thread.join(timeout=0.5)
        order.append("the earlier guard ends")
    thread.join()
    assert order == ["the earlier guard ends", "the next life begins"]
