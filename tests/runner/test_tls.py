"""Calls over TLS: to a server with a certificate of its own authority, and to one that wants ours."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.runner.scripted import Reply, Scripted, scripted

from shipline.errors import RemoteError
from shipline.runner.http import Api
from shipline.runner.tls import Tls


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that is its own authority, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    crt, pem = folder / f"{name}.crt", folder / f"{name}.key"
    crt.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return crt, pem


@pytest.fixture
def server(tmp_path: Path) -> tuple[Path, Path]:
    return certificate(tmp_path, "server")


@pytest.fixture
def ours(tmp_path: Path) -> tuple[Path, Path]:
    return certificate(tmp_path, "ours")


@pytest.fixture
def script(server: tuple[Path, Path]) -> Iterator[Scripted]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*server)
    with scripted(context) as started:
        started.says("GET /version", Reply(200, {}))
        yield started


@pytest.fixture
def strict(server: tuple[Path, Path], ours: tuple[Path, Path]) -> Iterator[Scripted]:
    """Speaks only to those who show our certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*server)
    context.load_verify_locations(ours[0])
    context.verify_mode = ssl.CERT_REQUIRED
    with scripted(context) as started:
        started.says("GET /version", Reply(200, {}))
        yield started


async def status(script: Scripted, tls: Tls) -> int:
    async with Api(script.url, time.time, tls) as api:
        return (await api.call("version", "GET", "version", tries=1)).status_code


async def test_an_authority_of_one_s_own_is_trusted_when_it_is_named(
    script: Scripted, server: tuple[Path, Path]
) -> None:
    assert await status(script, Tls(ca_file=str(server[0]))) == 200


async def test_without_it_the_server_is_not_believed_and_the_error_says_what_to_do(script: Scripted) -> None:
    with pytest.raises(RemoteError, match="CERTIFICATE_VERIFY_FAILED") as caught:
        await status(script, Tls())
    assert "tls-ca-file" in caught.value.hint
    assert script.asked == []


async def test_a_certificate_beside_the_config_is_used(
    script: Scripted, server: tuple[Path, Path], tmp_path: Path
) -> None:
    (tmp_path / "certs").mkdir()
    server[0].rename(tmp_path / "certs" / "127.0.0.1.crt")
    assert await status(script, Tls().or_beside(tmp_path / "config.toml", script.url)) == 200


async def test_our_certificate_is_shown_to_a_server_that_wants_one(
    strict: Scripted, server: tuple[Path, Path], ours: tuple[Path, Path]
) -> None:
    assert await status(strict, Tls(str(server[0]), str(ours[0]), str(ours[1]))) == 200
    with pytest.raises(RemoteError, match="cannot be reached"):
        await status(strict, Tls(ca_file=str(server[0])))
