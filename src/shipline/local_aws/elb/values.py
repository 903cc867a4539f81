"""What Elastic Load Balancing keeps. Pure. Times in seconds."""

from __future__ import annotations

from dataclasses import dataclass, field

DEFAULT_DEREGISTRATION_DELAY = 5


@dataclass(frozen=True, slots=True)
class LoadBalancer:
    arn: str
    name: str
    scheme: str
    created_at: float
    subnets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """`codes` as in a Matcher: `200`, `200,302`, `200-299`."""

    path: str = "/"
    interval: float = 30
    timeout: float = 5
    healthy_threshold: int = 5
    unhealthy_threshold: int = 2
    codes: str = "200"

    def accepts(self, status: int) -> bool:
        for part in self.codes.split(","):
            low, _, high = part.strip().partition("-")
            if low.isdigit() and int(low) <= status <= int(high if high.isdigit() else low):
                return True
        return False


@dataclass(frozen=True, slots=True)
class TargetGroup:
    """`deregistration_delay`: how long a target that is being taken out may finish its requests. AWS's default
    is 300 s, the local one 5; either way it ends as soon as no request is left."""

    arn: str
    name: str
    protocol: str
    port: int
    target_type: str
    health_check: HealthCheck
    deregistration_delay: float = DEFAULT_DEREGISTRATION_DELAY
    attributes: dict[str, str] = field(default_factory=dict)

    @property
    def backend(self) -> str:
        """Its name in the load balancer's configuration."""
        return "target-group-" + self.arn.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Listener:
    """`port` is what was asked for; `local_port` is where it really listens on this machine."""

    arn: str
    load_balancer: str
    protocol: str
    port: int
    local_port: int
    target_group: str
