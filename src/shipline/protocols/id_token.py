"""ID tokens: JWTs by which a job proves to others what it is, and what those others verify them with.

Source: GitLab's documentation "OpenID Connect (OIDC) authentication using ID tokens", OpenID Connect Discovery
1.0, RFC 7517 (keys) and RFC 7638 (their names). AWS asks for these in AssumeRoleWithWebIdentity.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

ALGORITHM = "RS256"
KEY_BITS = 2048
# In seconds: clocks of others may be behind ours.
NOT_BEFORE = 5
DISCOVERY_PATH = "/.well-known/openid-configuration"
KEYS_PATH = "/oauth/discovery/keys"
# A list of groups that is longer is left out: the token stands in headers.
GROUPS_LIMIT = 200
# GitLab's names of its access levels.
LEVELS = {10: "guest", 20: "reporter", 30: "developer", 40: "maintainer", 50: "owner"}
SELF_HOSTED = "self-hosted"
CLAIMS = (
    "iss", "sub", "aud", "iat", "nbf", "exp", "jti",
    "project_id", "project_path", "namespace_id", "namespace_path",
    "job_project_id", "job_project_path", "job_namespace_id", "job_namespace_path",
    "user_id", "user_login", "user_email", "user_access_level", "groups_direct",
    "pipeline_id", "pipeline_source", "job_id", "ref", "ref_type", "ref_path", "ref_protected",
    "environment", "environment_protected", "deployment_tier", "environment_action",
    "runner_id", "runner_environment", "sha", "project_visibility", "ci_config_ref_uri", "ci_config_sha",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class EnvironmentClaims:
    name: str
    tier: str
    action: str
    protected: bool = False


@dataclass(frozen=True, slots=True)
class JobClaims:
    """What a token says of its job. `ref` of a merge request is its source branch. `config_ref` is where the
    pipeline's configuration lies (`host/project//file@ref`), empty when it is no file of a repository."""

    project_id: int
    project_path: str
    project_visibility: str
    namespace_id: int | None
    namespace_path: str
    user_id: int | None
    user_login: str
    user_email: str
    user_access_level: str
    pipeline_id: int
    pipeline_source: str
    job_id: int
    ref: str
    ref_type: str
    ref_protected: bool
    sha: str
    runner_id: int
    config_ref: str = ""
    groups: Sequence[str] = ()
    environment: EnvironmentClaims | None = None


def claims(
    job: JobClaims, audience: Sequence[str], *, issuer: str, now: int, lifetime: int, token_id: str
) -> dict[str, Any]:
    """`now` in seconds since the epoch, `lifetime` in seconds: the job's timeout. Numbers of rows are text, as
    GitLab's are."""
    made: dict[str, Any] = {
        "iss": issuer,
        "sub": f"project_path:{job.project_path}:ref_type:{job.ref_type}:ref:{job.ref}",
        "aud": audience[0] if len(audience) == 1 else list(audience),
        "iat": now,
        "nbf": now - NOT_BEFORE,
        "exp": now + lifetime,
        "jti": token_id,
        **_project(job, ""),
        **_project(job, "job_"),
        "user_id": _text(job.user_id),
        "user_login": job.user_login,
        "user_email": job.user_email,
        "pipeline_id": str(job.pipeline_id),
        "pipeline_source": job.pipeline_source,
        "job_id": str(job.job_id),
        "ref": job.ref,
        "ref_type": job.ref_type,
        "ref_path": f"refs/{'tags' if job.ref_type == 'tag' else 'heads'}/{job.ref}",
        "ref_protected": _truth(job.ref_protected),
        "runner_id": job.runner_id,
        "runner_environment": SELF_HOSTED,
        "sha": job.sha,
        "project_visibility": job.project_visibility,
    }
    if job.user_access_level:
        made["user_access_level"] = job.user_access_level
    if job.config_ref:
        made |= {"ci_config_ref_uri": job.config_ref, "ci_config_sha": job.sha}
    if job.groups and len(job.groups) <= GROUPS_LIMIT:
        made["groups_direct"] = list(job.groups)
    if job.environment is not None:
        made |= {
            "environment": job.environment.name,
            "environment_protected": _truth(job.environment.protected),
            "deployment_tier": job.environment.tier,
            "environment_action": job.environment.action,
        }
    return made


def _project(job: JobClaims, prefix: str) -> dict[str, str]:
    """Once of where the code is from, once of where the job runs: there are no forks here, it is the same."""
    return {
        f"{prefix}project_id": str(job.project_id),
        f"{prefix}project_path": job.project_path,
        f"{prefix}namespace_id": _text(job.namespace_id),
        f"{prefix}namespace_path": job.namespace_path,
    }


def _text(number: int | None) -> str:
    return "" if number is None else str(number)


def _truth(value: bool) -> str:
    return "true" if value else "false"


def signed(content: Mapping[str, Any], key: rsa.RSAPrivateKey) -> str:
    return jwt.encode(dict(content), key, ALGORITHM, headers={"kid": key_id(key.public_key())})


def _numbers(key: rsa.RSAPublicKey) -> dict[str, str]:
    found = key.public_numbers()

    def encoded(number: int) -> str:
        content = number.to_bytes((number.bit_length() + 7) // 8, "big")
        return base64.urlsafe_b64encode(content).rstrip(b"=").decode()

    return {"e": encoded(found.e), "kty": "RSA", "n": encoded(found.n)}


def key_id(key: rsa.RSAPublicKey) -> str:
    """The key's thumbprint: another key is never called so."""
    content = json.dumps(_numbers(key), separators=(",", ":"), sort_keys=True).encode()
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def key_set(key: rsa.RSAPublicKey) -> dict[str, Any]:
    """What stands at KEYS_PATH."""
    return {"keys": [{**_numbers(key), "kid": key_id(key), "use": "sig", "alg": ALGORITHM}]}


def discovery(issuer: str) -> dict[str, Any]:
    """What stands at DISCOVERY_PATH, below the issuer's address. Nobody signs in with these tokens: the members
    for that are what the standard asks for, and no more."""
    return {
        "issuer": issuer,
        "jwks_uri": f"{issuer}{KEYS_PATH}",
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "scopes_supported": ["openid"],
        "claims_supported": list(CLAIMS),
    }
