"""Labels on everything shipline starts, so that leftovers can be found and removed by their owner. Pure."""

from __future__ import annotations

from collections.abc import Mapping

PREFIX = "io.shipline."
OWNER = PREFIX + "owner"
ROLE = PREFIX + "role"


def labels(owner: str, role: str, facts: Mapping[str, object] | None = None) -> dict[str, str]:
    """Labels for one container, network or volume.

    `owner` is the id of the data folder whose programs started it; `role` says what it is (job, service,
    helper, task, registry, load-balancer, ...); `facts` (`job.id`, `task.arn`, ...) help a reader of
    `docker ps`.
    """
    return {OWNER: owner, ROLE: role} | {PREFIX + key: str(value) for key, value in (facts or {}).items()}


def owned_by(
    owner: str, role: str | None = None, facts: Mapping[str, object] | None = None
) -> dict[str, list[str]]:
    """The Engine API's `filters` that find what `labels` marked."""
    wanted = [f"{OWNER}={owner}"]
    if role:
        wanted.append(f"{ROLE}={role}")
    wanted += [f"{PREFIX}{key}={value}" for key, value in (facts or {}).items()]
    return {"label": wanted}
