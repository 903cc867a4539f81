"""The real python-gitlab: pipelines that are started with variables, by tokens, schedules and merge requests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gitlab
import httpx
import pytest
from gitlab.exceptions import GitlabCreateError, GitlabGetError, GitlabMRClosedError, GitlabUpdateError
from tests.coordinator.databases import database_url, on_both_databases
from tests.coordinator.server import DEVELOPER, MAINTAINER, Coordinator, Project, User, WorkTree, running

pytestmark = on_both_databases

ALL = "job: {script: make}\n"
MERGE = "workflow: {rules: [{if: $CI_MERGE_REQUEST_IID}]}\njob: {script: make}\n"
MANUAL = """\
deploy:
  script: 'make ${{ job.inputs.where }}'
  when: manual
  inputs: {where: {default: staging, options: [staging, production]}}
"""


@pytest.fixture(scope="module")
def coordinator(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Coordinator]:
    folder = tmp_path_factory.mktemp("coordinator")
    with running(folder, database_url=database_url(request)) as started:
        yield started


@pytest.fixture
def made(coordinator: Coordinator) -> Project:
    return coordinator.project()


@pytest.fixture
def work_tree(made: Project, tmp_path: Path) -> WorkTree:
    return made.work_tree(tmp_path / "work-tree")


def as_user(made: Project, user: User) -> Any:
    return gitlab.Gitlab(made.coordinator.url, private_token=user.token).projects.get(made.id)


@pytest.fixture
def project(made: Project) -> Iterator[Any]:
    with gitlab.Gitlab(made.coordinator.url, private_token=made.root.token) as client:
        yield client.projects.get(made.id)


def test_a_pipeline_is_run_with_variables_and_inputs(
    made: Project, work_tree: WorkTree, project: Any
) -> None:
    ci = (
        "spec: {inputs: {name: {default: none}}}\n---\nvariables: {A: yaml, B: yaml}\n"
        '"$[[ inputs.name ]]": {script: make}\n'
    )
    work_tree.ship(ci)
    variables = [{"key": "A", "value": "given"}, {"key": "F", "value": "text", "variable_type": "file"}]
    made_one = project.pipelines.create({"ref": "main", "variables": variables, "inputs": {"name": "fast"}})
    assert made_one.source == "api"
    assert [one.key for one in made_one.variables.list()] == ["A", "F"]
    assert [one.name for one in made_one.jobs.list()] == ["fast"]
    jobs = made.runner().take_all()
    values = {one["key"]: one for one in jobs["fast"].payload["variables"]}
    assert (values["A"]["value"], values["B"]["value"], values["F"]["file"]) == ("given", "yaml", True)
    with pytest.raises(GitlabCreateError, match="unknown input arguments: nam"):
        raise GitlabCreateError(project.pipelines.create({"ref": "main", "inputs": {"nam": "x"}}).yaml_errors)
    assert project.pipelines.latest().status == "failed"


def test_a_tag_can_have_a_pipeline_too(work_tree: WorkTree, project: Any) -> None:
    work_tree.ship(ALL)
    work_tree.git("tag", "v1")
    assert work_tree.push("-o", "ci.skip", "v1").ok
    made_one = project.pipelines.create({"ref": "v1"})
    assert (made_one.ref, made_one.tag) == ("v1", True)
    with pytest.raises(GitlabCreateError, match="Reference not found"):
        project.pipelines.create({"ref": "v2"})


def test_a_pipeline_that_is_asked_for_runs_whatever_the_commit_message_says(
    made: Project, work_tree: WorkTree, project: Any
) -> None:
    work_tree.ship(ALL, message="Words only [skip ci]")
    assert made.pipelines() == []
    assert project.pipelines.create({"ref": "main"}).status == "pending"


def test_a_manual_job_is_played_with_variables_and_inputs(
    made: Project, work_tree: WorkTree, project: Any
) -> None:
    work_tree.ship(MANUAL)
    number = made.jobs()["deploy"]["id"]
    wrong = made.root.call(
        "POST", f"projects/{made.id}/jobs/{number}/play", {"job_inputs": {"where": "mars"}}
    )
    assert (wrong.status_code, wrong.json()["message"]) == (
        400, "`where` input: `mars` cannot be used because it is not in the list of allowed options",
    )  # fmt: skip
    body = {
        "job_variables_attributes": [{"key": "WHO", "value": "me"}],
        "job_inputs": {"where": "production"},
    }
    made.root.post(f"projects/{made.id}/jobs/{number}/play", body)
    job = made.runner().take()
    assert job.variables["WHO"] == "me"
    assert job.payload["steps"][0]["script"] == ["make production"]
    job.succeed()
    again = made.root.post(f"projects/{made.id}/jobs/{number}/retry", {"job_inputs": {"where": "staging"}})
    job = made.runner().take()
    assert (job.id, job.payload["steps"][0]["script"]) == (again["id"], ["make staging"])


def test_a_runner_that_knows_inputs_gets_them(made: Project, work_tree: WorkTree) -> None:
    work_tree.ship(MANUAL)
    made.act("play", made.jobs()["deploy"]["id"])
    runner = made.runner()
    runner.features["job_inputs"] = True
    payload = runner.take().payload
    assert payload["steps"][0]["script"] == ["make ${{ job.inputs.where }}"]
    value = {"type": "string", "content": "staging", "sensitive": False}
    assert payload["inputs"] == [{"key": "where", "value": value}]


def test_schedules_are_made_changed_owned_and_played(
    made: Project, work_tree: WorkTree, project: Any
) -> None:
    ci = "job: {script: make, rules: [{if: $CI_PIPELINE_SOURCE == 'schedule'}]}\n"
    work_tree.ship(ci)
    schedule = project.pipelineschedules.create(
        {"ref": "main", "description": "Every night", "cron": "0 2 * * *", "cron_timezone": "Europe/Berlin"}
    )
    assert (schedule.active, schedule.owner["username"]) == (True, "root")
    assert schedule.next_run_at[11:16] in ("00:00", "01:00")
    schedule.variables.create({"key": "WHICH", "value": "nightly"})
    with pytest.raises(GitlabCreateError, match="has already been taken"):
        schedule.variables.create({"key": "WHICH", "value": "again"})

    schedule_id = schedule.id
    schedule.play()
    (pipeline,) = project.pipelineschedules.get(schedule_id).pipelines.list()
    assert pipeline.source == "schedule"
    values = made.runner().take().variables
    assert (values["WHICH"], values["CI_PIPELINE_SCHEDULE_DESCRIPTION"]) == ("nightly", "Every night")

    # The library takes the answer to `play` for the schedule itself.
    schedule = project.pipelineschedules.get(schedule_id)
    schedule.active = False
    schedule.save()
    assert project.pipelineschedules.get(schedule.id).next_run_at is None
    maintainer = as_user(made, made.add(MAINTAINER))
    maintainer.pipelineschedules.get(schedule.id).take_ownership()
    assert project.pipelineschedules.get(schedule.id).owner["username"] != "root"
    assert [one.id for one in project.pipelineschedules.list()] == [schedule.id]
    schedule.delete()
    with pytest.raises(GitlabGetError):
        project.pipelineschedules.get(schedule.id)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"cron": "every day"}, "syntax is invalid"),
        ({"cron_timezone": "Mars"}, "is no time zone"),
        ({"ref": "nowhere"}, "is not a branch or tag"),
    ],
)
def test_a_schedule_that_is_wrong_is_refused(
    work_tree: WorkTree, project: Any, wrong: dict[str, str], words: str
) -> None:
    work_tree.ship(ALL)
    with pytest.raises(GitlabCreateError, match=words):
        project.pipelineschedules.create({"ref": "main", "description": "x", "cron": "* * * * *"} | wrong)


def test_others_do_not_change_a_schedule(made: Project, work_tree: WorkTree, project: Any) -> None:
    work_tree.ship(ALL)
    schedule = project.pipelineschedules.create({"ref": "main", "description": "x", "cron": "0 0 1 1 *"})
    theirs = as_user(made, made.add(DEVELOPER)).pipelineschedules.get(schedule.id)
    theirs.description = "mine"
    with pytest.raises(GitlabUpdateError, match="403"):
        theirs.save()


def test_a_trigger_token_starts_a_pipeline(made: Project, work_tree: WorkTree, project: Any) -> None:
    work_tree.ship(ALL)
    trigger = project.triggers.create({"description": "from outside"})
    assert trigger.token.startswith("glptt-")
    with gitlab.Gitlab(made.coordinator.url) as nobody:
        pipeline = nobody.projects.get(made.id, lazy=True).trigger_pipeline("main", trigger.token, {"A": "1"})
    assert (pipeline.source, pipeline.user["username"]) == ("trigger", "root")
    values = made.runner().take_all()["job"].variables
    assert (values["A"], values["CI_PIPELINE_TRIGGERED"]) == ("1", "true")
    shown = project.triggers.get(trigger.id)
    assert shown.token == trigger.token.removeprefix("glptt-")[:4]
    assert shown.last_used is not None
    shown.delete()
    with pytest.raises(GitlabCreateError, match="404"):
        project.trigger_pipeline("main", trigger.token)


def test_a_form_triggers_as_well(made: Project, work_tree: WorkTree, project: Any) -> None:
    work_tree.ship(ALL)
    token = project.triggers.create({"description": "curl"}).token
    form = {"token": token, "ref": "main", "variables[A]": "by form"}
    url = f"{made.coordinator.url}/api/v4/projects/{made.path.replace('/', '%2F')}/trigger/pipeline"
    answer = httpx.post(url, data=form, trust_env=False)
    assert answer.status_code == 201, answer.text
    answer = httpx.post(url, data=form | {"token": "glptt-wrong"}, trust_env=False)
    assert answer.status_code == 404


def test_a_running_jobs_token_starts_a_pipeline_of_another_project(
    made: Project, work_tree: WorkTree, coordinator: Coordinator, tmp_path: Path
) -> None:
    other = coordinator.project()
    other.work_tree(tmp_path / "other").ship(ALL)
    work_tree.ship(ALL)
    job = made.runner().take()
    url = f"{coordinator.url}/api/v4/projects/{other.id}/trigger/pipeline"
    answer = httpx.post(url, json={"token": job.token, "ref": "main"}, trust_env=False)
    assert (answer.status_code, answer.json()["source"]) == (201, "pipeline")
    job.succeed()
    assert httpx.post(url, json={"token": job.token, "ref": "main"}, trust_env=False).status_code == 404


def two_branches(tree: WorkTree, ci: str = MERGE) -> str:
    tree.ship(ci, **{"a.txt": "a"})
    sha = tree.commit({"b.txt": "b"}, "Add b")
    assert tree.push("HEAD:refs/heads/topic").ok
    return sha


def test_a_merge_request_has_pipelines_of_its_own(made: Project, work_tree: WorkTree, project: Any) -> None:
    ci = "job: {script: make, rules: [{if: $CI_MERGE_REQUEST_IID, changes: [b.txt]}]}\n"
    sha = two_branches(work_tree, ci)
    request = project.mergerequests.create(
        {"source_branch": "topic", "target_branch": "main", "title": "Draft: Add b", "description": "Why"}
    )
    assert (request.iid, request.state, request.sha, request.draft) == (1, "opened", sha, True)
    (pipeline,) = request.pipelines.list()
    assert (pipeline.source, pipeline.ref) == ("merge_request_event", "refs/merge-requests/1/head")
    job = made.runner().take()
    values = job.variables
    assert values["CI_MERGE_REQUEST_IID"] == "1"
    assert values["CI_MERGE_REQUEST_SOURCE_BRANCH_SHA"] == sha
    assert values["CI_MERGE_REQUEST_TARGET_BRANCH_NAME"] == "main"
    assert (values["CI_COMMIT_REF_NAME"], "CI_COMMIT_BRANCH" in values) == ("topic", False)
    git = job.payload["git_info"]
    kept, head = f"refs/pipelines/{pipeline.id}", "refs/merge-requests/1/head"
    assert git["refspecs"] == [f"+{kept}:{kept}", f"+{head}:{head}"]
    assert (git["ref"], git["ref_type"], git["sha"]) == ("refs/merge-requests/1/head", "branch", sha)
    head = work_tree.git("ls-remote", "origin", "refs/merge-requests/1/head").stdout
    assert head.split()[0] == sha

    work_tree.commit({"c.txt": "c"})
    pushed = work_tree.push("HEAD:refs/heads/topic")
    assert "created for merge request !1" in pushed.said
    assert len(request.pipelines.list()) == 2
    assert made.root.post(f"projects/{made.id}/merge_requests/1/pipelines")["source"] == "merge_request_event"


def test_a_push_makes_a_branch_and_a_merge_request_pipeline_unless_the_workflow_says_no(
    made: Project, work_tree: WorkTree
) -> None:
    work_tree.ship("job: {script: make, rules: [{when: always}]}\n")
    work_tree.commit({"b.txt": "b"})
    pushed = work_tree.push(
        "-o", "merge_request.create", "-o", "merge_request.target=main", "-o", "merge_request.title=Add b",
        "HEAD:refs/heads/topic",
    )  # fmt: skip
    assert "Merge request !1 created: topic into main" in pushed.said
    assert [one["source"] for one in made.pipelines()[:2]] == ["merge_request_event", "push"]
    again = work_tree.push("-o", "merge_request.create", "HEAD:refs/heads/topic")
    assert again.ok
    assert made.root.get(f"projects/{made.id}/merge_requests")[0]["title"] == "Add b"


def test_a_merge_request_is_merged_by_git(made: Project, work_tree: WorkTree, project: Any) -> None:
    sha = two_branches(work_tree, ALL)
    work_tree.git("checkout", "--quiet", "-B", "main", "HEAD~1")
    main = work_tree.ship(ALL, **{"c.txt": "c"}).sha
    request = project.mergerequests.create(
        {"source_branch": "topic", "target_branch": "main", "title": "Add b"}
    )
    with pytest.raises(GitlabCreateError, match="Another open merge request already exists"):
        project.mergerequests.create({"source_branch": "topic", "target_branch": "main", "title": "x"})
    request.merge()
    merged = project.mergerequests.get(request.iid)
    assert (merged.state, merged.merge_user["username"]) == ("merged", "root")
    work_tree.git("fetch", "--quiet", "origin", "main")
    assert work_tree.git("rev-parse", "FETCH_HEAD").stdout.strip() == merged.merge_commit_sha
    assert work_tree.git("rev-parse", "FETCH_HEAD^1", "FETCH_HEAD^2").stdout.split() == [main, sha]
    assert work_tree.git("ls-tree", "--name-only", "FETCH_HEAD").stdout.split() == [
        ".gitlab-ci.yml", "a.txt", "b.txt", "c.txt",
    ]  # fmt: skip
    newest = made.pipeline()
    assert (newest["sha"], newest["source"], newest["ref"]) == (merged.merge_commit_sha, "push", "main")
    with pytest.raises(GitlabMRClosedError):
        merged.merge()


def test_what_conflicts_is_not_merged(work_tree: WorkTree, project: Any) -> None:
    two_branches(work_tree, ALL)
    work_tree.git("checkout", "--quiet", "-B", "main", "HEAD~1")
    work_tree.ship(ALL, **{"b.txt": "another b"})
    request = project.mergerequests.create(
        {"source_branch": "topic", "target_branch": "main", "title": "Add b"}
    )
    with pytest.raises(GitlabMRClosedError, match="there are conflicts"):
        request.merge()
    assert project.mergerequests.get(request.iid).state == "opened"


def test_a_fast_forward_moves_the_target_branch(made: Project, work_tree: WorkTree, project: Any) -> None:
    sha = two_branches(work_tree, ALL)
    project.merge_method = "ff"
    project.save()
    request = project.mergerequests.create(
        {"source_branch": "topic", "target_branch": "main", "title": "Add b"}
    )
    request.merge()
    assert project.branches.get("main").commit["id"] == sha


def test_a_developer_does_not_merge_into_a_protected_branch(
    made: Project, work_tree: WorkTree, project: Any
) -> None:
    two_branches(work_tree, ALL)
    made.protect("main")
    request = project.mergerequests.create(
        {"source_branch": "topic", "target_branch": "main", "title": "Add b"}
    )
    theirs = as_user(made, made.add(DEVELOPER)).mergerequests.get(request.iid)
    with pytest.raises(gitlab.exceptions.GitlabError, match="401"):
        theirs.merge()


def test_a_push_of_its_commits_to_the_target_merges_it(work_tree: WorkTree, project: Any) -> None:
    two_branches(work_tree, ALL)
    request = project.mergerequests.create(
        {"source_branch": "topic", "target_branch": "main", "title": "Add b"}
    )
    pushed = work_tree.push("HEAD:refs/heads/main")
    assert "Merge request !1 is merged: main has its commits" in pushed.said
    assert project.mergerequests.get(request.iid).state == "merged"


def test_a_merge_request_is_closed_and_opened_again(work_tree: WorkTree, project: Any) -> None:
    two_branches(work_tree)
    request = project.mergerequests.create(
        {"source_branch": "topic", "target_branch": "main", "title": "Add b"}
    )
    for event, state in (("close", "closed"), ("reopen", "opened")):
        request.state_event = event
        request.save()
        assert project.mergerequests.get(request.iid).state == state
    assert [one.iid for one in project.mergerequests.list(state="opened")] == [request.iid]


def test_developers_do_not_run_pipelines_on_a_protected_branch(
    made: Project, work_tree: WorkTree, project: Any
) -> None:
    work_tree.ship(MANUAL)
    made.protect("main")
    user = made.add(DEVELOPER)
    theirs = as_user(made, user)
    with pytest.raises(
        GitlabCreateError, match="do not have sufficient permission to run a pipeline on 'main'"
    ):
        theirs.pipelines.create({"ref": "main"})
    number = made.jobs()["deploy"]["id"]
    assert user.call("POST", f"projects/{made.id}/jobs/{number}/play").status_code == 403
