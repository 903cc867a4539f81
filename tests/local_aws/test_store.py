from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.local_aws.world import Behaviour, World, service

from shipline.local_aws.ecs.values import Event
from shipline.local_aws.store import Store


def test_what_was_put_is_there_after_a_restart_value_for_value(tmp_path: Path) -> None:
    world = World(service(2), {"app:1": Behaviour()})
    world.run(5)
    kept = replace(world.service, events=(Event("e", 1.5, "hello"),), document={"launchType": "FARGATE"})
    store = Store(tmp_path / "aws" / "x.sqlite3")
    store.services.put(kept.arn, kept)
    for task in world.tasks.values():
        store.tasks.put(task.arn, task)
    store.close()
    again = Store(tmp_path / "aws" / "x.sqlite3")
    assert again.services.get(kept.arn) == kept
    assert list(again.tasks) == list(world.tasks.values())
    again.services.delete(kept.arn)
    again.close()
    third = Store(tmp_path / "aws" / "x.sqlite3")
    assert third.services.get(kept.arn) is None
    third.close()
