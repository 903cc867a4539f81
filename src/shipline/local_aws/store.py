"""What the local endpoint remembers: frozen values, in memory for reading, in SQLite for good.

A value is on disk before the call that put it returns; so whatever was answered survives a crash.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter

from shipline.local_aws.ecr.values import Repository
from shipline.local_aws.ecs.values import Cluster, Service, Task, TaskDefinition
from shipline.local_aws.elb.values import Listener, LoadBalancer, TargetGroup

Value = TypeVar("Value")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS record (
    number INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    document TEXT NOT NULL,
    UNIQUE (kind, id)
)
"""


class Table(Generic[Value]):
    """All values of one kind, by their ARN."""

    def __init__(self, connection: sqlite3.Connection, kind: str, form: Any) -> None:
        self._connection = connection
        self._kind = kind
        self._adapter: TypeAdapter[Value] = TypeAdapter(form)
        rows = connection.execute("SELECT id, document FROM record WHERE kind = ? ORDER BY number", (kind,))
        self._values = {key: self._adapter.validate_json(document) for key, document in rows}

    def __iter__(self) -> Iterator[Value]:
        return iter(list(self._values.values()))

    def get(self, key: str) -> Value | None:
        return self._values.get(key)

    def put(self, key: str, value: Value) -> None:
        document = self._adapter.dump_json(value).decode()
        self._connection.execute(
            "INSERT INTO record (kind, id, document) VALUES (?, ?, ?) "
            "ON CONFLICT (kind, id) DO UPDATE SET document = excluded.document",
            (self._kind, key, document),
        )
        self._values[key] = value

    def delete(self, key: str) -> None:
        self._connection.execute("DELETE FROM record WHERE kind = ? AND id = ?", (self._kind, key))
        self._values.pop(key, None)


class Store:
    """Used from one thread."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute(_SCHEMA)
        self.clusters: Table[Cluster] = Table(self._connection, "cluster", Cluster)
        self.task_definitions: Table[TaskDefinition] = Table(
            self._connection, "task definition", TaskDefinition
        )
        self.services: Table[Service] = Table(self._connection, "service", Service)
        self.tasks: Table[Task] = Table(self._connection, "task", Task)
        self.repositories: Table[Repository] = Table(self._connection, "repository", Repository)
        self.load_balancers: Table[LoadBalancer] = Table(self._connection, "load balancer", LoadBalancer)
        self.target_groups: Table[TargetGroup] = Table(self._connection, "target group", TargetGroup)
        self.listeners: Table[Listener] = Table(self._connection, "listener", Listener)

    def close(self) -> None:
        self._connection.close()
