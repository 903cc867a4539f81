"""Keys of caches."""

from __future__ import annotations

import hashlib

import pytest

from shipline.coordinator.cache_keys import digest_of, with_suffix, written_key
from shipline.model.definition import Cache

A, B = "a" * 40, "b" * 40


def test_the_digest_is_that_of_the_ids_in_order_each_once() -> None:
    assert digest_of([B, A, A]) == hashlib.sha1(f"{A}-{B}".encode()).hexdigest()
    assert digest_of([]) == "default"


@pytest.mark.parametrize(
    ("cache", "index", "expected"),
    [
        (Cache(key="main"), 0, "main"),
        (Cache(key="$CI_COMMIT_REF_SLUG"), 3, "$CI_COMMIT_REF_SLUG"),
        (Cache(), 1, "default"),
        (Cache(key_files=("Gemfile.lock",), key_prefix="test"), 0, "test-DIGEST"),
        (Cache(key_files=("Gemfile.lock",)), 0, "0_Gemfile-DIGEST"),
        (Cache(key_files=("poetry.lock", "package.json")), 2, "2_poetry_package-DIGEST"),
        (Cache(key_files_commits=("poetry.lock",)), 1, "1-DIGEST"),
        (Cache(key_files_commits=("poetry.lock",), key_prefix="$CI_JOB_NAME"), 1, "$CI_JOB_NAME-DIGEST"),
    ],
)
def test_a_key_is_as_written_or_made_from_its_files(cache: Cache, index: int, expected: str) -> None:
    assert written_key(cache, index, "DIGEST") == expected


@pytest.mark.parametrize(
    ("separated", "protected", "unprotect", "expected"),
    [
        (True, True, False, "main-protected"),
        (True, False, False, "main-non_protected"),
        (True, True, True, "main"),
        (False, True, False, "main"),
        (False, False, True, "main"),
    ],
)
def test_protected_refs_have_caches_of_their_own(
    separated: bool, protected: bool, unprotect: bool, expected: str
) -> None:
    cache = Cache(key="main", unprotect=unprotect)
    assert with_suffix("main", cache, separated=separated, protected=protected) == expected
