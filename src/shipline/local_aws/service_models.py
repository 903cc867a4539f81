"""botocore's models of the services that are served here."""

from __future__ import annotations

from dataclasses import dataclass, field

from botocore.loaders import Loader
from botocore.model import OperationModel, OperationNotFoundError, ServiceModel

from shipline.protocols.aws_errors import AwsError

SERVICES = ("ecs", "ecr", "elbv2", "sts")


@dataclass
class ServiceModels:
    """Loaded once per process, each at its first use."""

    _loader: Loader = field(default_factory=Loader)
    _loaded: dict[str, ServiceModel] = field(default_factory=dict)

    def service(self, name: str) -> ServiceModel:
        if name not in self._loaded:
            self._loaded[name] = ServiceModel(self._loader.load_service_model(name, "service-2"), name)
        return self._loaded[name]

    def operation(self, service: str, name: str) -> OperationModel:
        """Raises AwsError for an operation that AWS does not have either."""
        try:
            return self.service(service).operation_model(name)
        except OperationNotFoundError as error:
            raise AwsError(
                "UnknownOperationException", f"{service} has no operation {name[:80]!r}."
            ) from error
