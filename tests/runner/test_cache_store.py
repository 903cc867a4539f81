"""Signed addresses for caches. That a store takes them is tested with whole jobs."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from shipline.errors import UsageError
from shipline.runner.cache_store import VALID_SECONDS, CacheStore
from shipline.runner.config_file import CacheSection, S3Section

S3 = S3Section(access_key="AKIA", secret_key="s3cret", bucket_name="caches", bucket_location="eu-central-1")


def store(**fields: object) -> CacheStore:
    return CacheStore(CacheSection(type="s3", s3=replace(S3, **fields)))  # type: ignore[arg-type]


def test_an_address_is_good_for_one_object_and_one_hour() -> None:
    parts = urlsplit(store().get_url("project/3/a b"))
    query = {key: one for key, (one,) in parse_qs(parts.query).items()}
    assert (parts.scheme, parts.netloc) == ("https", "caches.s3.eu-central-1.amazonaws.com")
    assert parts.path == "/project/3/a%20b"
    assert query["X-Amz-Expires"] == str(VALID_SECONDS)
    assert query["X-Amz-Credential"].startswith("AKIA/")
    assert "s3cret" not in parts.query


def test_reading_and_writing_are_signed_apart() -> None:
    made = store()
    signatures = [
        parse_qs(urlsplit(url).query)["X-Amz-Signature"] for url in (made.get_url("x"), made.put_url("x"))
    ]
    assert signatures[0] != signatures[1]


@pytest.mark.parametrize(
    ("fields", "address"),
    [
        ({"server_address": "s3.example:9000", "insecure": True}, "http://s3.example:9000/caches/x"),
        ({"server_address": "s3.example"}, "https://s3.example/caches/x"),
        ({"server_address": "s3.example", "path_style": False}, "https://caches.s3.example/x"),
        ({"server_address": "s3.amazonaws.com"}, "https://caches.s3.eu-central-1.amazonaws.com/x"),
        ({"path_style": True}, "https://s3.eu-central-1.amazonaws.com/caches/x"),
    ],
)
def test_the_server_and_the_style_are_the_configs(fields: dict[str, object], address: str) -> None:
    assert store(**fields).get_url("x").partition("?")[0] == address


def test_a_session_token_goes_with_the_keys() -> None:
    query = parse_qs(urlsplit(store(session_token="session").get_url("x")).query)
    assert query["X-Amz-Security-Token"] == ["session"]


def test_without_a_bucket_nothing_can_be_signed() -> None:
    with pytest.raises(UsageError, match="has no BucketName"):
        store(bucket_name="").get_url("x")


def test_a_store_does_not_show_its_keys() -> None:
    made = store()
    made.get_url("x")
    assert "s3cret" not in repr(made)
