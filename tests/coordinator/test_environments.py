"""What jobs make of environments: where they deploy to, what is there now, how it is taken away again."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from tests.coordinator.databases import on_both_databases
from tests.coordinator.server import (
    DEVELOPER,
    MAINTAINER,
    REPORTER,
    Coordinator,
    Project,
    Runner,
    WorkTree,
    until,
)

pytestmark = on_both_databases

DEPLOY = "deploy: {script: make deploy, environment: {name: production, url: 'https://shop.example.com'}}\n"
REVIEW = """\
deploy:
  script: make deploy
  environment: {name: review/$CI_COMMIT_REF_NAME, url: 'https://$CI_ENVIRONMENT_SLUG.example.com', on_stop: stop}
stop:
  script: make stop
  when: manual
  variables: {GIT_STRATEGY: none}
  environment: {name: review/$CI_COMMIT_REF_NAME, action: stop}
"""


@pytest.fixture
def project(coordinator: Coordinator) -> Project:
    """Here pipelines for one branch go on side by side: a newer one cancels no older one."""
    return coordinator.project(auto_cancel_pending_pipelines="disabled")


def environments(project: Project, query: str = "") -> dict[str, dict[str, Any]]:
    found = project.root.get(f"projects/{project.id}/environments?per_page=100&{query}")
    return {one["name"]: one for one in found}


def deployments(project: Project, query: str = "") -> list[dict[str, Any]]:
    return list(project.root.get(f"projects/{project.id}/deployments?{query}"))


def states(project: Project) -> dict[str, str]:
    return {name: one["state"] for name, one in environments(project).items()}


def test_a_job_with_an_environment_makes_it_and_deploys_to_it(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    sha = work_tree.ship(DEPLOY).sha
    (made,) = environments(project).values()
    assert (made["slug"], made["tier"], made["state"]) == ("production", "production", "available")
    assert made["external_url"] is None
    job = runner.take()
    (deployment,) = deployments(project)
    assert (deployment["status"], deployment["iid"], deployment["sha"], deployment["ref"]) == (
        "running", 1, sha, "main",
    )  # fmt: skip
    assert deployment["deployable"]["id"] == job.id
    assert deployment["environment"]["name"] == "production"
    job.succeed()
    found = project.root.get(f"projects/{project.id}/environments/{made['id']}")
    assert found["external_url"] == "https://shop.example.com"
    assert found["last_deployment"]["id"] == deployment["id"]
    assert found["last_deployment"]["status"] == "success"
    assert found["last_deployment"]["finished_at"] is not None
    assert project.jobs()["deploy"]["environment"]["name"] == "production"


@pytest.mark.parametrize(("end", "status"), [("fail", "failed"), ("cancel", "canceled")])
def test_a_deployment_ends_as_its_job_and_what_was_there_stays(
    project: Project, work_tree: WorkTree, runner: Runner, end: str, status: str
) -> None:
    work_tree.ship(DEPLOY)
    runner.take().succeed()
    work_tree.ship(DEPLOY.replace("shop", "other"))
    if end == "fail":
        runner.take().fail()
    else:
        project.act("cancel", project.jobs()["deploy"]["id"])
    assert [one["status"] for one in deployments(project)] == ["success", status]
    found = environments(project)["production"]
    assert found["external_url"] == "https://shop.example.com"
    last = project.root.get(f"projects/{project.id}/environments/{found['id']}")["last_deployment"]
    assert last["iid"] == 1


def test_a_manual_deployment_is_blocked_until_somebody_plays_it(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship(
        "deploy: {script: make, when: manual, environment: production, manual_confirmation: Now?}\n"
    )
    assert [one["status"] for one in deployments(project)] == ["blocked"]
    job = project.jobs()["deploy"]
    assert job["manual_confirmation"] == "Now?"
    project.act("play", job["id"])
    runner.take().succeed()
    assert [one["status"] for one in deployments(project)] == ["success"]


def test_a_job_knows_its_environment_by_variables(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship(REVIEW, branch="my-branch")
    taken = runner.take()
    values, environment = taken.variables, environments(project)["review/my-branch"]
    assert values["CI_ENVIRONMENT_NAME"] == "review/my-branch"
    assert values["CI_ENVIRONMENT_SLUG"] == environment["slug"]
    assert environment["slug"].startswith("review-my-branch-")
    assert (values["CI_ENVIRONMENT_ACTION"], values["CI_ENVIRONMENT_TIER"]) == ("start", "development")
    assert values["CI_ENVIRONMENT_ID"] == str(environment["id"])
    # Whoever runs the job expands it: by then more is known.
    assert values["CI_ENVIRONMENT_URL"] == "https://$CI_ENVIRONMENT_SLUG.example.com"
    taken.succeed()
    url = f"https://{environment['slug']}.example.com"
    assert environments(project)["review/my-branch"]["external_url"] == url
    project.act("play", project.jobs()["stop"]["id"])
    values = runner.take().variables
    assert (values["CI_ENVIRONMENT_ACTION"], values["CI_ENVIRONMENT_URL"]) == ("stop", url)


def test_a_job_without_an_environment_knows_nothing_of_any(work_tree: WorkTree, runner: Runner) -> None:
    work_tree.ship("job: {script: make}\n")
    assert not [name for name in runner.take().variables if name.startswith("CI_ENVIRONMENT")]


def test_the_url_is_made_of_what_the_job_reports(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship(
        "stages: [build, deploy]\n"
        "build: {stage: build, script: make, artifacts: {reports: {dotenv: build.env}}}\n"
        "deploy:\n  stage: deploy\n  script: make deploy\n  artifacts: {reports: {dotenv: deploy.env}}\n"
        "  environment: {name: $NAMED, url: 'https://$HOST.example.com:$PORT'}\n"
        "  variables: {NAMED: live-$WHERE, WHERE: here}\n"
    )
    for reported in (b"PORT=8443\nHOST=build\n", b"HOST=shop\n"):
        job = runner.take()
        stored = job.upload(gzip.compress(reported), "env.gz", artifact_type="dotenv", artifact_format="gzip")
        assert stored.status_code == 201, stored.text
        job.succeed()
    assert environments(project)["live-here"]["external_url"] == "https://shop.example.com:8443"


def test_an_address_that_is_a_script_is_not_taken(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship("deploy: {script: make, environment: {name: production, url: 'javascript:alert(1)'}}\n")
    runner.take().succeed()
    assert environments(project)["production"]["external_url"] is None


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("{name: a/$NOTHING}", "environment:name a/$NOTHING becomes 'a/'"),
        ("{name: a, deployment_tier: best}", "environment:deployment_tier best"),
        ("{name: a, auto_stop_in: soon}", "environment:auto_stop_in becomes 'soon'"),
    ],
)
def test_an_environment_that_cannot_be_made_fails_its_job_and_says_why(
    project: Project, work_tree: WorkTree, written: str, why: str
) -> None:
    work_tree.ship(f"deploy: {{script: make, environment: {written}}}\n")
    job = project.jobs()["deploy"]
    assert (job["status"], job["failure_reason"]) == ("failed", "environment_creation_failure")
    assert why in job["status_reason"]
    assert project.pipeline()["status"] == "failed"
    assert environments(project) == {}


def test_what_only_works_there_makes_no_deployment(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    jobs = "".join(
        f"{action}: {{script: make, environment: {{name: qa, action: {action}}}}}\n"
        for action in ("prepare", "verify", "access")
    )
    work_tree.ship(jobs)
    assert set(runner.take_all()) == {"prepare", "verify", "access"}
    assert deployments(project) == []
    assert environments(project)["qa"]["tier"] == "testing"


def test_scoped_variables_are_for_their_environment_and_the_closest_scope_wins(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    for scope in ("*", "review/*", "review/main", "production"):
        project.set_variable("SCOPE", scope, environment_scope=scope)
    work_tree.ship(
        "a: {script: a, environment: review/$CI_COMMIT_BRANCH}\n"
        "b: {script: b, environment: review/other}\n"
        "c: {script: c, environment: production}\n"
        "d: {script: d}\n"
    )
    found = {name: job.variables["SCOPE"] for name, job in runner.take_all().items()}
    assert found == {"a": "review/main", "b": "review/*", "c": "production", "d": "*"}


def test_rules_see_what_is_scoped_to_the_environment_of_their_job_alone(
    project: Project, work_tree: WorkTree
) -> None:
    project.set_variable("LIVE", "yes", environment_scope="production")
    rule = "rules: [{if: $LIVE == 'yes'}]"
    work_tree.ship(
        f"a: {{script: a, environment: production, {rule}}}\n"
        f"b: {{script: b, environment: qa, {rule}}}\n"
        f"c: {{script: c, {rule}}}\n"
        "d: {script: d}\n"
    )
    assert set(project.jobs()) == {"a", "d"}


def test_playing_the_stop_job_stops_the_environment_and_deploying_starts_it_again(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship(REVIEW)
    runner.take().succeed()
    project.act("play", project.jobs()["stop"]["id"])
    assert states(project) == {"review/main": "available"}
    runner.take().succeed()
    assert states(project) == {"review/main": "stopped"}
    project.act("retry", project.jobs()["deploy"]["id"])
    runner.take().succeed()
    assert states(project) == {"review/main": "available"}


def test_stopping_an_environment_runs_its_stop_job(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship(REVIEW)
    runner.take().succeed()
    path = f"projects/{project.id}/environments/{environments(project)['review/main']['id']}"
    assert project.root.post(f"{path}/stop")["state"] == "stopping"
    assert project.root.call("DELETE", path).status_code == 403
    stop = runner.take()
    assert stop.name == "stop"
    stop.succeed()
    assert states(project) == {"review/main": "stopped"}
    assert project.root.call("DELETE", path).status_code == 204
    assert environments(project) == {}
    # Its jobs are still there, without it; to deploy again makes it again.
    deploy = project.jobs()["deploy"]
    assert deploy["environment"] is None
    assert project.act("retry", deploy["id"]).json()["environment"]["name"] == "review/main"
    runner.take().succeed()
    assert states(project) == {"review/main": "available"}


def test_an_environment_without_a_stop_job_is_stopped_at_once_and_any_by_force(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship(DEPLOY + REVIEW.replace("deploy:\n", "review:\n", 1))
    for job in runner.take_all().values():
        job.succeed()
    found = environments(project)
    path = f"projects/{project.id}/environments"
    assert project.root.post(f"{path}/{found['production']['id']}/stop")["state"] == "stopped"
    forced = project.root.post(f"{path}/{found['review/main']['id']}/stop", {"force": True})
    assert forced["state"] == "stopped"
    assert project.statuses()["stop"] == "manual"


def test_deleting_a_branch_stops_what_was_deployed_from_it(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    for branch in ("one", "two"):
        work_tree.ship(REVIEW, branch=branch)
        runner.take().succeed()
    assert work_tree.push("--delete", "one").ok
    assert states(project) == {"review/one": "stopping", "review/two": "available"}
    stopping = project.jobs(project.pipelines()[1]["id"])["stop"]
    assert (stopping["status"], stopping["status_reason"]) == ("pending", "branch one was deleted")
    stop = runner.take()
    assert stop.variables["CI_ENVIRONMENT_NAME"] == "review/one"
    stop.succeed()
    assert states(project)["review/one"] == "stopped"


def test_an_environment_is_stopped_when_its_time_is_over(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship(REVIEW.replace("on_stop: stop", "on_stop: stop, auto_stop_in: 1 second"))
    runner.take().succeed()
    until(lambda: states(project) == {"review/main": "stopping"}, "the sweep has stopped it")
    runner.take().succeed()
    (found,) = environments(project).values()
    assert (found["state"], found["auto_stop_at"]) == ("stopped", None)


def test_who_works_there_puts_the_stop_off(project: Project, work_tree: WorkTree, runner: Runner) -> None:
    work_tree.ship(
        "stages: [a, b]\n"
        "deploy: {stage: a, script: make, environment: {name: qa, auto_stop_in: 1 day}}\n"
        "access: {stage: b, script: make, environment: {name: qa, action: access}}\n"
        "verify: {stage: b, script: make, environment: {name: qa, action: verify, auto_stop_in: 1 year}}\n"
    )
    runner.take().succeed()
    ends = [environments(project)["qa"]["auto_stop_at"]]
    later = runner.take_all()
    for name in ("verify", "access"):
        later[name].succeed()
        ends.append(environments(project)["qa"]["auto_stop_at"])
    assert ends[0] == ends[1] < ends[2]


def test_an_older_deployment_does_not_overwrite_a_newer_one(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    ci = "stages: [a, b]\ntest: {stage: a, script: a}\ndeploy: {stage: b, script: b, environment: production}\n"
    pipelines = []
    for _ in range(2):
        work_tree.ship(ci)
        pipelines.append(project.pipeline()["id"])
    tests = [runner.take(), runner.take()]
    tests[1].succeed()
    runner.take().succeed()
    tests[0].succeed()
    old = project.jobs(pipelines[0])["deploy"]
    assert (old["status"], old["failure_reason"]) == ("failed", "failed_outdated_deployment_job")
    assert old["status_reason"] == "it is older than the latest deployment to production (deployment 2)"
    # That somebody does it all the same is a rollback, and made on purpose.
    assert project.act("retry", old["id"]).status_code == 201
    runner.take().succeed()
    assert [one["status"] for one in deployments(project)] == ["failed", "success", "success"]


def test_a_deployment_that_became_too_old_while_it_waited_for_a_runner_does_not_run(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship("deploy: {script: b, environment: production, tags: [slow]}\n")
    old = project.pipeline()["id"]
    work_tree.ship("deploy: {script: b, environment: production}\n")
    runner.take().succeed()
    assert project.runner(tag_list=["slow"]).request().status_code == 204
    deploy = project.jobs(old)["deploy"]
    assert (deploy["status"], deploy["failure_reason"]) == ("failed", "failed_outdated_deployment_job")


def test_a_manual_deployment_that_became_too_old_cannot_be_played(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    jobs = []
    for _ in range(2):
        work_tree.ship("deploy: {script: b, environment: qa, when: manual}\n")
        jobs.append(project.jobs()["deploy"]["id"])
    project.act("play", jobs[1])
    runner.take().succeed()
    refused = project.act("play", jobs[0])
    assert refused.status_code == 400
    assert "older than the latest deployment to qa" in refused.text


def test_a_project_may_allow_older_deployments(project: Project, work_tree: WorkTree, runner: Runner) -> None:
    path = f"projects/{project.id}"
    assert project.root.get(path)["ci_forward_deployment_enabled"] is True
    maintainer, developer = project.add(MAINTAINER), project.add(DEVELOPER)
    assert developer.call("PUT", path, {"ci_forward_deployment_enabled": False}).status_code == 403
    maintainer.put(path, {"ci_forward_deployment_enabled": False})
    ci = "deploy: {script: b, environment: qa, when: manual}\n"
    old = []
    for _ in range(2):
        work_tree.ship(ci)
        old.append(project.jobs()["deploy"]["id"])
    for job in reversed(old):
        assert project.act("play", job).status_code == 200
        runner.take().succeed()
    maintainer.put(
        path, {"ci_forward_deployment_enabled": True, "ci_forward_deployment_rollback_allowed": False}
    )
    work_tree.ship(ci)
    project.act("play", project.jobs()["deploy"]["id"])
    runner.take().succeed()
    refused = project.act("retry", old[0])
    assert (refused.status_code, "allows no rollback" in refused.text) == (403, True)


def test_environments_are_made_changed_and_found_by_rest(project: Project) -> None:
    path = f"projects/{project.id}/environments"
    developer, reporter = project.add(DEVELOPER), project.add(REPORTER)
    made = developer.post(path, {"name": "eu/live", "external_url": "https://eu.example.com"})
    assert (made["tier"], made["slug"][:8]) == ("production", "eu-live-")
    assert reporter.call("POST", path, {"name": "x"}).status_code == 403
    assert reporter.get(f"{path}/{made['id']}")["last_deployment"] is None
    again = developer.call("POST", path, {"name": "eu/live"})
    assert (again.status_code, again.json()) == (400, {"message": {"name": ["has already been taken"]}})
    assert developer.call("POST", path, {"name": "a:b"}).status_code == 400
    assert developer.call("POST", path, {"name": "x", "tier": "best"}).status_code == 400
    assert developer.call("PUT", f"{path}/{made['id']}", {"external_url": "data:x"}).status_code == 400
    changed = developer.put(f"{path}/{made['id']}", {"tier": "staging", "external_url": ""})
    assert (changed["tier"], changed["external_url"], changed["name"]) == ("staging", None, "eu/live")
    developer.post(path, {"name": "qa"})
    developer.post(f"{path}/{made['id']}/stop")
    assert set(environments(project, "states=stopped")) == {"eu/live"}
    assert set(environments(project, "search=LIVE")) == {"eu/live"}
    assert set(environments(project, "name=qa")) == {"qa"}
    assert developer.call("GET", f"{path}?search=x").status_code == 400
    assert developer.call("GET", f"{path}/999999").json() == {"message": "404 Environment Not Found"}


def test_deployments_are_filtered_and_ordered(project: Project, work_tree: WorkTree, runner: Runner) -> None:
    for name in ("production", "qa", "production"):
        work_tree.ship(f"deploy: {{script: make, environment: {name}}}\n")
        runner.take().succeed()
    work_tree.ship(DEPLOY)

    def iids(query: str) -> list[int]:
        return [one["iid"] for one in deployments(project, query)]

    assert iids("") == [1, 2, 3, 4]
    assert iids("environment=production&sort=desc") == [4, 3, 1]
    assert iids("status=success&order_by=created_at&sort=desc") == [3, 2, 1]
    assert iids("updated_before=2020-01-01T00:00:00Z") == []
    assert iids("updated_after=2020-01-01T00:00:00") == [1, 2, 3, 4]
    assert project.root.call("GET", f"projects/{project.id}/deployments?status=odd").status_code == 400
    one = deployments(project)[0]
    assert project.root.get(f"projects/{project.id}/deployments/{one['id']}")["iid"] == 1
