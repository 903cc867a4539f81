"""AWS JSON 1.1: the operation in the header X-Amz-Target, JSON in and out, times as seconds since the epoch.

Source: botocore's `json` protocol. An error is `{"__type": code, "message": ...}`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from botocore.model import OperationModel

from shipline.errors import ProtocolError
from shipline.protocols.aws_errors import AwsError
from shipline.protocols.aws_shapes import conform

CONTENT_TYPE = "application/x-amz-json-1.1"
SERVICES = {
    "AmazonEC2ContainerServiceV20141113": "ecs",
    "AmazonEC2ContainerRegistry_V20150921": "ecr",
}


def target(header: str) -> tuple[str, str]:
    """`AmazonEC2ContainerServiceV20141113.CreateCluster` -> `("ecs", "CreateCluster")`."""
    prefix, _, operation = header.rpartition(".")
    if prefix not in SERVICES or not operation.isalnum():
        raise AwsError("UnknownOperationException", f"There is no operation {header[:120]!r} here.")
    return SERVICES[prefix], operation


def read(body: bytes, model: OperationModel) -> dict[str, Any]:
    """The request's parameters. Raises AwsError (SerializationException, InvalidParameterException)."""
    try:
        document = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise AwsError("SerializationException", "The body is not JSON.") from error
    try:
        return dict(conform(document, model.input_shape)) if model.input_shape else {}
    except ProtocolError as error:
        raise AwsError("InvalidParameterException", error.message) from error


def write(result: Mapping[str, Any]) -> bytes:
    return json.dumps(result, separators=(",", ":")).encode()


def write_error(error: AwsError) -> bytes:
    return json.dumps({"__type": error.code, "message": error.message}).encode()
