from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import pytest

from shipline.local_aws.ecs.containers import ContainerSpec, Ground, specs
from shipline.local_aws.ecs.values import Task, TaskDefinition

GROUND = Ground("abc", "shipline-abc", PurePosixPath("/data/volumes"))
TASK = Task(
    arn="arn:aws:ecs:us-east-1:1:task/c/0123456789abcdef0123456789abcdef",
    cluster="cluster/c",
    task_definition="app:1",
    group="service:app",
    created_at=0,
)


def made(*containers: dict[str, Any], **document: Any) -> tuple[ContainerSpec, ...]:
    complete = [
        {"image": "app:1", "essential": True, "name": f"c{n}", **one} for n, one in enumerate(containers)
    ]
    definition = TaskDefinition("app:1", "app", 1, {"containerDefinitions": complete, **document})
    return specs(TASK, definition, GROUND, ["db.internal"])


def test_the_first_container_holds_the_network_and_the_others_share_it() -> None:
    first, second = made({}, {})
    assert first.document["HostConfig"]["NetworkMode"] == "shipline-abc"
    assert first.document["NetworkingConfig"]["EndpointsConfig"]["shipline-abc"]["Aliases"] == ["db.internal"]
    assert second.document["HostConfig"]["NetworkMode"] == "container:shipline-abc-0123456789ab-c0"
    assert "NetworkingConfig" not in second.document


def test_every_container_carries_its_owners_label() -> None:
    (only,) = made({})
    assert only.document["Labels"]["io.shipline.owner"] == "abc"
    assert only.document["Labels"]["io.shipline.task.arn"] == TASK.arn


def test_environment_command_and_limits_are_passed_on() -> None:
    (only,) = made(
        {
            "environment": [{"name": "A", "value": "1"}, {"name": "EMPTY"}],
            "command": ["serve"],
            "entryPoint": ["tini", "--"],
            "workingDirectory": "/srv",
            "user": "app",
            "memory": 512,
        }
    )
    document = only.document
    assert document["Env"] == ["A=1", "EMPTY="]
    assert (document["Cmd"], document["Entrypoint"]) == (["serve"], ["tini", "--"])
    assert (document["WorkingDir"], document["User"]) == ("/srv", "app")
    assert document["HostConfig"]["Memory"] == 512 * 1024 * 1024


def test_a_shared_volume_is_a_folder_and_any_other_lives_with_its_task() -> None:
    mounts = [
        {"sourceVolume": "data", "containerPath": "/data"},
        {"sourceVolume": "scratch", "containerPath": "/tmp/x", "readOnly": True},
    ]
    volumes = [
        {"name": "data", "dockerVolumeConfiguration": {"scope": "shared"}},
        {"name": "scratch"},
    ]
    (only,) = made({"mountPoints": mounts}, volumes=volumes)
    assert only.document["HostConfig"]["Binds"] == [
        "/data/volumes/data:/data",
        "shipline-abc-0123456789ab-scratch:/tmp/x:ro",
    ]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["CMD", "curl", "-f", "x"], ("curl", "-f", "x")),
        (["CMD-SHELL", "curl -f x || exit 1"], ("/bin/sh", "-c", "curl -f x || exit 1")),
        (["curl -f x"], ("/bin/sh", "-c", "curl -f x")),
    ],
)
def test_a_health_check_is_run_as_it_is_written(command: list[str], expected: tuple[str, ...]) -> None:
    (only,) = made({"healthCheck": {"command": command, "interval": 7, "retries": 2, "startPeriod": 9}})
    assert only.check is not None
    assert only.check.command == expected
    assert (only.check.rule.interval, only.check.rule.failures, only.check.rule.start_period) == (7, 2, 9)


def test_no_health_check_is_no_health_check() -> None:
    assert made({"healthCheck": {"command": ["NONE"]}})[0].check is None
