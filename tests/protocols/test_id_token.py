"""ID tokens: what they say, and what verifies them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from shipline.protocols import id_token
from shipline.protocols.id_token import EnvironmentClaims, JobClaims

ISSUER = "https://ci.example.com"
JOB = JobClaims(
    project_id=5,
    project_path="acme/shop/app",
    project_visibility="private",
    namespace_id=4,
    namespace_path="acme/shop",
    user_id=1,
    user_login="sam",
    user_email="sam@example.com",
    user_access_level="developer",
    pipeline_id=30,
    pipeline_source="push",
    job_id=7,
    ref="main",
    ref_type="branch",
    ref_protected=True,
    sha="a" * 40,
    runner_id=9,
)


def said(job: JobClaims = JOB, audience: tuple[str, ...] = ("sts.amazonaws.com",)) -> dict[str, Any]:
    return id_token.claims(job, audience, issuer=ISSUER, now=1000, lifetime=600, token_id="one")


def test_a_token_says_what_gitlab_s_says() -> None:
    assert said() == {
        "iss": ISSUER,
        "sub": "project_path:acme/shop/app:ref_type:branch:ref:main",
        "aud": "sts.amazonaws.com",
        "iat": 1000,
        "nbf": 995,
        "exp": 1600,
        "jti": "one",
        "project_id": "5",
        "project_path": "acme/shop/app",
        "namespace_id": "4",
        "namespace_path": "acme/shop",
        "job_project_id": "5",
        "job_project_path": "acme/shop/app",
        "job_namespace_id": "4",
        "job_namespace_path": "acme/shop",
        "user_id": "1",
        "user_login": "sam",
        "user_email": "sam@example.com",
        "user_access_level": "developer",
        "pipeline_id": "30",
        "pipeline_source": "push",
        "job_id": "7",
        "ref": "main",
        "ref_type": "branch",
        "ref_path": "refs/heads/main",
        "ref_protected": "true",
        "runner_id": 9,
        "runner_environment": "self-hosted",
        "sha": "a" * 40,
        "project_visibility": "private",
    }


def test_a_tag_s_token_names_the_tag() -> None:
    found = said(replace(JOB, ref="v1", ref_type="tag", ref_protected=False))
    assert found["sub"] == "project_path:acme/shop/app:ref_type:tag:ref:v1"
    assert (found["ref_path"], found["ref_protected"]) == ("refs/tags/v1", "false")


def test_a_deployment_s_token_names_its_environment() -> None:
    found = said(replace(JOB, environment=EnvironmentClaims("review/one", "development", "start")))
    assert found["environment"] == "review/one"
    assert (found["deployment_tier"], found["environment_action"]) == ("development", "start")
    assert found["environment_protected"] == "false"


def test_several_audiences_are_a_list() -> None:
    assert said(audience=("a", "b"))["aud"] == ["a", "b"]


def test_where_the_configuration_lies_is_said_when_it_is_a_file() -> None:
    found = said(replace(JOB, config_ref="ci.example.com/acme/app//.gitlab-ci.yml@refs/heads/main"))
    assert found["ci_config_ref_uri"].endswith("//.gitlab-ci.yml@refs/heads/main")
    assert found["ci_config_sha"] == JOB.sha


@pytest.mark.parametrize(("count", "told"), [(0, False), (1, True), (200, True), (201, False)])
def test_a_user_s_groups_are_said_unless_there_are_too_many(count: int, told: bool) -> None:
    assert ("groups_direct" in said(replace(JOB, groups=["acme"] * count))) is told


def test_what_a_token_may_say_is_what_the_discovery_document_lists() -> None:
    everything = replace(
        JOB, config_ref="x", groups=("acme",), environment=EnvironmentClaims("a", "other", "start")
    )
    document = id_token.discovery(ISSUER)
    assert set(said(everything)) == set(document["claims_supported"])
    assert document["issuer"] == ISSUER
    assert document["jwks_uri"] == "https://ci.example.com/oauth/discovery/keys"


def test_another_library_verifies_a_token_by_the_published_key_alone() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    token = id_token.signed(said(), key)
    published = jwt.PyJWKSet.from_dict(id_token.key_set(key.public_key()))
    found = published[jwt.get_unverified_header(token)["kid"]]
    options: Any = {"verify_exp": False}
    read = jwt.decode(token, found, ["RS256"], audience="sts.amazonaws.com", issuer=ISSUER, options=options)
    assert read == said()
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert id_token.key_id(other.public_key()) != id_token.key_id(key.public_key())
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token, other.public_key(), ["RS256"], audience="sts.amazonaws.com", options=options)


def test_the_key_s_name_is_its_thumbprint() -> None:
    """The example of RFC 7638, section 3.1."""
    written = {
        "kty": "RSA",
        "n": (
            "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_"
            "BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_"
            "FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI"
            "4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
        ),
        "e": "AQAB",
    }
    key = jwt.PyJWK(written, algorithm="RS256").key
    assert id_token.key_id(key) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
