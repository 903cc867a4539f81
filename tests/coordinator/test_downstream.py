"""Trigger jobs: child pipelines, pipelines of other projects, and what comes back from them."""

from __future__ import annotations

import io
import signal
import zipfile
from pathlib import Path

import pytest
from tests.coordinator.databases import on_both_databases
from tests.coordinator.server import DEVELOPER, REPORTER, Coordinator, Project, Runner, WorkTree, until

pytestmark = on_both_databases

CHILD = "check: {script: make check, rules: [{if: $CI_PIPELINE_SOURCE == 'parent_pipeline'}]}\n"
PARENT = """\
stages: [test, after]
variables: {COLOUR: red}
child:
  stage: test
  variables: {FROM: "$CI_COMMIT_REF_NAME $COLOUR", PARENT: $CI_PIPELINE_ID}
  trigger: {include: child.yml}
after: {stage: after, script: make}
"""
DEPENDING = """\
stages: [test, after]
child:
  stage: test
  trigger: {include: [{local: child.yml}], strategy: depend}
after: {stage: after, script: make}
"""


def zipped(**files: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "."), text)
    return content.getvalue()


def test_a_trigger_job_starts_a_child_pipeline_and_is_done(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    pushed = work_tree.ship(PARENT, **{"child.yml": CHILD})
    parent = project.pipeline()
    child = project.downstream("child", parent["id"])
    assert (child["source"], child["sha"], child["ref"]) == ("parent_pipeline", pushed.sha, "main")
    bridge = project.bridge_ends("child", "success", parent["id"])
    assert bridge["status_reason"] == f"started pipeline #{child['id']}"
    assert "child" not in project.jobs(parent["id"])
    jobs = runner.take_all()
    assert set(jobs) == {"check", "after"}
    values = jobs["check"].variables
    assert (values["FROM"], values["PARENT"]) == ("main red", str(parent["id"]))
    assert (values["CI_PIPELINE_SOURCE"], values["CI_UPSTREAM_PIPELINE_ID"]) == (
        "parent_pipeline", str(parent["id"]),
    )  # fmt: skip
    assert values["CI_UPSTREAM_JOB_ID"] == str(bridge["id"])


def test_what_was_forwarded_stands_above_the_childs_own_yaml(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    child = "variables: {COLOUR: blue, OWN: $COLOUR}\ncheck: {script: make}\n"
    work_tree.ship(PARENT, **{"child.yml": child})
    project.downstream("child")
    assert runner.take_all()["check"].variables["COLOUR"] == "red"


def test_with_depend_the_trigger_job_waits_for_the_end_of_its_pipeline(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship(DEPENDING, **{"child.yml": CHILD})
    parent = project.pipeline()["id"]
    child = project.downstream("child", parent)
    until(
        lambda: project.bridges(parent)["child"]["status_reason"] == f"waits for pipeline #{child['id']}",
        "the trigger job says what it waits for",
    )
    assert project.bridges(parent)["child"]["status"] == "running"
    jobs = runner.take_all()
    assert set(jobs) == {"check"}
    jobs["check"].succeed()
    project.bridge_ends("child", "success", parent)
    until(lambda: project.jobs(parent)["after"]["status"] == "pending", "the next stage starts")


def test_a_failed_child_fails_the_job_that_depends_on_it_and_a_retry_there_lets_it_wait_again(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship(DEPENDING, **{"child.yml": CHILD})
    parent = project.pipeline()["id"]
    child = project.downstream("child", parent)["id"]
    runner.take().fail()
    first = project.bridge_ends("child", "failed", parent)
    assert first["status_reason"] == f"pipeline #{child} ended: failed"
    assert project.root.get(f"projects/{project.id}/pipelines/{parent}")["status"] == "failed"
    assert project.jobs(parent)["after"]["status"] == "skipped"

    project.act("retry", project.jobs(child)["check"]["id"])
    again = project.bridges(parent)["child"]
    assert again["id"] != first["id"]
    assert again["status"] == "running"
    assert project.downstream("child", parent)["id"] == child
    runner.take().succeed()
    project.bridge_ends("child", "success", parent)
    runner.take().succeed()
    assert project.root.get(f"projects/{project.id}/pipelines/{parent}")["status"] == "success"


def test_a_retried_trigger_job_starts_a_new_pipeline(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship(DEPENDING, **{"child.yml": CHILD})
    parent = project.pipeline()["id"]
    first = project.downstream("child", parent)["id"]
    runner.take().fail()
    bridge = project.bridge_ends("child", "failed", parent)
    assert project.act("retry", bridge["id"]).status_code == 201
    assert project.downstream("child", parent)["id"] > first


@pytest.mark.parametrize("what", ["pipeline", "project"])
def test_a_trigger_job_whose_pipeline_is_deleted_fails_and_makes_no_other(
    coordinator: Coordinator, project: Project, work_tree: WorkTree, tmp_path: Path, what: str
) -> None:
    other = coordinator.project()
    other.work_tree(tmp_path / "other").ship("job: {script: make}\n")
    work_tree.ship(f"deploy: {{trigger: {{project: {other.path}, strategy: depend}}}}\n")
    started = project.downstream("deploy")["id"]
    until(lambda: project.bridges()["deploy"]["status_reason"].startswith("waits for"), "it waits")
    path = f"projects/{other.id}" + (f"/pipelines/{started}" if what == "pipeline" else "")
    assert project.root.call("DELETE", path).status_code == (204 if what == "pipeline" else 202)
    failed = project.bridges()["deploy"]
    assert (failed["status"], failed["status_reason"]) == ("failed", "its pipeline was deleted")
    assert project.pipeline()["status"] == "failed"
    assert "retry it to start another" in project.trace(failed["id"])
    if what == "pipeline":
        assert [one["source"] for one in other.pipelines()] == ["push"]


def test_a_trigger_job_that_waits_again_waits_for_its_resource_group_too(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    ci = "child: {resource_group: one, trigger: {include: child.yml, strategy: depend}}\n"
    work_tree.ship(ci + "other: {resource_group: one, script: make, when: manual}\n", **{"child.yml": CHILD})
    parent = project.pipeline()["id"]
    child = project.downstream("child", parent)["id"]
    runner.take().fail()
    project.bridge_ends("child", "failed", parent)
    project.act("play", project.jobs(parent)["other"]["id"])
    holder = runner.take()
    project.act("retry", project.jobs(child)["check"]["id"])
    assert project.bridges(parent)["child"]["status"] == "waiting_for_resource"
    holder.succeed()
    runner.take().succeed()
    project.bridge_ends("child", "success", parent)


def test_cancelling_a_pipeline_cancels_its_child_pipelines(project: Project, work_tree: WorkTree) -> None:
    work_tree.ship(DEPENDING, **{"child.yml": CHILD})
    parent = project.pipeline()["id"]
    child = project.downstream("child", parent)["id"]
    project.root.post(f"projects/{project.id}/pipelines/{parent}/cancel")
    for number in (parent, child):
        assert project.root.get(f"projects/{project.id}/pipelines/{number}")["status"] == "canceled"
    assert project.jobs(child)["check"]["status_reason"] == "somebody cancelled it"


def test_a_child_pipeline_is_made_of_what_an_earlier_job_wrote(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    ci = """\
stages: [make, run]
make: {stage: make, script: make, artifacts: {paths: [made.yml]}}
run: {stage: run, trigger: {include: [{artifact: made.yml, job: make}]}}
"""
    work_tree.ship(ci)
    parent = project.pipeline()["id"]
    job = runner.take()
    assert job.upload(zipped(made__yml="made: {script: echo}\n")).status_code == 201
    job.succeed()
    child = project.downstream("run", parent)
    assert set(project.jobs(child["id"])) == {"made"}


def test_a_file_that_is_not_in_the_archive_is_told(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    ci = """\
stages: [make, run]
make: {stage: make, script: make, artifacts: {paths: [made.yml]}}
bare: {stage: make, script: make}
run: {stage: run, trigger: {include: [{artifact: made.yml, job: make}]}}
other: {stage: run, trigger: {include: [{artifact: made.yml, job: bare}]}}
"""
    work_tree.ship(ci)
    parent = project.pipeline()["id"]
    jobs = runner.take_all()
    jobs["make"].upload(zipped(other__yml="made: {script: echo}\n"))
    for job in jobs.values():
        job.succeed()
    failed = project.bridge_ends("run", "failed", parent)
    assert failed["failure_reason"] == "downstream_pipeline_creation_failed"
    words = "Path `made.yml` does not exist inside the `make` artifacts archive!"
    assert words in project.trace(failed["id"])
    other = project.bridge_ends("other", "failed", parent)
    assert "Job `bare` not found in parent pipeline" in project.trace(other["id"])


def test_what_is_wrong_with_a_childs_configuration_is_told_by_the_trigger_job(
    project: Project, work_tree: WorkTree
) -> None:
    work_tree.ship(PARENT, **{"child.yml": "check: {scipt: make}\n"})
    failed = project.bridge_ends("child", "failed")
    assert failed["failure_reason"] == "downstream_pipeline_creation_failed"
    trace = project.trace(failed["id"])
    assert "Its pipeline could not be made." in trace
    assert "child.yml:1: jobs check config should implement the script:, run:, or trigger: keyword" in trace
    assert failed["downstream_pipeline"] is None


def test_a_child_that_no_rule_lets_through_fails_its_trigger_job_with_the_rules(
    project: Project, work_tree: WorkTree
) -> None:
    child = "check: {script: make, rules: [{if: $NEVER}]}\n"
    work_tree.ship(PARENT, **{"child.yml": child})
    failed = project.bridge_ends("child", "failed")
    assert "check: its only rule does not match" in project.trace(failed["id"])


def test_children_go_two_levels_deep_and_no_further(project: Project, work_tree: WorkTree) -> None:
    files = {
        "child.yml": "two: {trigger: {include: grandchild.yml}}\n",
        "grandchild.yml": "three: {trigger: {include: last.yml}}\n",
        "last.yml": CHILD,
    }
    work_tree.ship("one: {trigger: {include: child.yml}}\n", **files)
    child = project.downstream("one")["id"]
    grandchild = project.downstream("two", child)["id"]
    failed = project.bridge_ends("three", "failed", grandchild)
    assert failed["failure_reason"] == "reached_max_descendant_pipelines_depth"


def test_inputs_of_a_trigger_reach_the_childs_file(project: Project, work_tree: WorkTree) -> None:
    ci = "child: {trigger: {include: [{local: child.yml, inputs: {name: fast}}]}}\n"
    child = 'spec: {inputs: {name: {}}}\n---\n"test-$[[ inputs.name ]]": {script: make}\n'
    work_tree.ship(ci, **{"child.yml": child})
    assert set(project.jobs(project.downstream("child")["id"])) == {"test-fast"}


def test_a_trigger_job_starts_a_pipeline_of_another_project_in_the_users_name(
    coordinator: Coordinator, project: Project, work_tree: WorkTree, tmp_path: Path
) -> None:
    other = coordinator.project()
    tree = other.work_tree(tmp_path / "other")
    sha = tree.ship(
        "spec: {inputs: {where: {}}}\n---\n"
        "deploy: {script: 'make $[[ inputs.where ]]', rules: [{if: $CI_PIPELINE_SOURCE == 'pipeline'}]}\n"
        "never: {script: make, rules: [{if: $SECRET}]}\n",
    ).sha
    project.set_variable("SECRET", "a secret value", masked=False)
    ci = f"""\
deploy:
  variables: {{VERSION: $CI_COMMIT_SHORT_SHA}}
  trigger: {{project: {other.path}, branch: main, strategy: depend, inputs: {{where: staging}}}}
"""
    work_tree.ship(ci)
    started = project.downstream("deploy")
    assert (started["project_id"], started["source"], started["sha"]) == (other.id, "pipeline", sha)
    job = other.runner().take()
    assert job.payload["steps"][0]["script"] == ["make staging"]
    assert job.variables["VERSION"] == work_tree.git("rev-parse", "HEAD").stdout[:8]
    assert job.variables["CI_UPSTREAM_PROJECT_ID"] == str(project.id)
    job.succeed()
    project.bridge_ends("deploy", "success")


def test_who_may_not_run_pipelines_there_cannot_trigger_them(
    coordinator: Coordinator, project: Project, tmp_path: Path
) -> None:
    hidden, seen, guarded = (coordinator.project() for _ in range(3))
    for other in (hidden, seen, guarded):
        other.work_tree(tmp_path / other.path).ship("job: {script: make}\n")
    guarded.protect("main")
    user = project.add(DEVELOPER)
    for other, level in ((seen, REPORTER), (guarded, DEVELOPER)):
        coordinator.root.post(f"projects/{other.id}/members", {"user_id": user.id, "access_level": level})
    ci = "".join(
        f"{name}: {{trigger: {other.path}}}\n"
        for name, other in (("hidden", hidden), ("seen", seen), ("guarded", guarded))
    )
    project.work_tree(tmp_path / "theirs", user).ship(ci, branch="topic")
    reasons = {
        name: project.bridge_ends(name, "failed")["failure_reason"] for name in ("hidden", "seen", "guarded")
    }
    assert reasons == {
        "hidden": "downstream_bridge_project_not_found",
        "seen": "insufficient_bridge_permissions",
        "guarded": "insufficient_bridge_permissions",
    }
    assert [other.pipelines()[0]["source"] for other in (hidden, seen, guarded)] == ["push"] * 3


def test_projects_that_trigger_one_another_in_a_circle_come_to_an_end(
    coordinator: Coordinator, project: Project, work_tree: WorkTree, tmp_path: Path
) -> None:
    other = coordinator.project()
    other.work_tree(tmp_path / "other").ship(
        f"back: {{trigger: {project.path}, rules: [{{if: $CI_PIPELINE_SOURCE == 'pipeline'}}]}}\nx: {{script: y}}\n"
    )
    work_tree.ship(f"there: {{trigger: {other.path}}}\n")
    until(
        lambda: any(
            bridge["failure_reason"] == "pipeline_loop_detected"
            for found in (project, other)
            for pipeline in found.pipelines()
            for bridge in found.bridges(pipeline["id"]).values()
        ),
        "the circle is seen",
    )
    assert len(project.pipelines()) < 6


def test_a_child_gets_artifacts_of_its_parents_jobs(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    ci = """\
stages: [make, run]
make: {stage: make, script: make, artifacts: {paths: [dist]}}
run: {stage: run, variables: {PARENT: $CI_PIPELINE_ID}, trigger: {include: child.yml}}
"""
    child = "use: {script: make, needs: [{pipeline: $PARENT, job: make}]}\n"
    work_tree.ship(ci, **{"child.yml": child})
    make = runner.take()
    archive = zipped(dist="content")
    assert make.upload(archive).status_code == 201
    make.succeed()
    project.downstream("run")
    use = until(lambda: runner.take_all().get("use"), "the child's job can be had")
    assert [one["id"] for one in use.payload["dependencies"]] == [make.id]
    assert use.download(make.id).content == archive


def test_a_job_gets_artifacts_of_another_project(
    coordinator: Coordinator, project: Project, work_tree: WorkTree, runner: Runner, tmp_path: Path
) -> None:
    other = coordinator.project()
    other.work_tree(tmp_path / "other").ship("make: {script: make, artifacts: {paths: [dist]}}\n")
    use = f"use: {{script: make, needs: [{{project: {other.path}, ref: main, job: make}}]}}\n"
    work_tree.ship(use)
    assert runner.request().status_code == 204
    failed = project.jobs()["use"]
    assert failed["failure_reason"] == "missing_dependency_failure"
    assert "no job make of project" in failed["status_reason"]

    made = other.runner().take()
    archive = zipped(dist="content")
    assert made.upload(archive).status_code == 201
    made.succeed()
    project.act("retry", failed["id"])
    job = runner.take()
    assert [one["id"] for one in job.payload["dependencies"]] == [made.id]
    assert job.download(made.id).content == archive


def test_a_job_mirrors_the_newest_pipeline_of_another_project(
    coordinator: Coordinator, project: Project, work_tree: WorkTree, tmp_path: Path
) -> None:
    other = coordinator.project()
    other.work_tree(tmp_path / "other").ship("make: {script: make}\n")
    work_tree.ship(f"upstream: {{needs: {{pipeline: {other.path}}}}}\nx: {{script: make}}\n")
    assert project.bridges()["upstream"]["status"] == "running"
    other.runner().take().fail()
    project.bridge_ends("upstream", "failed")


def test_a_trigger_job_of_a_life_before_a_kill_gets_its_pipeline(
    own_coordinator: Coordinator, tmp_path: Path
) -> None:
    project = own_coordinator.project()
    project.work_tree(tmp_path / "work-tree").ship(PARENT, **{"child.yml": CHILD})
    own_coordinator.end(signal.SIGKILL)
    own_coordinator.start()
    parent = min(one["id"] for one in project.pipelines())
    assert project.downstream("child", parent)["source"] == "parent_pipeline"
    sources = project.root.get(f"projects/{project.id}/pipelines?source=parent_pipeline")
    assert len(sources) == 1


def test_a_masked_value_is_not_told_where_a_project_is_not_found(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    project.set_variable("WHERE", "acme/a-secret-place", masked=True)
    ci = """\
there: {trigger: $WHERE}
use: {script: make, needs: [{project: $WHERE, ref: main, job: make}]}
child: {variables: {PLACE: at $WHERE}, trigger: {include: child.yml}}
"""
    work_tree.ship(ci, **{"child.yml": "check: {script: make}\n"})
    failed = project.bridge_ends("there", "failed")
    assert "Project [MASKED] was not found." in project.trace(failed["id"])
    assert runner.request().status_code == 204 or project.jobs()["use"]["status"] == "failed"
    assert "a-secret-place" not in project.jobs()["use"]["status_reason"]
    number = project.downstream("child")["id"]
    variables = project.root.get(f"projects/{project.id}/pipelines/{number}/variables")
    assert variables == [{"key": "PLACE", "value": "[MASKED]", "variable_type": "env_var", "raw": True}]
