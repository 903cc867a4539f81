"""botocore writes, we read; we write, botocore reads: a real client is the other end."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from shipline.protocols import aws_json, aws_query
from shipline.protocols.aws_errors import AwsError

LOADER = Loader()


def operation(service: str, name: str) -> OperationModel:
    return ServiceModel(LOADER.load_service_model(service, "service-2"), service).operation_model(name)


GROUP: dict[str, Any] = {
    "Name": "app",
    "Port": 8000,
    "HealthCheckEnabled": True,
    "Matcher": {"HttpCode": "200-299"},
    "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b"}],
}


def test_a_query_request_is_read_as_it_was_meant() -> None:
    model = operation("elbv2", "CreateTargetGroup")
    form = create_serializer("query").serialize_to_request(GROUP, model)["body"]
    assert aws_query.read({key: str(value) for key, value in form.items()}, model) == GROUP


def test_a_query_answer_is_read_by_botocore() -> None:
    model = operation("elbv2", "DescribeLoadBalancers")
    result = {
        "LoadBalancers": [
            {
                "LoadBalancerArn": "arn:1",
                "CreatedTime": 1700000000.0,
                "State": {"Code": "active"},
                "AvailabilityZones": [{"ZoneName": "a"}, {"ZoneName": "b"}],
            }
        ]
    }
    body = aws_query.write(result, model, "http://example.com/", "request-1")
    parser = create_parser("query")
    parsed = parser.parse({"body": body, "headers": {}, "status_code": 200}, model.output_shape)
    (found,) = parsed["LoadBalancers"]
    assert found["CreatedTime"].timestamp() == 1700000000
    assert [zone["ZoneName"] for zone in found["AvailabilityZones"]] == ["a", "b"]


def test_a_query_error_is_read_by_botocore() -> None:
    error = aws_query.write_error(AwsError("TargetGroupNotFound", "no <such> group"), "", "r")
    parsed = create_parser("query").parse({"body": error, "headers": {}, "status_code": 400}, None)
    assert parsed["Error"]["Code"] == "TargetGroupNotFound"
    assert parsed["Error"]["Message"] == "no <such> group"


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        (b"{", "SerializationException", "not JSON"),
        (b"[]", "InvalidParameterException", "must be an object"),
        (b"{}", "InvalidParameterException", "Missing required parameter: services"),
        (b'{"services": "app"}', "InvalidParameterException", "services must be a list"),
        (b'{"services": [1]}', "InvalidParameterException", "services[0] must be a string"),
        (b'{"services": ["a"], "include": ["EVERYTHING"]}', "InvalidParameterException", "one of TAGS"),
        (b"[" * 100_000, "SerializationException", "not JSON"),
    ],
)
def test_a_json_request_that_does_not_fit_says_where(body: bytes, code: str, says: str) -> None:
    with pytest.raises(AwsError) as caught:
        aws_json.read(body, operation("ecs", "DescribeServices"))
    assert caught.value.code == code
    assert says in caught.value.message


def test_members_that_nobody_knows_are_left_out_as_aws_does() -> None:
    body = json.dumps({"services": ["a"], "colour": "red"}).encode()
    assert aws_json.read(body, operation("ecs", "DescribeServices")) == {"services": ["a"]}


def test_a_number_in_a_form_must_be_one() -> None:
    form = {"Name": "app", "Port": "eight"}
    with pytest.raises(AwsError, match="Port must be a number"):
        aws_query.read(form, operation("elbv2", "CreateTargetGroup"))


def test_a_form_with_no_parameters_is_an_error_that_names_the_first() -> None:
    with pytest.raises(AwsError, match="Missing required parameter: Name"):
        aws_query.read({"Action": "CreateTargetGroup"}, operation("elbv2", "CreateTargetGroup"))


@pytest.mark.parametrize(
    "header",
    [
        "",
        "CreateCluster",
        "Unknown_1.Create",
        "AmazonEC2ContainerServiceV20141113.",
        "AmazonEC2ContainerServiceV20141113.a b",
    ],
)
def test_a_target_that_is_no_operation_is_refused(header: str) -> None:
    with pytest.raises(AwsError, match="UnknownOperation"):
        aws_json.target(header)
