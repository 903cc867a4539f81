from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipline.compiler import (
    CommitFacts,
    MergeRequestFacts,
    ProjectFacts,
    PushFacts,
    ServerFacts,
    UpstreamFacts,
    UserFacts,
    predefined_variables,
)
from shipline.compiler.limits import Limits
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


REQUEST = MergeRequestFacts(
    12,
    "feature",
    "trunk",
    id=900,
    title="Add",
    description="x" * 3_000,
    labels=("a", "b"),
    source_project_path="me/app",
)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("IID", "12"), ("ID", "900"), ("SOURCE_BRANCH_NAME", "feature"), ("TARGET_BRANCH_NAME", "trunk"),
        ("REF_PATH", "refs/merge-requests/12/head"), ("PROJECT_PATH", "Shop/backend/My_App"),
        ("SOURCE_PROJECT_PATH", "me/app"), ("EVENT_TYPE", "detached"), ("LABELS", "a,b"), ("TITLE", "Add"),
        ("DESCRIPTION", "x" * 2_700), ("DESCRIPTION_IS_TRUNCATED", "true"), ("DRAFT", "false"),
    ],
)  # fmt: skip
def test_a_merge_request_pipeline_knows(name: str, value: str) -> None:
    push = PushFacts("feature", source="merge_request_event", merge_request=REQUEST)
    assert values(push)[f"CI_MERGE_REQUEST_{name}"] == value


def test_a_merge_request_has_no_branch_of_its_own_and_names_only_what_it_has() -> None:
    found = values(PushFacts("feature", source="merge_request_event", merge_request=REQUEST))
    assert found["CI_COMMIT_REF_NAME"] == "feature"
    assert not {"CI_COMMIT_BRANCH", "CI_COMMIT_TAG", "CI_MERGE_REQUEST_MILESTONE"} & set(found)
    assert not [name for name in values() if name.startswith("CI_MERGE_REQUEST")]


def test_a_schedule_has_a_description_and_a_child_its_parent() -> None:
    schedule = values(dataclasses.replace(BRANCH, source="schedule", schedule_description="nightly"))
    assert schedule["CI_PIPELINE_SCHEDULE_DESCRIPTION"] == "nightly"
    child = values(dataclasses.replace(BRANCH, source="parent_pipeline", upstream=UpstreamFacts(3, 7, 90)))
    names = ("CI_UPSTREAM_PIPELINE_ID", "CI_UPSTREAM_PROJECT_ID", "CI_UPSTREAM_JOB_ID")
    assert [child[name] for name in names] == ["3", "7", "90"]
    assert "CI_UPSTREAM_PIPELINE_ID" not in values()


def test_who_started_the_pipeline_is_told() -> None:
    found = values(dataclasses.replace(BRANCH, user=UserFacts(4, "ada", "Ada", "ada@example.com")))
    assert (found["GITLAB_USER_ID"], found["GITLAB_USER_LOGIN"]) == ("4", "ada")


def test_the_configuration_says_where_it_comes_from() -> None:
    assert values()["CI_CONFIG_REF_URI"] == (
        "gitlab.example.com:8443/Shop/backend/My_App//.gitlab-ci.yml@refs/heads/feature/Login-2"
    )
    assert values(TAG)["CI_CONFIG_REF_URI"].endswith("@refs/tags/v1.0")


def test_a_long_message_is_cut_and_says_so() -> None:
    found = values(commit=dataclasses.replace(COMMIT, message="x" * 100_001))
    assert (len(found["CI_COMMIT_MESSAGE"]), found["CI_COMMIT_MESSAGE_IS_TRUNCATED"]) == (100_000, "true")


def test_how_much_of_a_message_and_a_description_is_kept_is_a_limit() -> None:
    request = dataclasses.replace(REQUEST, description="12345")
    push = dataclasses.replace(BRANCH, source="merge_request_event", merge_request=request)
    for limit, message, description, cut in ((4, "Add ", "1234", "true"), (5, "Add a", "12345", "false")):
        limits = Limits(commit_message=limit, merge_request_description=limit)
        found = {v.key: v.value for v in predefined_variables(SERVER, PROJECT, COMMIT, push, limits)}
        assert (found["CI_COMMIT_MESSAGE"], found["CI_COMMIT_MESSAGE_IS_TRUNCATED"]) == (message, "true")
        assert found["CI_MERGE_REQUEST_DESCRIPTION"] == description
        assert found["CI_MERGE_REQUEST_DESCRIPTION_IS_TRUNCATED"] == cut


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
