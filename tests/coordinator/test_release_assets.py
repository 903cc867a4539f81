"""Which links a release may have."""

from __future__ import annotations

import pytest

from shipline.coordinator.release_assets import Link, link_problem, links_problem

URL = "https://example.com/app.zip"


@pytest.mark.parametrize(
    "link",
    [
        Link("app", URL),
        Link("app", "ftp://example.com/app.zip", "/bin/app.zip", "package"),
        Link("app", "http://127.0.0.1:3000", "/app", "image"),
        Link("a b", URL, "/a-b/c.d/e_f.tar.gz", "runbook"),
    ],
)
def test_these_may_be(link: Link) -> None:
    assert link_problem(link) == ""


@pytest.mark.parametrize(
    ("link", "word"),
    [
        (Link("", URL), "name"),
        (Link("a" * 256, URL), "name"),
        (Link("app", ""), "url"),
        (Link("app", "javascript:alert(1)"), "url"),
        (Link("app", "file:///etc/passwd"), "url"),
        (Link("app", "https://"), "url"),
        (Link("app", "https://[half"), "url"),
        (Link("app", "https://example.com/\r\nSet-Cookie: a"), "url"),
        (Link("app", URL + "a" * 2048), "url"),
        (Link("app", URL, "bin/app"), "filepath"),
        (Link("app", URL, "/"), "filepath"),
        (Link("app", URL, "/bin//app"), "filepath"),
        (Link("app", URL, "/bin/"), "filepath"),
        (Link("app", URL, "/" + "a" * 128), "filepath"),
        (Link("app", URL, "/a b"), "filepath"),
        (Link("app", URL, "", "video"), "link_type"),
    ],
)
def test_these_may_not_be_and_what_is_wrong_is_named(link: Link, word: str) -> None:
    assert f"Links {word}" in link_problem(link)
    assert links_problem([link]) == link_problem(link)


def test_an_odd_path_is_judged_at_once() -> None:
    """However it repeats itself."""
    assert link_problem(Link("app", URL, "/" + "a." * 63 + "-")) != ""


@pytest.mark.parametrize(
    "other",
    [Link("app", f"{URL}?2"), Link("two", URL), Link("two", f"{URL}?2", "/app")],
    ids=["name", "url", "filepath"],
)
def test_two_links_are_never_the_same(other: Link) -> None:
    assert "duplicate" in links_problem([Link("app", URL, "/app"), other])


def test_there_are_not_too_many() -> None:
    links = [Link(str(number), f"{URL}?{number}") for number in range(101)]
    assert links_problem(links[:100]) == ""
    assert "at most 100" in links_problem(links)
