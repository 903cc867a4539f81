"""What pages show to whom, and when their streams end."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.coordinator.junit import KIND, bad, junit, suite
from tests.coordinator.pages import events, sign_out, signed_in
from tests.coordinator.server import DEVELOPER, REPORTER, Coordinator, Project, Runner, WorkTree, zipped

from shipline import config
from shipline.config import Config, DataFolder
from shipline.config import Coordinator as Addresses

JUNIT = "artifacts: {access: developer, reports: {junit: a.xml}}"
ONE = "one: {script: make}\n"


def test_pipelines_that_are_for_members_are_on_no_page_of_others(
    coordinator: Coordinator, tmp_path: Path
) -> None:
    project = coordinator.project(visibility="public")
    tree = project.work_tree(tmp_path / "tree")
    tree.ship(ONE, message="A secret plan")
    pipeline, job = project.pipeline()["id"], project.jobs()["one"]["id"]
    tree.push("-o", "merge_request.create", "HEAD:refs/heads/topic")
    schedule = {"ref": "main", "description": "nightly", "cron": "0 2 * * *"}
    project.root.post(f"projects/{project.id}/pipeline_schedules", schedule)
    project.root.put(f"projects/{project.id}", {"public_jobs": False})
    stranger, member = coordinator.user(), project.add(REPORTER)
    rest = [
        "pipelines",
        f"pipelines/{pipeline}",
        f"pipelines/{pipeline}/live",
        f"jobs/{job}",
        f"jobs/{job}/raw",
    ]
    rest += [f"jobs/{job}/live", "pipeline_schedules"]
    with signed_in(coordinator, stranger) as client:
        for one in rest:
            assert client.get(f"/{project.path}/-/{one}").status_code == 404, one
        for path in (f"/{project.path}", "/", f"/{project.path}/-/merge_requests"):
            answer = client.get(path)
            assert answer.status_code == 200
            assert "secret plan" not in answer.text, path
            assert f"pipelines/{pipeline}" not in answer.text, path
    with signed_in(coordinator, member) as client:
        for one in rest:
            if "live" not in one:
                assert client.get(f"/{project.path}/-/{one}").status_code == 200, one
        assert "secret plan" in client.get("/").text


def test_a_list_of_projects_shows_what_one_may_read_and_no_more(coordinator: Coordinator) -> None:
    hidden, own, public = (
        coordinator.project(),
        coordinator.project(),
        coordinator.project(visibility="public"),
    )
    user = own.add(REPORTER)
    hidden.root.post(f"projects/{hidden.id}/members", {"user_id": user.id, "access_level": 10})
    with signed_in(coordinator, user) as client:
        shown = client.get("/").text
    assert [f'href="/{one.path}"' in shown for one in (hidden, own, public)] == [False, True, True]


def test_what_failed_in_a_report_that_is_for_developers_is_hidden_from_others(
    coordinator: Coordinator, project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship(f"unit: {{script: make, {JUNIT}}}\n")
    job = runner.take()
    job.upload(junit(suite(bad("a-secret-name"))), **KIND)
    job.fail()
    pages = (f"/{project.path}/-/pipelines/{project.pipeline()['id']}", f"/{project.path}/-/jobs/{job.id}")
    report = f"{pages[1]}/artifacts?file_type=junit"
    for level, sees in ((REPORTER, False), (DEVELOPER, True)):
        with signed_in(coordinator, project.add(level)) as client:
            for path in pages:
                shown = client.get(path).text
                assert "1 of 1 failed" in shown
                assert ("a-secret-name" in shown) is sees, path
            assert (client.get(report).status_code == 200) is sees


def test_of_a_long_output_the_beginning_and_the_end_are_shown(
    coordinator: Coordinator, project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship(f"unit: {{script: make, {JUNIT}}}\n")
    job = runner.take()
    job.upload(junit(suite(bad("a", text="began " + "x" * 50_000 + " ended"))), **KIND)
    with signed_in(coordinator, project.root) as client:
        shown = client.get(f"/{project.path}/-/pipelines/{project.pipeline()['id']}").text
    assert re.search(r"began x+\n\[… 42012 characters …\]\nx+ ended", shown)


def test_a_report_is_had_as_it_was_stored_and_a_file_of_the_archive_never_as_a_page(
    coordinator: Coordinator, project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship("unit: {script: make, artifacts: {paths: [a], reports: {junit: a.xml}}}\n")
    job = runner.take()
    content = junit(suite(bad("a", printed="[[ATTACHMENT|shots/a.html]]")))
    job.upload(content, **KIND)
    archive = zipped(**{"shots__a.html": "<script>alert(1)</script>"})
    job.upload(archive)
    job.fail()
    base = f"/{project.path}/-/jobs/{job.id}/artifacts"
    with signed_in(coordinator, project.root) as client:
        assert client.get(f"{base}?file_type=junit").content == content
        assert client.get(base).content == archive
        shown = client.get(f"/{project.path}/-/pipelines/{project.pipeline()['id']}").text
        assert f'href="{base}/file/shots/a.html"' in shown
        answer = client.get(f"{base}/file/shots/a.html")
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["content-type"].startswith("text/plain")
        for wrong in ("?file_type=sast", "/file/nothing"):
            assert client.get(base + wrong).status_code == 404, wrong


@pytest.mark.parametrize(
    "target", ["https://example.com", "//example.com", "/\\example.com", "javascript:alert(1)"]
)
def test_signing_in_leads_to_no_other_site(coordinator: Coordinator, target: str) -> None:
    with coordinator.client() as client:
        form = client.get("/users/sign_in", params={"next": target}).text
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
        assert token is not None
        fields = {"username": "root", "password": coordinator.root.token, "next": target}
        assert client.post("/users/sign_in", data=fields).status_code == 403
        fields["csrfmiddlewaretoken"] = token[1]
        answer = client.post("/users/sign_in", data=fields)
    assert answer.headers["location"] == "/"


# No number of a database is so large.
FAR = "9" * 20
NOWHERE = ("%00", "%00/-/pipelines", "/-/releases/%00", f"/-/merge_requests/{FAR}", f"/-/jobs/{FAR}")


@pytest.mark.on_both_databases
def test_an_address_that_nothing_can_have_is_just_not_there(coordinator: Coordinator) -> None:
    project = coordinator.project()
    with signed_in(coordinator, coordinator.root) as client:
        for path in NOWHERE:
            # A NUL is in no address at all.
            expected = 400 if "%00" in path else 404
            assert client.get(f"/{project.path}{path}").status_code == expected, path
        for name in ("merge_requests", "pipelines", "releases", "environments"):
            far = "9" * 18
            answer = client.get(f"/{project.path}/-/{name}?before={far}&page={far}")
            assert answer.status_code == 200, name


@pytest.mark.parametrize("of", ["job", "pipeline"])
def test_a_stream_ends_when_its_pipeline_is_deleted(
    coordinator: Coordinator, project: Project, work_tree: WorkTree, of: str
) -> None:
    work_tree.ship(ONE)
    pipeline = project.pipeline()["id"]
    path = f"jobs/{project.jobs()['one']['id']}" if of == "job" else f"pipelines/{pipeline}"
    with (
        signed_in(coordinator, project.root) as client,
        client.stream("GET", f"/{project.path}/-/{path}/live") as stream,
    ):
        named = events(stream)
        while next(named) != "page":
            pass
        deleted = project.root.call("DELETE", f"projects/{project.id}/pipelines/{pipeline}")
        assert deleted.status_code == 204
        assert list(named) == []


@pytest.mark.parametrize("way", ["signs out", "is no member any more"])
def test_a_stream_ends_when_its_reader_may_not_look_any_more(
    coordinator: Coordinator, project: Project, work_tree: WorkTree, way: str
) -> None:
    work_tree.ship(ONE)
    user = project.add(DEVELOPER)
    with (
        signed_in(coordinator, user) as client,
        client.stream("GET", f"/{project.path}/-/pipelines/{project.pipeline()['id']}/live") as stream,
    ):
        named = events(stream)
        assert next(named) == "page"
        if way == "signs out":
            sign_out(client)
        else:
            answer = project.root.call("DELETE", f"projects/{project.id}/members/{user.id}")
            assert answer.status_code == 204
        assert list(named) == []


def test_a_log_does_not_end_with_a_pipeline_that_has_the_job_s_number(
    own_coordinator: Coordinator, tmp_path: Path
) -> None:
    project = own_coordinator.project()
    tree = project.work_tree(tmp_path / "tree")
    tree.ship("child: {trigger: {include: child.yml}}\nlong: {script: make}\n", **{"child.yml": ONE})
    child = project.downstream("child")["id"]
    jobs = project.runner().take_all()
    assert jobs["long"].id == child
    with (
        signed_in(own_coordinator, own_coordinator.root) as client,
        client.stream("GET", f"/{project.path}/-/jobs/{child}/live") as stream,
    ):
        named = events(stream)
        jobs["one"].succeed()
        jobs["long"].trace(b"still here\n")
        while next(named) != "log":
            pass
        jobs["long"].succeed()
        told = list(named)
    assert told[-1] == "done"
    assert "log" in told


def test_behind_a_proxy_that_speaks_tls_one_signs_in_by_its_address_and_no_other(tmp_path: Path) -> None:
    behind = Coordinator(DataFolder(tmp_path / "data"))
    behind.data.root.mkdir()
    addresses = Addresses(behind.port, external_url="https://ci.example.com", container_url=behind.url)
    config.save(behind.data, Config(coordinator=addresses))
    try:
        behind.start_as_configured()
        for origin, status in (("https://evil.example.com", 403), ("https://ci.example.com", 302)):
            with behind.client(Host="ci.example.com") as client:
                form = client.get("/users/sign_in")
                token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form.text)
                assert token is not None
                fields = {"username": "root", "password": behind.root.token, "csrfmiddlewaretoken": token[1]}
                cookie = form.headers["set-cookie"]
                assert "; Secure" in cookie
                headers = {"Origin": origin, "Cookie": cookie.partition(";")[0]}
                answer = client.post("/users/sign_in", data=fields, headers=headers)
                assert answer.status_code == status
    finally:
        behind.end()
    assert "; Secure" in answer.headers["set-cookie"]


def test_no_page_is_kept_in_a_cache(coordinator: Coordinator, project: Project) -> None:
    with signed_in(coordinator, project.root) as client:
        for path in ("/", f"/{project.path}", f"/{project.path}/-/releases"):
            assert client.get(path).headers["cache-control"] == "private, no-cache"
