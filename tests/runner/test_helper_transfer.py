"""The helper's files over HTTP: tries, redirects, limits; and its caches."""

from __future__ import annotations

import io
import json
import os
import ssl
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from shipline_helper import transfer
from tests.runner.file_server import FileServer, file_server

from shipline.runner.executor.helper_files import program_folder

TOKEN = "glcbt-secret"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    with file_server(tmp_path / "server") as (files, _):
        yield files


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "builds" / "app"
    folder.mkdir(parents=True)
    return folder


def call(verb: str, asked: Mapping[str, Any]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-S", str(program_folder()), verb],
        input=json.dumps({"pause": 0.001, **asked}) + "\n",
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": os.environ["PATH"]},
    )


def upload(server: FileServer, root: Path, **fields: Any) -> subprocess.CompletedProcess[str]:
    (root / "a").write_text("content")
    entry = {"name": "", "type": "archive", "format": "zip", "paths": ["a"], "exclude": [], "untracked": False,
             "expire_in": "", **fields}  # fmt: skip
    url = server.url("/api/v4/jobs/7/artifacts")
    return call("upload", {"url": url, "token": TOKEN, "root": str(root), "entries": [entry]})


def tried(server: FileServer) -> int:
    return len(server.asked)


@pytest.mark.parametrize(
    ("answers", "tries", "code"),
    [
        ([], 1, 0),
        ([503] * 5, 6, 0),
        ([503] * 6, 6, 1),
        ([500, 502], 3, 0),
        ([500] * 3, 3, 1),
        ([429, 408], 3, 0),
        ([413], 1, 1),
        ([403], 1, 1),
        ([400], 1, 1),
    ],
)
def test_an_upload_is_tried_as_often_as_its_answer_deserves(
    server: FileServer, root: Path, answers: list[int], tries: int, code: int
) -> None:
    server.answers += answers
    done = upload(server, root)
    assert (tried(server), done.returncode) == (tries, code), done.stdout


def test_an_upload_follows_to_where_it_is_sent_with_all_of_it(server: FileServer, root: Path) -> None:
    server.answers.append(
        (307, server.url("/elsewhere/jobs/7/artifacts?artifact_format=zip&artifact_type=archive"))
    )
    done = upload(server, root)
    assert done.returncode == 0, done.stdout
    assert [one.path for one in server.asked] == ["/api/v4/jobs/7/artifacts", "/elsewhere/jobs/7/artifacts"]
    assert len(server.uploaded) == 1


def test_an_upload_that_is_sent_in_circles_ends(server: FileServer, root: Path) -> None:
    server.answers += [(307, server.url("/round/jobs/7/artifacts"))] * 100
    done = upload(server, root)
    assert done.returncode == 1
    assert "redirects again and again" in done.stdout
    assert tried(server) == transfer.REDIRECT_LIMIT * transfer.TRIES


def test_an_upload_to_where_nobody_is_fails_with_a_sentence(root: Path) -> None:
    done = upload(FileServer(port=1), root)
    assert done.returncode == 1
    assert "Connection refused" in done.stdout
    assert "ERROR: the artifacts could not be uploaded" in done.stdout
    assert "Traceback" not in done.stderr


def download(server: FileServer, root: Path, **fields: Any) -> subprocess.CompletedProcess[str]:
    url = server.url("/api/v4/jobs/5/artifacts")
    return call(
        "download",
        {
            "root": str(root),
            "dependencies": [{"url": url, "token": TOKEN, "id": 5, "name": "build"}],
            **fields,
        },
    )


def packed(**members: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name, content in members.items():
            made.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize("status", [302, 307])
def test_a_download_follows_a_redirect_without_the_token(server: FileServer, root: Path, status: int) -> None:
    server.artifacts = {5: packed(a="x"), 9: packed(a="from the store")}
    server.answers.append((status, server.url("/jobs/9/signed")))
    done = download(server, root)
    assert done.returncode == 0, done.stdout
    assert (root / "a").read_text() == "from the store"
    first, second = server.asked
    assert first.headers["JOB-TOKEN"] == TOKEN
    assert "JOB-TOKEN" not in second.headers
    assert TOKEN not in done.stdout


def test_where_the_store_refuses_the_coordinator_is_asked_for_the_file_itself(
    server: FileServer, root: Path
) -> None:
    server.artifacts[5] = packed(a="x")
    server.answers += [(302, server.url("/jobs/9/signed")), 403]
    assert download(server, root).returncode == 0
    assert [one.query for one in server.asked] == [{"direct_download": "true"}, {}, {}]
    assert (root / "a").read_text() == "x"


@pytest.mark.parametrize(
    ("answers", "tries"), [([401], 1), ([403], 1), ([404], 1), ([500] * 3, 3), ([503] * 6, 6)]
)
def test_a_download_that_is_refused_is_a_failure(
    server: FileServer, root: Path, answers: list[int], tries: int
) -> None:
    server.artifacts[5] = packed(a="x")
    server.answers += answers
    assert download(server, root).returncode == 1
    assert tried(server) == tries


def test_a_download_that_is_cut_off_is_tried_again(tmp_path: Path, server: FileServer) -> None:
    class Cut:
        length = 10
        pieces = [b"12345", b""]  # noqa: RUF012

        def read(self, _size: int) -> bytes:
            return self.pieces.pop(0)

    with (tmp_path / "f").open("wb") as file, pytest.raises(OSError, match="only 5 of 10 bytes came"):
        transfer.take(Cut(), file, 100)


def test_no_more_than_the_limit_is_taken(server: FileServer, tmp_path: Path) -> None:
    server.artifacts[5] = b"x" * 1000
    url = server.url("/api/v4/jobs/5/artifacts")
    with (tmp_path / "f").open("wb") as file:
        assert transfer.fetch(url, file, limit=1000) == 200
        with pytest.raises(transfer.TooLarge, match="more than 999 bytes"):
            transfer.fetch(url, file, limit=999)


def test_what_is_no_archive_is_told_and_nothing_of_it_stays(server: FileServer, root: Path) -> None:
    server.artifacts[5] = b"this is no archive"
    done = download(server, root)
    assert done.returncode == 1
    assert "ERROR: the archive cannot be read" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://x/y"])
def test_no_redirect_leads_to_another_kind_of_address(server: FileServer, root: Path, address: str) -> None:
    server.answers += [(302, address)] * 3
    done = download(server, root)
    assert done.returncode == 1
    assert "is no scheme for files" in done.stdout


def test_from_an_address_with_tls_none_without_is_followed() -> None:
    class Answer:
        status = 302

        def getheader(self, _name: str, _default: str) -> str:
            return "http://elsewhere/"

    with pytest.raises(OSError, match="redirects to an address without TLS"):
        transfer.moved(Answer(), "https://x/y")


@dataclass(frozen=True)
class Authority:
    """An authority whose certificate is also a server's and a client's."""

    certificate: str
    key: str


@pytest.fixture(scope="module")
def authority() -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Authority(made.public_bytes(Encoding.PEM).decode(), private.decode())


@pytest.fixture
def secure(authority: Authority, tmp_path: Path) -> Iterator[FileServer]:
    """A server that wants to see a client's certificate."""
    file = tmp_path / "server.pem"
    file.write_text(authority.certificate + authority.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    context.load_verify_locations(cadata=authority.certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    with file_server(tmp_path / "server", tls=context) as (files, _):
        files.artifacts[5] = packed(a="x")
        yield files


def secure_download(
    server: FileServer, root: Path, tls: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    url = f"https://localhost:{server.port}/api/v4/jobs/5/artifacts"
    dependencies = [{"url": url, "token": TOKEN, "id": 5, "name": "build"}]
    return call("download", {"root": str(root), "dependencies": dependencies, "tls": tls})


def test_a_server_with_an_authority_of_its_own_that_wants_to_know_us_is_reached(
    secure: FileServer, authority: Authority, root: Path
) -> None:
    known = {"authority": authority.certificate, "certificate": authority.certificate, "key": authority.key}
    done = secure_download(secure, root, known)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (root / "a").read_text() == "x"


def test_a_server_that_nobody_vouches_for_is_not_talked_to(secure: FileServer, root: Path) -> None:
    done = secure_download(secure, root, {})
    assert done.returncode == 1
    assert "certificate verify failed" in done.stdout
    assert secure.asked == []


def test_to_where_a_server_redirects_no_certificate_of_ours_is_shown() -> None:
    assert transfer.trusted({"authority": "a", "certificate": "c", "key": "k"}) == {"authority": "a"}
    assert transfer.trusted(None) is None


def keep(root: Path, file: Path, **fields: Any) -> subprocess.CompletedProcess[str]:
    one = {"key": "k", "file": str(file), "url": "", "paths": ["deps"], "untracked": False}
    one |= {key: fields.pop(key) for key in ("url", "paths") if key in fields}
    return call("cache_archive", {"root": str(root), "caches": [one], **fields})


def extract(root: Path, *candidates: tuple[str, Path, str]) -> subprocess.CompletedProcess[str]:
    listed = [{"key": key, "file": str(file), "url": url} for key, file, url in candidates]
    return call("cache_extract", {"root": str(root), "caches": [listed]})


def fill(root: Path) -> None:
    (root / "deps").mkdir()
    (root / "deps" / "a").write_text("content")
    os.utime(root / "deps" / "a", (1_600_000_000, 1_600_000_000))


def test_a_cache_keeps_the_times_of_its_files(root: Path, tmp_path: Path) -> None:
    fill(root)
    file = tmp_path / "cache" / "k" / "cache.zip"
    assert "Created cache" in keep(root, file).stdout
    other = tmp_path / "other"
    other.mkdir()
    assert "Successfully extracted cache" in extract(other, ("k", file, "")).stdout
    assert (other / "deps" / "a").stat().st_mtime == 1_600_000_000
    assert "Archive is up to date!" in keep(other, file).stdout


def test_a_cache_of_nothing_is_not_kept_and_the_one_before_stays(root: Path, tmp_path: Path) -> None:
    fill(root)
    file = tmp_path / "cache.zip"
    keep(root, file)
    before = file.read_bytes()
    done = keep(root, file, paths=["nothing"])
    assert (done.returncode, file.read_bytes()) == (0, before)
    assert "Failed to create cache" in done.stdout


def test_a_cache_that_cannot_be_sent_leaves_no_part_behind(
    server: FileServer, root: Path, tmp_path: Path
) -> None:
    fill(root)
    folder = tmp_path / "cache"
    done = keep(root, folder / "cache.zip", url=server.url("/store/x?X-Amz-Signature=s3cret"))
    assert done.returncode == 0
    assert "could not be uploaded (status 403)" in done.stdout
    assert "s3cret" not in done.stdout + done.stderr
    assert list(folder.iterdir()) == []


def test_of_several_caches_the_first_that_is_there_is_taken(root: Path, tmp_path: Path) -> None:
    good = tmp_path / "good.zip"
    good.write_bytes(packed(a="good"))
    done = extract(root, ("none", tmp_path / "none.zip", ""), ("good", good, ""), ("more", good, ""))
    assert (root / "a").read_text() == "good"
    assert "Checking cache for more" not in done.stdout


@pytest.mark.parametrize(
    "content", [b"", b"no archive", b"PK\x05\x06" + b"\0" * 18, packed(**{"../evil": "x"})]
)
def test_a_bad_cache_is_told_and_no_failure(root: Path, tmp_path: Path, content: bytes) -> None:
    bad, good = tmp_path / "bad.zip", tmp_path / "good.zip"
    bad.write_bytes(content)
    good.write_bytes(packed(a="good"))
    done = extract(root, ("bad", bad, ""), ("good", good, ""))
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert not (root.parent / "evil").exists()
    empty = content.startswith(b"PK\x05")
    assert (root / "a").exists() is not empty
