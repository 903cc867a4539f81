"""Signed by botocore's own signer, as every client does; checked by ours."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from shipline.protocols.aws_errors import AwsError
from shipline.protocols.sigv4 import verify

URL = "http://127.0.0.1:4566/"
BODY = b'{"clusterName": "c"}'


def signed(secret: str = "secret", body: bytes = BODY) -> tuple[dict[str, str], float]:
    headers = {"X-Amz-Target": "AmazonEC2ContainerServiceV20141113.CreateCluster", "Host": "127.0.0.1:4566"}
    request = AWSRequest("POST", URL, headers=headers, data=body)
    SigV4Auth(Credentials("AKIA1", secret), "ecs", "us-east-1").add_auth(request)
    found = {key.lower(): value for key, value in request.headers.items()}
    at = datetime.strptime(found["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    return found, at


def check(headers: dict[str, str], now: float, body: bytes = BODY) -> str:
    return verify("POST", URL, headers, body, secret_of={"AKIA1": "secret"}.get, now=now)


def test_a_request_that_is_signed_well_tells_who_signed_it() -> None:
    headers, now = signed()
    assert check(headers, now) == "AKIA1"


def refused(headers: dict[str, str], now: float, body: bytes = BODY) -> str:
    with pytest.raises(AwsError) as caught:
        check(headers, now, body)
    assert "secret" not in caught.value.message.replace("Secret Access Key", "")
    return caught.value.code


def test_another_secret_another_body_or_another_header_is_refused() -> None:
    headers, now = signed("wrong")
    assert refused(headers, now) == "InvalidSignatureException"
    headers, now = signed()
    assert refused(headers, now, b"{}") == "InvalidSignatureException"
    changed = headers | {"x-amz-target": "AmazonEC2ContainerServiceV20141113.DeleteCluster"}
    assert refused(changed, now) == "InvalidSignatureException"


def test_an_old_request_is_refused() -> None:
    headers, now = signed()
    assert refused(headers, now + 16 * 60) == "InvalidSignatureException"


def test_an_unknown_key_no_signature_and_half_a_signature_have_their_own_codes() -> None:
    headers, now = signed()
    unknown = headers | {"authorization": headers["authorization"].replace("AKIA1", "AKIA2")}
    assert refused(unknown, now) == "UnrecognizedClientException"
    assert refused({}, now) == "MissingAuthenticationTokenException"
    assert refused(headers | {"authorization": "AWS4-HMAC-SHA256 x"}, now) == "IncompleteSignatureException"
