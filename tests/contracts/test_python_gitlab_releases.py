"""The real python-gitlab and a project's releases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gitlab
import pytest
from gitlab.exceptions import GitlabCreateError, GitlabDeleteError, GitlabGetError, GitlabUpdateError
from tests.coordinator.databases import database_url, on_both_databases
from tests.coordinator.server import DEVELOPER, GUEST, REPORTER, Coordinator, Project, User, running

pytestmark = on_both_databases

ZIP = "https://example.com/app.zip"


@pytest.fixture(scope="module")
def coordinator(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Coordinator]:
    folder = tmp_path_factory.mktemp("coordinator")
    with running(folder, database_url=database_url(request)) as started:
        yield started


@pytest.fixture
def made(coordinator: Coordinator, tmp_path: Path) -> Project:
    project = coordinator.project()
    project.work_tree(tmp_path / "tree").ship("job: {script: echo}\n")
    return project


@pytest.fixture
def project(coordinator: Coordinator, made: Project) -> Iterator[Any]:
    with gitlab.Gitlab(coordinator.url, private_token=coordinator.root.token) as client:
        yield client.projects.get(made.id)


def test_releases_are_made_read_changed_and_deleted(project: Any) -> None:
    first = project.releases.create({"tag_name": "v1", "ref": "main", "description": "One"})
    assert (first.name, first.description, first.commit["title"]) == ("v1", "One", "A change")
    second = project.releases.create(
        {
            "tag_name": "v2/rc",
            "name": "Second",
            "ref": "v1",
            "tag_message": "Two",
            "assets": {"links": [{"name": "app", "url": ZIP, "direct_asset_path": "/bin/app"}]},
        }
    )
    assert second.assets["count"] == 1
    assert second._links["self"] == f"{project.web_url}/-/releases/v2%2Frc"
    assert [one.tag_name for one in project.releases.list(get_all=True)] == ["v2/rc", "v1"]
    assert [one.tag_name for one in project.releases.list(sort="asc", get_all=True)] == ["v1", "v2/rc"]
    assert project.tags.get("v2/rc").message == "Two"
    assert project.tags.get("v1").release == {"tag_name": "v1", "description": "One"}
    found = project.releases.get("v2/rc")
    found.name, found.description = "Changed", "Words"
    found.save()
    again = project.releases.get("v2/rc")
    assert (again.name, again.description) == ("Changed", "Words")
    project.releases.delete("v2/rc")
    with pytest.raises(GitlabGetError, match="404"):
        project.releases.get("v2/rc")
    # The tag stays; when a tag goes, so does its release.
    assert project.tags.get("v2/rc").release is None
    project.tags.delete("v1")
    assert project.releases.list(get_all=True) == []


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"tag_name": "v1"}, 409, "Release already exists"),
        ({"tag_name": "v9"}, 422, "Ref is not specified"),
        ({"tag_name": "v9", "ref": "nowhere"}, 400, "Target nowhere is invalid"),
        ({"tag_name": "a b", "ref": "main"}, 400, "Tag name invalid"),
        ({"tag_name": "v9", "ref": "main", "milestones": ["m1"]}, 400, "Milestone"),
        (
            {"tag_name": "v9", "ref": "main", "assets": {"links": [{"name": "a", "url": "b"}]}},
            400,
            "Links url",
        ),
        ({"tag_name": "v9", "ref": "main", "released_at": "never"}, 400, "released_at"),
    ],
)
def test_what_cannot_be_is_refused_and_makes_no_tag(
    project: Any, body: dict[str, Any], status: int, words: str
) -> None:
    project.releases.create({"tag_name": "v1", "ref": "main"})
    with pytest.raises(GitlabCreateError, match=words) as caught:
        project.releases.create(body)
    assert caught.value.response_code == status
    assert [one.name for one in project.tags.list(get_all=True)] == ["v1"]


def test_a_tag_that_is_pushed_away_takes_its_release_along(
    made: Project, project: Any, tmp_path: Path
) -> None:
    project.releases.create({"tag_name": "v1", "ref": "main"})
    tree = made.work_tree(tmp_path / "other")
    assert tree.push("--delete", "v1").ok
    assert project.releases.list(get_all=True) == []


def test_links_are_made_read_changed_and_deleted(project: Any) -> None:
    release = project.releases.create({"tag_name": "v1", "ref": "main"})
    link = release.links.create({"name": "app", "url": ZIP, "link_type": "package"})
    assert (link.link_type, link.direct_asset_url) == ("package", ZIP)
    other = release.links.create({"name": "docs", "url": f"{ZIP}?docs", "filepath": "/docs/index.html"})
    assert [one.name for one in release.links.list(get_all=True)] == ["docs", "app"]
    for body in ({"name": "app", "url": "https://example.com/b"}, {"name": "b", "url": ZIP}):
        with pytest.raises(GitlabCreateError, match="duplicate"):
            release.links.create(body)
    link.name = "application"
    link.save()
    assert release.links.get(link.id).name == "application"
    with pytest.raises(GitlabUpdateError, match="duplicate"):
        release.links.update(link.id, {"name": "docs"})
    other.delete()
    assert [one.id for one in release.links.list(get_all=True)] == [link.id]


def test_the_latest_release_and_its_assets_are_where_they_always_are(made: Project, project: Any) -> None:
    root, base = made.root, f"projects/{made.id}/releases"
    assert root.call("GET", f"{base}/permalink/latest").status_code == 404
    links = {"links": [{"name": "app", "url": ZIP, "direct_asset_path": "/bin/app.zip"}]}
    project.releases.create({"tag_name": "v1/a", "ref": "main", "assets": links})
    project.releases.create({"tag_name": "v0", "ref": "main", "released_at": "2001-02-03T04:05:06Z"})
    latest = root.call("GET", f"{base}/permalink/latest?order_by=released_at")
    assert latest.status_code == 302
    address = latest.headers["Location"]
    assert address == f"{made.coordinator.url}/api/v4/{base}/v1%2Fa"
    with made.coordinator.client(**{"PRIVATE-TOKEN": root.token}) as client:
        assert client.get(address).json()["tag_name"] == "v1/a"
        asset = client.get(f"/api/v4/{base}/permalink/latest/downloads/bin/app.zip")
        assert (asset.status_code, client.get(asset.headers["Location"]).headers["Location"]) == (302, ZIP)
        listed = client.get(f"/api/v4/{base}/permalink/latest/assets/links", follow_redirects=True)
        assert [one["name"] for one in listed.json()] == ["app"]
        assert client.get(f"/api/v4/{base}/v1%2Fa/downloads/bin/other").status_code == 404


def test_each_role_sees_and_does_what_it_may(coordinator: Coordinator, made: Project, project: Any) -> None:
    project.releases.create({"tag_name": "v1", "ref": "main"})
    base = f"projects/{made.id}/releases"

    def statuses(user: User) -> list[int]:
        calls = (("GET", base), ("GET", f"{base}/v1"), ("POST", base))
        return [
            user.call(method, path, {"tag_name": "v1"} if method == "POST" else None).status_code
            for method, path in calls
        ]

    guest = made.add(GUEST)
    assert statuses(coordinator.user()) == [404, 404, 404]
    assert statuses(guest) == [200, 403, 403]
    assert statuses(made.add(REPORTER)) == [200, 200, 403]
    assert statuses(made.add(DEVELOPER)) == [200, 200, 409]
    (seen,) = guest.get(base)
    assert ("tag_name" in seen, "commit" in seen, seen["name"]) == (False, False, "v1")


def test_the_release_of_a_protected_tag_is_for_who_may_make_the_tag(
    coordinator: Coordinator, made: Project, project: Any
) -> None:
    project.releases.create({"tag_name": "v1", "ref": "main"})
    project.protectedtags.create({"name": "v*"})
    developer = made.add(DEVELOPER)
    with gitlab.Gitlab(coordinator.url, private_token=developer.token) as client:
        theirs = client.projects.get(made.id)
        with pytest.raises(GitlabCreateError, match="protected"):
            theirs.releases.create({"tag_name": "v2", "ref": "main"})
        with pytest.raises(GitlabDeleteError, match="protected"):
            theirs.releases.delete("v1")
        with pytest.raises(GitlabCreateError, match="protected"):
            theirs.releases.get("v1").links.create({"name": "app", "url": ZIP})
