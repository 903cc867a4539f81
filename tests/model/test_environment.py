from __future__ import annotations

import pytest

from shipline.model.environment import guess_tier, is_name, scoped, scoped_values
from shipline.model.variable import SettingsVariable, Variable


@pytest.mark.parametrize(
    ("name", "tier"),
    [
        ("production", "production"),
        ("Prod-eu", "production"),
        ("pd", "other"),
        ("gprd", "production"),
        ("live", "production"),
        ("staging", "staging"),
        ("stg", "staging"),
        ("model", "staging"),
        ("modl", "staging"),
        ("pre-prod", "staging"),
        ("demo", "staging"),
        ("non-prod", "staging"),
        ("test", "testing"),
        ("Acceptance", "testing"),
        ("acpt", "testing"),
        ("accept", "testing"),
        ("QA 2", "testing"),
        ("integration", "testing"),
        ("dev", "development"),
        ("review/my-branch", "development"),
        ("trunk", "development"),
        ("production/review", "development"),
        ("canary", "other"),
    ],
)
def test_the_tier_is_guessed_from_the_name(name: str, tier: str) -> None:
    assert guess_tier(name) == tier


@pytest.mark.parametrize("name", ["production", "review/a-b", "a b", "$x", "v1.2"])
def test_names_are_letters_digits_and_some_signs(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize("name", ["", "/a", "a/", "a:b", "ä", "a\n", "x" * 256])
def test_other_texts_are_no_names(name: str) -> None:
    assert not is_name(name)


def one(value: str, scope: str, *, protected: bool = False) -> SettingsVariable:
    return SettingsVariable(Variable("KEY", value), protected, scope)


def values(environment: str | None, *found: SettingsVariable) -> list[str]:
    return [setting.variable.value for setting in scoped(found, environment)]


def test_the_most_specific_scope_wins() -> None:
    found = (
        one("name", "review/app"),
        one("all", "*"),
        one("long", "review/a*"),
        one("short", "review/*"),
        one("other", "production"),
    )
    assert values("review/app", *found) == ["all", "short", "long", "name"]
    assert values("production", *found) == ["all", "other"]
    assert values("elsewhere", *found) == ["all"]


def test_a_job_without_an_environment_gets_only_what_is_for_all() -> None:
    assert values(None, one("all", "*"), one("any", "**"), one("name", "production")) == ["all"]


@pytest.mark.parametrize(
    ("scope", "environment", "matches"),
    [
        ("review/*", "review/a/b", True),
        ("review/*", "review", False),
        ("*/app", "review/app", True),
        ("r*w/*p", "review/app", True),
        # Only the star is a wildcard.
        ("review/?pp", "review/app", False),
        ("review/[a]pp", "review/app", False),
        ("review.app", "review/app", False),
        ("review", "review/app", False),
        ("Review/*", "review/app", False),
    ],
)
def test_a_scope_matches_the_whole_name(scope: str, environment: str, matches: bool) -> None:
    assert bool(values(environment, one("x", scope))) is matches


def test_protected_variables_are_for_protected_refs() -> None:
    found = [one("open", "*"), one("secret", "production", protected=True)]
    assert [value.value for value in scoped_values(found, "production", protected=False)] == ["open"]
    assert [value.value for value in scoped_values(found, "production", protected=True)] == ["open", "secret"]
