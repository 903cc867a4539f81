from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipline.errors import ProtocolError
from shipline.protocols.image_reference import ImageReference, parse_image_reference

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("name", "registry", "repository", "tag", "digest"),
    [
        ("postgres", "docker.io", "library/postgres", None, None),
        ("postgres:15", "docker.io", "library/postgres", "15", None),
        ("docker:dind", "docker.io", "library/docker", "dind", None),
        ("backstreetacademy/docker-aws", "docker.io", "backstreetacademy/docker-aws", None, None),
        ("gitlab.example.com/test_image", "gitlab.example.com", "test_image", None, None),
        ("localhost/x", "localhost", "x", None, None),
        ("127.0.0.1:5050/acme/app:v1", "127.0.0.1:5050", "acme/app", "v1", None),
        (f"r.example:5050/a@{DIGEST}", "r.example:5050", "a", None, DIGEST),
        (f"r.example:5050/a:1@{DIGEST}", "r.example:5050", "a", "1", DIGEST),
        ("docker.io/library/python:3.11-slim", "docker.io", "library/python", "3.11-slim", None),
        ("index.docker.io/python", "docker.io", "library/python", None, None),
    ],
)
def test_names_are_read_as_docker_reads_them(
    name: str, registry: str, repository: str, tag: str | None, digest: str | None
) -> None:
    assert parse_image_reference(name) == ImageReference(registry, repository, tag, digest)


@pytest.mark.parametrize(
    "name",
    ["", "Upper", "a b", "a:", "a@", "a@sha256:1", "/a", "a//b", "-a", "a:b:c", "r.example:x/a", "a" * 600],
)
def test_invalid_names_are_refused(name: str) -> None:
    with pytest.raises(ProtocolError, match="invalid image name"):
        parse_image_reference(name)


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        reference = parse_image_reference(text)
    except ProtocolError:
        return
    assert parse_image_reference(str(reference)) == reference


def test_an_image_can_be_asked_of_another_registry() -> None:
    reference = parse_image_reference("registry.shipline.internal:5050/acme/app:1")
    assert str(reference.at("127.0.0.1:5050")) == "127.0.0.1:5050/acme/app:1"


def test_hub_images_have_their_short_name() -> None:
    assert str(parse_image_reference("docker.io/library/postgres:15")) == "postgres:15"
