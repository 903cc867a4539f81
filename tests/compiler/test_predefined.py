from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipline.compiler import CommitFacts, ProjectFacts, PushFacts, ServerFacts, predefined_variables
from shipline.compiler.predefined import slug

SERVER = ServerFacts("https://gitlab.example.com:8443", "registry.example.com:5000", "18.11.2")
PROJECT = ProjectFacts(7, "Shop/backend/My_App", "trunk", "internal", "sells things")
COMMIT = CommitFacts(
    "0123456789abcdef" * 2 + "01234567", "f" * 40, "Add a page\n\nIt says hello.\n", "Ada <a@b>", "2026"
)
BRANCH = PushFacts("feature/Login-2", protected=True)
TAG = PushFacts("v1.0", "tag")


def values(push: PushFacts = BRANCH, commit: CommitFacts = COMMIT) -> dict[str, str]:
    return {variable.key: variable.value for variable in predefined_variables(SERVER, PROJECT, commit, push)}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CI", "true"), ("GITLAB_CI", "true"), ("CI_SERVER_HOST", "gitlab.example.com"),
        ("CI_SERVER_PORT", "8443"),
        ("CI_SERVER_FQDN", "gitlab.example.com:8443"), ("CI_SERVER_PROTOCOL", "https"),
        ("CI_SERVER_VERSION_MAJOR", "18"),
        ("CI_SERVER_VERSION_MINOR", "11"), ("CI_SERVER_VERSION_PATCH", "2"),
        ("CI_API_V4_URL", "https://gitlab.example.com:8443/api/v4"), ("CI_PROJECT_ID", "7"),
        ("CI_PROJECT_NAME", "My_App"), ("CI_PROJECT_PATH", "Shop/backend/My_App"),
        ("CI_PROJECT_PATH_SLUG", "shop-backend-my-app"), ("CI_PROJECT_NAMESPACE", "Shop/backend"),
        ("CI_PROJECT_ROOT_NAMESPACE", "Shop"), ("CI_PROJECT_VISIBILITY", "internal"),
        ("CI_DEFAULT_BRANCH", "trunk"),
        ("CI_REGISTRY", "registry.example.com:5000"), ("CI_REGISTRY_IMAGE",
        "registry.example.com:5000/shop/backend/my_app"),
        ("CI_COMMIT_SHORT_SHA", "01234567"), ("CI_COMMIT_TITLE", "Add a page"),
        ("CI_COMMIT_DESCRIPTION", "It says hello."),
        ("CI_COMMIT_REF_NAME", "feature/Login-2"), ("CI_COMMIT_REF_SLUG", "feature-login-2"),
        ("CI_COMMIT_REF_PROTECTED", "true"), ("CI_COMMIT_BRANCH", "feature/Login-2"),
        ("CI_PIPELINE_SOURCE", "push"),
    ],
)  # fmt: skip
def test_a_branch_pipeline_knows(name: str, value: str) -> None:
    assert values()[name] == value


def test_a_tag_pipeline_has_no_branch() -> None:
    found = values(TAG)
    assert found["CI_COMMIT_TAG"] == "v1.0"
    assert "CI_COMMIT_BRANCH" not in found
    assert "CI_COMMIT_TAG" not in values()


def test_no_value_of_a_predefined_variable_is_expanded() -> None:
    assert all(variable.raw for variable in predefined_variables(SERVER, PROJECT, COMMIT, BRANCH))


def test_a_pipeline_of_a_trigger_says_so() -> None:
    found = values(dataclasses.replace(BRANCH, source="trigger"))
    assert (found["CI_PIPELINE_SOURCE"], found["CI_PIPELINE_TRIGGERED"]) == ("trigger", "true")


def test_ports_are_told_even_where_the_address_leaves_them_out() -> None:
    for url, port in (("https://a.example", "443"), ("http://a.example", "80")):
        found = predefined_variables(ServerFacts(url), PROJECT, COMMIT, BRANCH)
        assert {variable.key: variable.value for variable in found}["CI_SERVER_PORT"] == port


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Main", "main"),
        ("feature/X_y", "feature-x-y"),
        ("--a--", "a"),
        ("x" * 80, "x" * 63),
        ("a" * 62 + "/b", "a" * 62),
        ("é", ""),
    ],
)
def test_slugs(text: str, expected: str) -> None:
    assert slug(text) == expected


@given(st.text(max_size=100))
def test_a_slug_can_be_a_host_name(text: str) -> None:
    found = slug(text)
    assert len(found) <= 63
    assert set(found) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert found == found.strip("-")
