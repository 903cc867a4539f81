"""The private authority and what it signs, held against real TLS."""

from __future__ import annotations

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from shipline.host.certificates import ensure_authority, issue_server

NAMES = ["registry.shipline.internal", "localhost", "127.0.0.1", "172.17.0.1", "::1"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ensure_authority(tmp_path / "registry")
    issue_server(tmp_path / "registry", NAMES)
    return tmp_path / "registry"


def said(folder: Path, name: str, authority: Path | None = None) -> bytes:
    """What a server with the folder's certificate says to a client that knows it as `name`."""
    ours, theirs = socket.socketpair()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    client = ssl.create_default_context(cafile=str((authority or folder) / "ca.crt"))
    client.verify_flags |= ssl.VERIFY_X509_STRICT

    def serve() -> None:
        with theirs:
            try:
                with server.wrap_socket(theirs, server_side=True) as connection:
                    connection.sendall(b"hello")
            except ssl.SSLError:
                # The client tells its side of it.
                return

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with ours, client.wrap_socket(ours, server_hostname=name) as connection:
            return connection.recv(5)
    finally:
        thread.join()


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


@pytest.mark.parametrize("name", NAMES)
def test_a_strict_client_that_trusts_the_authority_trusts_the_server(folder: Path, name: str) -> None:
    assert said(folder, name) == b"hello"


@pytest.mark.parametrize("name", ["elsewhere.example", "127.0.0.2", "sub.localhost"])
def test_the_server_is_trusted_for_its_names_only(folder: Path, name: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match=r"mismatch|not valid for"):
        said(folder, name)


def test_another_authority_is_not_trusted(folder: Path, tmp_path: Path) -> None:
    ensure_authority(tmp_path / "other")
    with pytest.raises(ssl.SSLCertVerificationError):
        said(folder, "localhost", tmp_path / "other")


def test_the_authority_is_made_once(folder: Path) -> None:
    before = {name: (folder / name).read_bytes() for name in ("ca.crt", "ca.key")}
    ensure_authority(folder)
    assert {name: (folder / name).read_bytes() for name in before} == before


@pytest.mark.parametrize("gone", ["ca.crt", "ca.key"])
def test_half_an_authority_is_made_anew(folder: Path, gone: str) -> None:
    (folder / gone).unlink()
    ensure_authority(folder)
    issue_server(folder, NAMES)
    assert said(folder, "localhost") == b"hello"


def test_a_server_certificate_follows_its_names(folder: Path) -> None:
    issue_server(folder, ["gitlab.example.com"])
    assert said(folder, "gitlab.example.com") == b"hello"
    with pytest.raises(ssl.SSLCertVerificationError):
        said(folder, "localhost")


def test_clients_keep_their_trust_when_the_server_gets_a_new_certificate(folder: Path) -> None:
    before = certificate(folder / "tls.crt")
    issue_server(folder, NAMES)
    after = certificate(folder / "tls.crt")
    assert after.serial_number != before.serial_number
    assert said(folder, "localhost") == b"hello"


def test_keys_are_for_their_owner_only(folder: Path) -> None:
    for name in ("ca.key", "tls.key"):
        assert (folder / name).stat().st_mode & 0o7777 == 0o600


def test_a_key_that_others_could_read_does_not_stay_so(folder: Path) -> None:
    (folder / "tls.key").chmod(0o644)
    issue_server(folder, NAMES)
    assert (folder / "tls.key").stat().st_mode & 0o7777 == 0o600


def test_a_key_is_not_written_through_a_link(folder: Path, tmp_path: Path) -> None:
    (folder / "tls.key").unlink()
    (folder / "tls.key").symlink_to(tmp_path / "elsewhere")
    issue_server(folder, NAMES)
    assert not (tmp_path / "elsewhere").exists()


def test_the_server_can_sign_nothing(folder: Path) -> None:
    made = certificate(folder / "tls.crt")
    assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    authority = certificate(folder / "ca.crt").extensions
    assert authority.get_extension_for_class(x509.BasicConstraints).value.path_length == 0


def test_certificates_are_valid_now_and_the_servers_not_too_long(folder: Path) -> None:
    now = datetime.now(UTC)
    for name in ("ca.crt", "tls.crt"):
        made = certificate(folder / name)
        assert made.not_valid_before_utc < now < made.not_valid_after_utc
    # TLS clients of Apple refuse more than 825 days.
    assert made.not_valid_after_utc - made.not_valid_before_utc < timedelta(days=825)


def test_a_key_of_another_kind_is_refused(folder: Path) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    encoded = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "ca.key").write_bytes(encoded)
    with pytest.raises(ValueError, match="is not the key that shipline made"):
        issue_server(folder, NAMES)
