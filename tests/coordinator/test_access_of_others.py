"""What somebody could reach by a way round: through a schedule, a merge, an environment, another project's
artifacts, or a role that is over. Each of these was open once, or might be."""

from __future__ import annotations

from pathlib import Path

from tests.coordinator.databases import on_both_databases
from tests.coordinator.server import (
    DEVELOPER,
    GUEST,
    MAINTAINER,
    OWNER,
    REPORTER,
    ZIP,
    Coordinator,
    Project,
    Runner,
    User,
    WorkTree,
    until,
)

pytestmark = on_both_databases
CI = "job:\n  script: echo\n"
MERGE_REQUESTS = "job:\n  script: echo\n  rules: [{if: $CI_PIPELINE_SOURCE}]\n"
STOPPED_BY_JOB = """
deploy:
  script: echo
  environment: {name: production, on_stop: stop}
stop:
  script: echo $SECRET
  when: manual
  environment: {name: production, action: stop}
"""


def status(user: User, method: str, path: str, body: object = None) -> int:
    return user.call(method, path, body).status_code


def test_a_schedule_runs_in_its_owner_s_name_and_nobody_else_writes_it(
    project: Project, work_tree: WorkTree
) -> None:
    work_tree.ship(CI)
    owner, maintainer, developer = (project.add(level) for level in (OWNER, MAINTAINER, DEVELOPER))
    path = f"projects/{project.id}/pipeline_schedules"
    made = owner.post(path, {"description": "nightly", "ref": "main", "cron": "0 1 * * *"})
    one = f"{path}/{made['id']}"
    owner.post(f"{one}/variables", {"key": "SECRET", "value": "hush"})
    for other in (maintainer, developer):
        assert status(other, "PUT", one, {"cron": "* * * * *"}) == 403
        assert status(other, "POST", f"{one}/variables", {"key": "A", "value": "a"}) == 403
        assert status(other, "PUT", f"{one}/variables/SECRET", {"value": "a"}) == 403
        assert status(other, "DELETE", f"{one}/variables/SECRET") == 403
    # Its variables are not for all who may push.
    assert "hush" not in developer.call("GET", one).text
    assert status(developer, "GET", f"{one}/variables/SECRET") == 403
    assert "hush" in maintainer.call("GET", one).text
    assert status(developer, "DELETE", one) == 403
    # Whoever takes it over writes it, and it runs in their name then.
    assert status(maintainer, "POST", f"{one}/take_ownership") == 201
    assert status(maintainer, "PUT", one, {"cron": "0 2 * * *"}) == 200
    assert status(owner, "PUT", one, {"cron": "0 3 * * *"}) == 403


def test_what_runs_in_the_name_of_somebody_who_is_blocked_runs_no_more(
    coordinator: Coordinator, project: Project, work_tree: WorkTree
) -> None:
    work_tree.ship(CI)
    owner = project.add(DEVELOPER)
    path = f"projects/{project.id}/pipeline_schedules"
    made = owner.post(path, {"description": "nightly", "ref": "main", "cron": "0 1 * * *"})
    coordinator.root.post(f"users/{owner.id}/block")
    coordinator.execute(
        f"UPDATE coordinator_pipelineschedule SET next_run_at = '2020-01-01 00:00:00+00' WHERE id = {made['id']}"
    )
    found = until(
        lambda: (one := project.root.get(f"{path}/{made['id']}"))["last_problem"] and one, "its time has come"
    )
    assert "may not run pipelines" in found["last_problem"]
    assert len(project.pipelines()) == 1


def test_who_may_merge_is_said_by_the_rule_of_the_branch(project: Project, tmp_path: Path) -> None:
    tree = project.work_tree(tmp_path / "tree")
    tree.ship(CI)
    branches = f"projects/{project.id}/protected_branches"
    maintainer, developer = project.add(MAINTAINER), project.add(DEVELOPER)

    def merged(number: int, user: User, merge_access_level: int) -> int:
        tree.git("checkout", "--quiet", "-B", f"side{number}", "main")
        tree.ship(CI, branch=f"side{number}", **{f"{number}.txt": "x"})
        project.root.call("DELETE", f"{branches}/main")
        body = {"name": "main", "push_access_level": 0, "merge_access_level": merge_access_level}
        project.root.post(branches, body)
        asked = {"title": "t", "source_branch": f"side{number}", "target_branch": "main"}
        made = developer.post(f"projects/{project.id}/merge_requests", asked)
        return status(user, "PUT", f"projects/{project.id}/merge_requests/{made['iid']}/merge")

    assert merged(1, maintainer, 0) == 401
    assert merged(2, project.root, 0) == 401
    assert merged(3, developer, MAINTAINER) == 401
    assert merged(4, developer, DEVELOPER) == 200
    assert merged(5, maintainer, MAINTAINER) == 200


def test_an_environment_is_stopped_by_those_who_may_run_what_stops_it(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship(STOPPED_BY_JOB)
    project.protect()
    runner.take().succeed()
    found = project.root.get(f"projects/{project.id}/environments")[0]
    developer, maintainer = project.add(DEVELOPER), project.add(MAINTAINER)
    path = f"projects/{project.id}/environments/{found['id']}/stop"
    assert status(developer, "POST", path) == 403
    assert status(developer, "POST", path, {"force": True}) == 403
    assert project.statuses()["stop"] == "manual"
    assert status(maintainer, "POST", path) == 200
    assert project.statuses()["stop"] == "pending"


def test_the_artifacts_of_a_project_whose_code_is_public_may_be_its_own(
    coordinator: Coordinator, tmp_path: Path
) -> None:
    giver, taker = coordinator.project(visibility="public"), coordinator.project()
    tree = giver.work_tree(tmp_path / "giver")
    developer = taker.add(DEVELOPER)
    needs = f"{{project: {giver.path}, ref: main, job: build, artifacts: true}}"
    taking = taker.work_tree(tmp_path / "taker", developer)
    for number, (access, wanted) in enumerate((("all", 200), ("developer", 404), ("none", 404))):
        tree.ship(f"build:\n  script: echo\n  artifacts: {{paths: [a], access: {access}}}\n")
        built = giver.runner().take()
        built.upload(ZIP)
        built.succeed()
        taking.ship(f"take:\n  script: echo\n  needs: [{needs}]\n", branch=f"b{number}")
        answer = taker.runner().request()
        if wanted == 404:
            assert answer.status_code == 204
            job = until(lambda: (one := taker.jobs()["take"])["status"] == "failed" and one, "it is told")
            assert "not for whoever started this pipeline" in str(job["notices"]) + str(job["status_reason"])
        else:
            assert [one["name"] for one in answer.json()["dependencies"]] == ["build"]


def test_a_job_s_token_has_no_more_of_artifacts_than_its_user(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship("build:\n  script: echo\n  artifacts: {paths: [a], access: none}\nnext:\n  script: echo\n")
    jobs = runner.take_all()
    jobs["build"].upload(ZIP)
    path = f"/api/v4/projects/{project.id}/jobs/{jobs['build'].id}/artifacts"
    with project.coordinator.client(**{"JOB-TOKEN": jobs["next"].token}) as client:
        assert client.get(path).status_code == 403
    # What runners fetch for jobs behind it is another matter.
    assert jobs["next"].download(jobs["build"].id).status_code == 200


def test_a_merge_request_of_a_protected_branch_runs_nothing_for_who_may_not_run_there(
    project: Project, work_tree: WorkTree
) -> None:
    """Between two protected branches its jobs would have the protected variables."""
    work_tree.ship(MERGE_REQUESTS)
    work_tree.push("HEAD:refs/heads/stable")
    work_tree.ship(MERGE_REQUESTS, **{"a.txt": "a"})
    project.protect("main")
    project.protect("stable")
    body = {"title": "t", "source_branch": "main", "target_branch": "stable"}
    before = len(project.pipelines())
    made = project.add(DEVELOPER).post(f"projects/{project.id}/merge_requests", body)
    assert (len(project.pipelines()), made["head_pipeline"]) == (before, None)
    path = f"projects/{project.id}/merge_requests/{made['iid']}/pipelines"
    assert status(project.add(DEVELOPER), "POST", path) == 403
    assert status(project.add(MAINTAINER), "POST", path) == 201


def test_guests_of_a_private_project_see_no_merge_requests(project: Project, work_tree: WorkTree) -> None:
    work_tree.ship(CI)
    work_tree.git("checkout", "--quiet", "-b", "side")
    work_tree.ship(CI, branch="side", **{"a.txt": "a"})
    body = {"title": "Hush", "source_branch": "side", "target_branch": "main"}
    made = project.root.post(f"projects/{project.id}/merge_requests", body)
    guest, reporter = project.add(GUEST), project.add(REPORTER)
    for rest in ("", f"/{made['iid']}", f"/{made['iid']}/pipelines"):
        assert status(guest, "GET", f"projects/{project.id}/merge_requests{rest}") == 403
        assert status(reporter, "GET", f"projects/{project.id}/merge_requests{rest}") == 200
    assert status(guest, "PUT", f"projects/{project.id}/merge_requests/{made['iid']}/merge") == 403


def test_guests_see_pipelines_only_where_jobs_are_public(project: Project, work_tree: WorkTree) -> None:
    work_tree.ship(CI)
    guest, number = project.add(GUEST), project.pipeline()["id"]
    paths = ("pipelines", "pipelines/latest", f"pipelines/{number}", "pipeline_schedules", "jobs")
    assert {status(guest, "GET", f"projects/{project.id}/{path}") for path in paths} == {200}
    project.root.put(f"projects/{project.id}", {"public_jobs": False})
    assert {status(guest, "GET", f"projects/{project.id}/{path}") for path in paths} == {403}


def test_a_trigger_job_does_not_tell_of_a_pipeline_that_the_caller_may_not_see(
    coordinator: Coordinator, project: Project, work_tree: WorkTree, tmp_path: Path
) -> None:
    hidden = coordinator.project()
    hidden.work_tree(tmp_path / "hidden").ship(CI)
    work_tree.ship(f"call:\n  trigger: {hidden.path}\n")
    seen = project.downstream("call")
    assert seen["project_id"] == hidden.id
    developer = project.add(DEVELOPER)
    path = f"projects/{project.id}/pipelines/{project.pipeline()['id']}/bridges"
    assert [one["downstream_pipeline"] for one in developer.get(path)] == [None]


def test_a_project_s_numbers_open_nothing_of_another_s(
    coordinator: Coordinator, project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship(STOPPED_BY_JOB)
    runner.take().succeed()
    jobs, pipeline = project.jobs(), project.pipeline()["id"]
    root = project.root
    schedule = root.post(
        f"projects/{project.id}/pipeline_schedules", {"description": "n", "ref": "main", "cron": "0 1 * * *"}
    )
    trigger = root.post(f"projects/{project.id}/triggers", {"description": "t"})
    environment = root.get(f"projects/{project.id}/environments")[0]
    deployment = root.get(f"projects/{project.id}/deployments")[0]
    token = root.post(f"projects/{project.id}/access_tokens", {"name": "t", "scopes": ["api"]})
    own = coordinator.project()
    owner = own.add(OWNER)
    job, mine = jobs["deploy"]["id"], f"projects/{own.id}"
    for method, path in (
        ("GET", f"jobs/{job}"), ("GET", f"jobs/{job}/trace"), ("GET", f"jobs/{job}/artifacts"),
        ("POST", f"jobs/{job}/retry"), ("POST", f"jobs/{job}/cancel"), ("POST", f"jobs/{job}/erase"),
        ("POST", f"jobs/{jobs['stop']['id']}/play"), ("DELETE", f"jobs/{job}/artifacts"),
        ("POST", f"jobs/{job}/artifacts/keep"), ("GET", f"pipelines/{pipeline}"),
        ("GET", f"pipelines/{pipeline}/jobs"), ("GET", f"pipelines/{pipeline}/bridges"),
        ("GET", f"pipelines/{pipeline}/variables"), ("POST", f"pipelines/{pipeline}/cancel"),
        ("POST", f"pipelines/{pipeline}/retry"), ("DELETE", f"pipelines/{pipeline}"),
        ("GET", f"pipeline_schedules/{schedule['id']}"), ("PUT", f"pipeline_schedules/{schedule['id']}"),
        ("POST", f"pipeline_schedules/{schedule['id']}/play"),
        ("POST", f"pipeline_schedules/{schedule['id']}/take_ownership"),
        ("DELETE", f"pipeline_schedules/{schedule['id']}"), ("GET", f"triggers/{trigger['id']}"),
        ("DELETE", f"triggers/{trigger['id']}"), ("GET", f"environments/{environment['id']}"),
        ("PUT", f"environments/{environment['id']}"), ("POST", f"environments/{environment['id']}/stop"),
        ("DELETE", f"environments/{environment['id']}"), ("GET", f"deployments/{deployment['id']}"),
        ("GET", f"access_tokens/{token['id']}"), ("DELETE", f"access_tokens/{token['id']}"),
        ("POST", f"access_tokens/{token['id']}/rotate"), ("DELETE", f"runners/{runner.id}"),
    ):  # fmt: skip
        body = {} if method == "PUT" else None
        assert status(owner, method, f"{mine}/{path}", body) == 404, (method, path)
    assert status(owner, "POST", f"{mine}/runners", {"runner_id": runner.id}) == 403
    assert status(owner, "GET", f"runners/{runner.id}") == 403
    assert status(owner, "GET", f"runners/{runner.id}/jobs") == 403
    assert project.statuses() == {"deploy": "success", "stop": "manual"}


def test_nobody_gets_into_another_s_group_by_a_path_with_a_slash(coordinator: Coordinator) -> None:
    """What lies in a group has its variables."""
    root, stranger = coordinator.root, coordinator.user()
    owned = root.post("groups", {"name": "Owned", "path": f"owned{stranger.id}"})
    secret = root.post("groups", {"name": "Secret", "path": "secret", "parent_id": owned["id"]})
    for path in (f"{owned['path']}/mine", f"{secret['full_path']}/mine", f"/{owned['path']}/mine"):
        assert status(stranger, "POST", "groups", {"name": "x", "path": path}) == 400
        assert status(stranger, "POST", "projects", {"name": "x", "path": path}) == 400
    # Somebody who owns a project in it, and nothing else there.
    project = root.post("projects", {"name": "app", "namespace_id": owned["id"]})
    root.post(f"projects/{project['id']}/members", {"user_id": stranger.id, "access_level": OWNER})
    assert status(stranger, "PUT", f"projects/{project['id']}", {"path": "secret/app"}) == 400
    assert status(stranger, "PUT", f"projects/{project['id']}", {"path": "other"}) == 200
    own = stranger.post("groups", {"name": "own", "path": f"own{stranger.id}"})
    assert status(stranger, "PUT", f"groups/{own['id']}", {"path": f"{owned['path']}/in"}) == 400
    assert status(stranger, "POST", f"groups/{own['id']}/transfer", {"group_id": owned["id"]}) == 403
    assert (
        status(stranger, "PUT", f"projects/{project['id']}/transfer", {"namespace": secret["full_path"]})
        == 404
    )


def test_lint_finds_out_nothing_of_protected_variables_for_who_may_not_run_there(
    project: Project, work_tree: WorkTree
) -> None:
    """Rules that match by it, and words that show it, would tell a value letter by letter."""
    project.set_variable("SECRET", "hushhush123", protected=True)
    project.set_variable("OPEN", "known", protected=False)
    work_tree.ship(CI)
    project.protect()
    guessing = (
        "job: {script: e, rules: [{if: $SECRET =~ /^hu/}]}\n"
        "other: {script: e, rules: [{if: $OPEN == 'known'}]}\n"
    )
    developer, maintainer = project.add(DEVELOPER), project.add(MAINTAINER)

    def jobs(user: User) -> list[str]:
        body = {"content": guessing, "dry_run": True, "include_jobs": True, "ref": "main"}
        return [one["name"] for one in user.post(f"projects/{project.id}/ci/lint", body)["jobs"]]

    assert (jobs(developer), jobs(maintainer)) == (["other"], ["job", "other"])
    body = {"content": 'include: "$SECRET.yml"\n'}
    assert "hush" not in developer.call("POST", f"projects/{project.id}/ci/lint", body).text


def test_a_job_that_is_being_cancelled_is_over_when_a_maintainer_forces_it(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship(CI)
    job = runner.take()
    developer, maintainer = project.add(DEVELOPER), project.add(MAINTAINER)
    path = f"projects/{project.id}/jobs/{job.id}/cancel"
    assert developer.call("POST", path).json()["status"] == "canceling"
    assert status(developer, "POST", path, {"force": True}) == 403
    assert maintainer.call("POST", f"{path}?force=true").json()["status"] == "canceled"
    assert project.pipeline()["status"] == "canceled"
    answer = job.trace(b"still here")
    assert (answer.status_code, answer.headers["Job-Status"]) == (403, "canceled")
    assert status(maintainer, "POST", path, {"force": True}) == 422


def test_the_variables_that_a_job_does_without_are_told_over_rest_in_the_words_of_its_log(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    project.set_variable("SECRET_KEY", "hush", protected=True)
    work_tree.ship(CI, branch="side")
    job = runner.take()
    found = project.root.get(f"projects/{project.id}/jobs/{job.id}")
    words = "Protected variables are not available here, because branch side is not protected: SECRET_KEY"
    assert found["notices"] == [words]
    assert words in project.trace(job.id)
