"""What every operation has at hand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from shipline.config import Config
from shipline.local_aws.arns import Arns
from shipline.local_aws.ecs.scheduler import Scheduler
from shipline.local_aws.elb.proxy import Proxy
from shipline.local_aws.store import Store

Parameters = dict[str, Any]
Result = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Context:
    """`clock` gives seconds since the epoch, `new_id` 32 hexadecimal digits."""

    config: Config
    store: Store
    arns: Arns
    scheduler: Scheduler
    proxy: Proxy
    ecr_key: ec.EllipticCurvePrivateKey
    clock: Callable[[], float]
    new_id: Callable[[], str]
    is_free: Callable[[int], bool]


Operation = Callable[[Context, Parameters], Awaitable[Result]]
Operations = Mapping[str, Operation]
