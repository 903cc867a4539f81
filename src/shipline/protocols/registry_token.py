"""The registry's token authentication: scopes asked for, tokens given.

Source: the "Docker Registry v2 authentication" part of CNCF Distribution's specification. A token is a JWT
whose header carries the certificate chain (`x5c`) that the registry trusts.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

LIFETIME_SECONDS = 300
ECR_ISSUER = "shipline-ecr"
ECR_USER = "AWS"
ALGORITHM = "ES256"
SCOPE_LIMIT = 20
_NAME = re.compile(r"[a-z0-9]+(?:[._/-]+[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Scope:
    """`repository:acme/app:pull,push`."""

    kind: str
    name: str
    actions: tuple[str, ...]


def parse_scopes(values: Iterable[str]) -> tuple[Scope, ...]:
    """The scopes of a request: `scope` may be repeated and may hold several. Others than well-formed
    repository and registry scopes are left out: nothing is granted for them."""
    found: list[Scope] = []
    for text in [word for value in values for word in value.split()][:SCOPE_LIMIT]:
        kind, _, rest = text.partition(":")
        # The name may hold a colon: host:port/path.
        name, _, actions = rest.rpartition(":")
        kind = kind.partition("(")[0]
        if kind in ("repository", "registry") and _NAME.fullmatch(name):
            found.append(Scope(kind, name, tuple(action for action in actions.split(",") if action)))
    return tuple(found)


def registry_token(
    granted: Sequence[Scope],
    *,
    subject: str,
    service: str,
    issuer: str,
    now: int,
    token_id: str,
    key: ec.EllipticCurvePrivateKey,
    certificate: x509.Certificate,
) -> str:
    """A signed token for the registry. `now` in seconds since the epoch."""
    claims = {
        "iss": issuer,
        "sub": subject,
        "aud": service,
        "exp": now + LIFETIME_SECONDS,
        "nbf": now - 10,
        "iat": now,
        "jti": token_id,
        "access": [{"type": one.kind, "name": one.name, "actions": list(one.actions)} for one in granted],
    }
    der = certificate.public_bytes(serialization.Encoding.DER)
    return jwt.encode(claims, key, ALGORITHM, headers={"x5c": [base64.b64encode(der).decode()]})


def ecr_password(
    *, service: str, now: int, lifetime: int, token_id: str, key: ec.EllipticCurvePrivateKey
) -> str:
    """What ECR gives as the password of user AWS. Holds no colon, as clients split at it."""
    claims = {"iss": ECR_ISSUER, "aud": service, "iat": now, "exp": now + lifetime, "jti": token_id}
    return jwt.encode(claims, key, ALGORITHM)


def is_ecr_password(password: str, *, service: str, public_key: bytes) -> bool:
    """True when our ECR gave it and it is still valid."""
    try:
        jwt.decode(
            password,
            public_key,
            [ALGORITHM],
            audience=service,
            issuer=ECR_ISSUER,
            options={"require": ["exp", "iss", "aud"]},
        )
    except (jwt.InvalidTokenError, ValueError):
        return False
    return True
