"""ECR's operations. The images themselves are in the registry; this is its front door for AWS's clients."""

from __future__ import annotations

import base64
import re

from shipline.local_aws.context import Context, Operations, Parameters, Result
from shipline.local_aws.ecr.values import Repository
from shipline.protocols.aws_errors import AwsError
from shipline.protocols.registry_token import ECR_USER, ecr_password

PASSWORD_SECONDS = 12 * 3600
_NAME = re.compile(r"(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*")
_NAME_LENGTH = range(2, 257)


async def create_repository(context: Context, parameters: Parameters) -> Result:
    name = parameters["repositoryName"]
    if len(name) not in _NAME_LENGTH or not _NAME.fullmatch(name):
        raise AwsError("InvalidParameterException", f"Invalid repository name {name[:256]!r}.")
    if not context.config.registry.address:
        raise AwsError("UnsupportedCommandException", "This endpoint was started without a registry.")
    arn = context.arns.repository(name)
    if context.store.repositories.get(arn):
        raise AwsError(
            "RepositoryAlreadyExistsException",
            f"The repository with name '{name}' already exists in the registry with id "
            f"'{context.arns.account}'",
        )
    repository = Repository(
        arn=arn,
        name=name,
        registry_id=context.arns.account,
        created_at=context.clock(),
        mutability=parameters.get("imageTagMutability", "MUTABLE"),
        tags=tuple(parameters.get("tags", ())),
    )
    context.store.repositories.put(arn, repository)
    return {"repository": _document(context, repository)}


async def describe_repositories(context: Context, parameters: Parameters) -> Result:
    names = parameters.get("repositoryNames")
    if names:
        found = [_repository(context, name) for name in names]
    else:
        found = sorted(context.store.repositories, key=lambda repository: repository.name)
    return {"repositories": [_document(context, repository) for repository in found]}


async def delete_repository(context: Context, parameters: Parameters) -> Result:
    """The record only: what was pushed stays in the registry's storage."""
    repository = _repository(context, parameters["repositoryName"])
    context.store.repositories.delete(repository.arn)
    return {"repository": _document(context, repository)}


async def get_authorization_token(context: Context, parameters: Parameters) -> Result:
    now = context.clock()
    password = ecr_password(
        service=context.config.registry.service,
        now=int(now),
        lifetime=PASSWORD_SECONDS,
        token_id=context.new_id(),
        key=context.ecr_key,
    )
    return {
        "authorizationData": [
            {
                "authorizationToken": base64.b64encode(f"{ECR_USER}:{password}".encode()).decode(),
                "expiresAt": now + PASSWORD_SECONDS,
                "proxyEndpoint": f"https://{context.config.registry.address}",
            }
        ]
    }


def _repository(context: Context, name: str) -> Repository:
    found = context.store.repositories.get(context.arns.repository(name))
    if found is None:
        raise AwsError(
            "RepositoryNotFoundException",
            f"The repository with name '{name}' does not exist in the registry with id "
            f"'{context.arns.account}'",
        )
    return found


def _document(context: Context, repository: Repository) -> Result:
    return {
        "repositoryArn": repository.arn,
        "registryId": repository.registry_id,
        "repositoryName": repository.name,
        # The registry's port may be another one after a restart.
        "repositoryUri": f"{context.config.registry.address}/{repository.name}",
        "createdAt": repository.created_at,
        "imageTagMutability": repository.mutability,
        "imageScanningConfiguration": {"scanOnPush": False},
        "encryptionConfiguration": {"encryptionType": "AES256"},
    }


OPERATIONS: Operations = {
    "CreateRepository": create_repository,
    "DescribeRepositories": describe_repositories,
    "DeleteRepository": delete_repository,
    "GetAuthorizationToken": get_authorization_token,
}
