"""The registry's tokens: what is asked for, what is given, and who believes it."""

from __future__ import annotations

import base64
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from shipline.protocols.registry_token import (
    ALGORITHM,
    ECR_ISSUER,
    LIFETIME_SECONDS,
    SCOPE_LIMIT,
    Scope,
    ecr_password,
    is_ecr_password,
    parse_scopes,
    registry_token,
)

KEY = ec.generate_private_key(ec.SECP256R1())


def certificate(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tokens")])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .sign(key, hashes.SHA256())
    )


CERTIFICATE = certificate(KEY)


def public(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


@pytest.mark.parametrize(
    ("asked", "scopes"),
    [
        ([], []),
        ([""], []),
        (["repository:app:pull"], [("repository", "app", ["pull"])]),
        (["repository:acme/app:pull,push"], [("repository", "acme/app", ["pull", "push"])]),
        (["repository:acme/my-app_2.x/web:*"], [("repository", "acme/my-app_2.x/web", ["*"])]),
        (["registry:catalog:*"], [("registry", "catalog", ["*"])]),
        (["repository(plugin):acme/app:pull"], [("repository", "acme/app", ["pull"])]),
        (["repository:app:"], [("repository", "app", [])]),
        (["repository:app:pull,,push,"], [("repository", "app", ["pull", "push"])]),
        (
            ["repository:a:pull repository:b:push", "repository:c:pull"],
            [("repository", "a", ["pull"]), ("repository", "b", ["push"]), ("repository", "c", ["pull"])],
        ),
        (["repository:app"], []),
        (["repository"], []),
        (["user:me:pull"], []),
        (["Repository:app:pull"], []),
        (["repository:Acme/App:pull"], []),
        (["repository::pull"], []),
        (["repository:/app:pull"], []),
        (["repository:app/:pull"], []),
        (["repository:../app:pull"], []),
        (["repository:acme/app\x00:pull"], []),
        (["repository:acme/äpp:pull"], []),
    ],
)
def test_scopes_are_read_and_what_is_no_scope_is_left_out(
    asked: list[str], scopes: list[tuple[str, str, list[str]]]
) -> None:
    assert parse_scopes(asked) == tuple(Scope(kind, name, tuple(actions)) for kind, name, actions in scopes)


def test_not_more_scopes_are_read_than_the_limit() -> None:
    asked = [f"repository:app{number}:pull" for number in range(2 * SCOPE_LIMIT)]
    assert len(parse_scopes(asked)) == len(parse_scopes([" ".join(asked)])) == SCOPE_LIMIT


@given(st.lists(st.text(max_size=60), max_size=4))
def test_any_text_is_read_without_an_error(asked: list[str]) -> None:
    for scope in parse_scopes(asked):
        assert scope.kind in ("repository", "registry")
        assert scope.name


def moment() -> int:
    """Now, when it is asked for: whoever believes tokens looks at the clock."""
    return int(time.time())


def token(*granted: Scope, now: int | None = None) -> str:
    return registry_token(
        granted,
        subject="ada",
        service="the-service",
        issuer="the-issuer",
        now=moment() if now is None else now,
        token_id="0a1b",
        key=KEY,
        certificate=CERTIFICATE,
    )


def read(text: str, **arguments: Any) -> dict[str, Any]:
    """As the registry does: the key comes with the token, in a certificate that is trusted."""
    header = jwt.get_unverified_header(text)
    (encoded,) = header["x5c"]
    chain = x509.load_der_x509_certificate(base64.b64decode(encoded, validate=True))
    assert chain == CERTIFICATE
    given = {"audience": "the-service", "issuer": "the-issuer", **arguments}
    key = chain.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    claims: dict[str, Any] = jwt.decode(text, key, [ALGORITHM], **given)
    return claims


def test_a_token_says_what_was_granted() -> None:
    now = moment()
    claims = read(
        token(Scope("repository", "acme/app", ("pull", "push")), Scope("registry", "catalog", ()), now=now)
    )
    assert claims == {
        "iss": "the-issuer",
        "sub": "ada",
        "aud": "the-service",
        "iat": now,
        "nbf": now - 10,
        "exp": now + LIFETIME_SECONDS,
        "jti": "0a1b",
        "access": [
            {"type": "repository", "name": "acme/app", "actions": ["pull", "push"]},
            {"type": "registry", "name": "catalog", "actions": []},
        ],
    }


def test_a_token_for_nothing_is_a_token() -> None:
    assert read(token())["access"] == []


def test_a_token_is_believed_only_in_its_time_and_place() -> None:
    with pytest.raises(jwt.ExpiredSignatureError):
        read(token(now=moment() - LIFETIME_SECONDS - 60))
    with pytest.raises(jwt.ImmatureSignatureError):
        read(token(now=moment() + 3600))
    with pytest.raises(jwt.InvalidAudienceError):
        read(token(), audience="another")
    with pytest.raises(jwt.InvalidIssuerError):
        read(token(), issuer="another")


def password(*, service: str = "the-service", now: int | None = None, lifetime: int = 3600) -> str:
    return ecr_password(service=service, now=now, lifetime=lifetime, token_id="0a1b", key=KEY)


def believed(text: str, *, service: str = "the-service", public_key: bytes | None = None) -> bool:
    return is_ecr_password(
        text, service=service, public_key=public(KEY) if public_key is None else public_key
    )


def test_a_password_of_ecr_is_believed_and_holds_no_colon() -> None:
    assert believed(password())
    assert ":" not in password()
    assert "\n" not in password()


def test_a_password_that_has_expired_is_refused() -> None:
    assert not believed(password(now=moment() - 7200))
    assert believed(password(now=moment() - 7200, lifetime=12 * 3600))


def test_a_password_for_another_service_is_refused() -> None:
    assert not believed(password(service="another"))
    assert not believed(password(), service="another")


def test_a_password_that_somebody_else_signed_is_refused() -> None:
    assert not believed(password(), public_key=public(ec.generate_private_key(ec.SECP256R1())))


def test_a_password_that_was_changed_is_refused() -> None:
    header, claims, signature = password().split(".")
    longer = jwt.utils.base64url_encode(
        jwt.utils.base64url_decode(claims).replace(b'"jti":"0a1b"', b'"jti":"0a1c"')
    ).decode()
    assert longer != claims
    assert not believed(f"{header}.{longer}.{signature}")
    assert not believed(f"{header}.{claims}.")


def test_a_password_without_a_signature_is_refused() -> None:
    claims = {"iss": ECR_ISSUER, "aud": "the-service", "exp": moment() + 3600}
    assert not believed(jwt.encode(claims, None, "none"))


def test_a_password_signed_with_the_public_key_as_if_it_were_a_secret_is_refused() -> None:
    header = jwt.utils.base64url_encode(b'{"alg":"HS256","typ":"JWT"}')
    claims = jwt.utils.base64url_encode(
        f'{{"iss":"{ECR_ISSUER}","aud":"the-service","exp":{moment() + 3600}}}'.encode()
    )
    signed = jwt.get_algorithm_by_name("HS256").sign(header + b"." + claims, public(KEY))
    assert not believed(b".".join([header, claims, jwt.utils.base64url_encode(signed)]).decode())


@pytest.mark.parametrize("missing", ["exp", "iss", "aud"])
def test_a_password_must_say_all_that_is_looked_at(missing: str) -> None:
    claims = {"iss": ECR_ISSUER, "aud": "the-service", "exp": moment() + 3600}
    assert believed(jwt.encode(claims, KEY, ALGORITHM))
    del claims[missing]
    assert not believed(jwt.encode(claims, KEY, ALGORITHM))


def test_a_token_of_the_registry_is_no_password() -> None:
    assert not believed(token())


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "glpat-0123456789", "ä.ö.ü", "." * 100])
def test_what_is_no_token_is_refused(text: str) -> None:
    assert not believed(text)


@pytest.mark.parametrize("public_key", [b"", b"not a key"])
def test_without_a_key_no_password_is_believed(public_key: bytes) -> None:
    assert not believed(password(), public_key=public_key)
