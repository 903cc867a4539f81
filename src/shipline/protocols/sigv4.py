"""AWS Signature Version 4, checked: is this request from whom it says it is?

Source: "Authenticating requests (AWS Signature Version 4)". The canonical request is computed by botocore,
from the headers that the request says were signed.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from shipline.protocols.aws_errors import AwsError

SKEW_SECONDS = 15 * 60
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=([^/,\s]+)/(\d{8})/([^/,\s]+)/([^/,\s]+)/aws4_request, *"
    r"SignedHeaders=([a-z0-9;_-]+), *Signature=([0-9a-f]{64})"
)


def verify(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    secret_of: Callable[[str], str | None],
    now: float,
) -> str:
    """The access key id that signed the request. `headers` by lower-case name; `url` with host and query;
    `now` in seconds since the epoch. Raises AwsError with the code that AWS's JSON services answer."""
    given = headers.get("authorization", "")
    if not given:
        raise AwsError("MissingAuthenticationTokenException", "Missing Authentication Token", 403)
    match = _AUTHORIZATION.fullmatch(given.strip())
    if match is None:
        raise AwsError("IncompleteSignatureException", "The Authorization header is not complete.", 400)
    key_id, date, region, service, names, signature = match.groups()
    secret = secret_of(key_id)
    if secret is None:
        raise AwsError(
            "UnrecognizedClientException", "The security token included in the request is invalid.", 403
        )
    sent = headers.get("x-amz-date", "")
    if not sent.startswith(date) or abs(_seconds(sent) - now) > SKEW_SECONDS:
        raise AwsError("InvalidSignatureException", f"Signature expired or not yet current: {sent[:32]}", 403)
    request = AWSRequest(
        method=method,
        url=url,
        headers={name: headers.get(name, "") for name in names.split(";")},
        data=body,
    )
    request.context["timestamp"] = sent
    signer = SigV4Auth(Credentials(key_id, secret), service, region)
    expected = signer.signature(
        signer.string_to_sign(request, signer.canonical_request(request)),
        request,
    )
    if not hmac.compare_digest(expected, signature):
        raise AwsError(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. "
            "Check your AWS Secret Access Key and signing method.",
            403,
        )
    return key_id


def _seconds(text: str) -> float:
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return float("-inf")
