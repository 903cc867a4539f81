"""Keys of caches, as jobs write them and as they are kept."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipline.protocols.runner_api import JobPayload
from shipline.runner.cache import Cache, file_of, job_caches, object_of, sanitized
from shipline.runner.config_file import CacheSection, RunnerSection
from shipline.runner.stages.artifacts import is_wanted
from shipline.runner.variables import job_variables


def caches(*entries: dict[str, Any], **variables: str) -> tuple[list[Cache], list[str]]:
    payload = JobPayload.model_validate(
        {
            "id": 7,
            "token": "glcbt-x",
            "job_info": {"name": "test", "project_id": 3},
            "git_info": {"repo_url": "http://c/acme/app.git", "ref": "main", "sha": "a" * 40},
            "variables": [{"key": key, "value": value} for key, value in variables.items()],
            "cache": list(entries),
        }
    )
    section = RunnerSection("r", "http://c", "glrt-0123456789abc")
    return job_caches(payload, job_variables(payload, section, 600))


def keys(entry: dict[str, Any], **variables: str) -> tuple[str, ...]:
    ((cache,), _) = caches({"paths": ["x"], **entry}, **variables)
    return cache.keys


def test_without_a_key_it_is_the_jobs_name_and_its_ref() -> None:
    assert keys({}) == ("test/main",)


def test_variables_are_replaced_in_keys_and_paths() -> None:
    (found,), _ = caches({"key": "$A-x", "paths": ["$A/y"], "fallback_keys": ["$A-z"]}, A="1")
    assert (found.keys, found.paths) == (("1-x", "1-z"), ("1/y",))


def test_keys_to_fall_back_on_come_in_their_order_and_each_once() -> None:
    found = keys({"key": "a", "fallback_keys": ["b", "a", "c"]}, CACHE_FALLBACK_KEY="d")
    assert found == ("a", "b", "c", "d")


def test_a_fallback_key_of_protected_refs_is_not_for_everybody() -> None:
    found, warnings = caches({"key": "a", "paths": ["x"]}, CACHE_FALLBACK_KEY="main-protected. ")
    assert found[0].keys == ("a",)
    assert warnings == ["CACHE_FALLBACK_KEY 'main-protected. ' not allowed to end in '-protected'"]


def test_an_entry_that_keeps_nothing_is_none() -> None:
    assert caches({"key": "a"}) == ([], [])
    assert caches({"key": "a", "untracked": True})[0][0].untracked


def test_a_key_of_which_nothing_is_left_keeps_no_cache() -> None:
    assert caches({"key": "..", "paths": ["x"]}) == ([], ["cache key '..' cannot be used"])


def test_keys_may_be_hashed() -> None:
    assert keys({"key": "a"}, FF_HASH_CACHE_KEYS="true") == (hashlib.sha256(b"a").hexdigest(),)


@pytest.mark.parametrize(
    ("policy", "pulled", "pushed"),
    [("pull", True, False), ("push", False, True), ("pull-push", True, True), ("", True, True)],
)
def test_a_policy_says_what_is_done(policy: str, pulled: bool, pushed: bool) -> None:
    (found,), _ = caches({"paths": ["x"], "policy": "$P"}, P=policy)
    assert (found.is_pulled, found.is_pushed) == (pulled, pushed)


@pytest.mark.parametrize(
    ("key", "kept"),
    [
        ("main-protected", "main-protected"),
        ("a/b", "a/b"),
        ("/a//b/", "a/b"),
        ("../a", "a"),
        ("a/../../b", "b"),
        ("a/./b", "a/b"),
        ("a. .", "a"),
        ("a\\b", "a/b"),
        ("%2e%2E%2fa", "a"),
        ("a\nb", "a_b"),
        ("grüße €", "grüße €"),
        ("..", None),
        ("/", None),
        (".", None),
        (" ", None),
        ("", None),
        ("a" * 256, None),
        ("a/" * 600, None),
    ],
)
def test_a_key_is_a_path_that_leads_nowhere_else(key: str, kept: str | None) -> None:
    assert sanitized(key) == kept


@given(st.text(st.sampled_from("./\\%2eEfF ab"), max_size=30))
def test_no_key_leads_out(key: str) -> None:
    made = sanitized(key)
    if made is not None:
        assert made == made.strip()
        assert not made.startswith("/")
        assert ".." not in made.split("/")
        assert "." not in made.split("/")
        assert sanitized(made) is not None


def test_an_archive_lies_in_a_folder_of_its_key() -> None:
    assert file_of("/cache/acme/app", "a/b") == "/cache/acme/app/a/b/cache.zip"


@pytest.mark.parametrize(
    ("section", "name"),
    [
        (CacheSection(), "runner/0123/project/3/a/b"),
        (CacheSection(path="/gitlab/ci/"), "gitlab/ci/runner/0123/project/3/a/b"),
        (CacheSection(path="x", shared=True), "x/project/3/a/b"),
    ],
)
def test_an_objects_name_ends_with_the_key(section: CacheSection, name: str) -> None:
    assert object_of(section, "0123", 3, "a/b") == name


@pytest.mark.parametrize(
    ("when", "good", "bad"),
    [("on_success", True, False), ("on_failure", False, True), ("always", True, True), ("", True, False)],
)
def test_when_says_after_which_end(when: str, good: bool, bad: bool) -> None:
    assert (is_wanted(when, True), is_wanted(when, False)) == (good, bad)
