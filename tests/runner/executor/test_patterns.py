"""What a config allows."""

from __future__ import annotations

import pytest

from shipline.runner.executor.patterns import (
    check_allowed,
    effective_policies,
    is_privileged,
    matches,
)
from shipline.runner.failure import JobFailed


@pytest.mark.parametrize(
    ("image", "pattern", "allowed"),
    [
        ("ruby:3.3", "ruby:*", True),
        ("ruby", "ruby:*", True),
        ("ruby", "ruby", True),
        ("ruby", "ruby:latest", True),
        ("ruby:3.3", "ruby:latest", False),
        ("acme/ruby:3", "ruby:*", False),
        ("acme/ruby:3", "*:*", False),
        ("acme/ruby:3", "**", True),
        ("acme/ruby:3", "**/*:*", True),
        ("ruby:3", "**/*:*", True),
        ("registry.example:5000/a/b:1", "registry.example:5000/*/*", True),
        ("registry.example:5000/a/b/c:1", "registry.example:5000/*/*", False),
        ("registry.example:5000/a/b/c:1", "registry.example:5000/**", True),
        ("registryXexample:5000/a", "registry.example:5000/*", False),
        ("ruby:3.3", "ruby:3.?", True),
        ("ruby:3.3", "{ruby,python}:3.*", True),
        ("perl:3.3", "{ruby,python}:3.*", False),
    ],
)
def test_an_image_is_held_against_a_pattern(image: str, pattern: str, allowed: bool) -> None:
    assert matches(image, [pattern]) is allowed


def test_without_patterns_and_for_the_configs_own_everything_is_allowed() -> None:
    check_allowed("a", "image", (), ())
    check_allowed("debian:bookworm", "image", ("ruby:*",), ("debian:bookworm",))
    with pytest.raises(
        JobFailed, match=r"the image 'a' is not allowed on this runner; allowed: ruby:\*, b"
    ) as found:
        check_allowed("a", "image", ("ruby:*", "b"), ())
    assert found.value.result.failure_reason == "runner_configuration_error"


def test_only_images_that_the_config_names_are_privileged_if_it_names_any() -> None:
    assert is_privileged("a", True, ())
    assert not is_privileged("a", False, ("a",))
    assert is_privileged("docker:dind", True, ("docker:*",))
    assert not is_privileged("ruby", True, ("docker:*",))


@pytest.mark.parametrize(
    ("wanted", "configured", "allowed", "kept"),
    [
        ((), ("always",), (), ("always",)),
        ((), (), (), ("always",)),
        (("never",), ("always",), ("never",), ("never",)),
        (("never", "always"), ("always",), (), ("always",)),
        (("always",), ("if-not-present",), ("always", "if-not-present"), ("always",)),
    ],
)
def test_pull_policies_that_are_allowed_are_kept(
    wanted: tuple[str, ...], configured: tuple[str, ...], allowed: tuple[str, ...], kept: tuple[str, ...]
) -> None:
    assert effective_policies(wanted, configured, allowed, "x") == kept


@pytest.mark.parametrize(
    ("wanted", "configured", "allowed"),
    [(("never",), ("always",), ()), ((), ("always",), ("never",)), (("always",), (), ("never",))],
)
def test_when_no_policy_is_left_the_job_fails(
    wanted: tuple[str, ...], configured: tuple[str, ...], allowed: tuple[str, ...]
) -> None:
    with pytest.raises(JobFailed, match="is not allowed on this runner"):
        effective_policies(wanted, configured, allowed, "x")
