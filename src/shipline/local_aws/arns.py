"""Amazon Resource Names. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Arns:
    """Makes the names of one account in one region."""

    region: str
    account: str

    def of(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    def cluster(self, name: str) -> str:
        return self.of("ecs", f"cluster/{name}")

    def task_definition(self, family: str, revision: int) -> str:
        return self.of("ecs", f"task-definition/{family}:{revision}")

    def service(self, cluster: str, name: str) -> str:
        return self.of("ecs", f"service/{cluster}/{name}")

    def service_deployment(self, cluster: str, service: str, unique: str) -> str:
        return self.of("ecs", f"service-deployment/{cluster}/{service}/{unique}")

    def task(self, cluster: str, unique: str) -> str:
        return self.of("ecs", f"task/{cluster}/{unique}")

    def repository(self, name: str) -> str:
        return self.of("ecr", f"repository/{name}")

    def load_balancer(self, name: str, unique: str) -> str:
        return self.of("elasticloadbalancing", f"loadbalancer/app/{name}/{unique}")

    def target_group(self, name: str, unique: str) -> str:
        return self.of("elasticloadbalancing", f"targetgroup/{name}/{unique}")

    def listener(self, load_balancer: str, unique: str) -> str:
        return f"{load_balancer.replace(':loadbalancer/', ':listener/')}/{unique}"


def last_part(name: str) -> str:
    """`arn:...:task/Cluster/0123` -> `0123`; a bare name stays as it is."""
    return name.rpartition("/")[2]
