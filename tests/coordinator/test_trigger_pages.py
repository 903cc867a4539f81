"""Pages of pipelines that come of one another, as anybody sees them where the project is public."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.coordinator.databases import on_both_databases
from tests.coordinator.server import Coordinator, Project, WorkTree

pytestmark = on_both_databases

CI = """\
child: {trigger: {include: child.yml}}
never: {script: make, rules: [{if: $NEVER}]}
"""


@pytest.fixture
def project(coordinator: Coordinator) -> Project:
    return coordinator.project(visibility="public")


@pytest.fixture
def work_tree(project: Project, tmp_path: Path) -> WorkTree:
    return project.work_tree(tmp_path / "work-tree")


def page(project: Project, path: str) -> str:
    with project.coordinator.client() as client:
        answer = client.get(f"/{project.path}/-/{path}")
    assert answer.status_code == 200
    return answer.text


def test_parent_and_child_lead_to_one_another(project: Project, work_tree: WorkTree) -> None:
    work_tree.ship(CI, **{"child.yml": "check: {script: make}\n"})
    parent = project.pipeline()["id"]
    child = project.downstream("child", parent)["id"]
    at_parent = page(project, f"pipelines/{parent}")
    assert f'href="/{project.path}/-/pipelines/{child}"' in at_parent
    assert "<strong>never</strong>" in at_parent
    assert "its only rule does not match" in at_parent
    assert f'<a href="/{project.path}/-/pipelines/{parent}">child of #{parent} (child)</a>' in page(
        project, f"pipelines/{child}"
    )
    bridge = project.bridges(parent)["child"]["id"]
    assert f'href="/{project.path}/-/pipelines/{child}"' in page(project, f"jobs/{bridge}")


def test_what_started_in_a_hidden_project_does_not_tell_its_name(
    coordinator: Coordinator, project: Project, work_tree: WorkTree, tmp_path: Path
) -> None:
    work_tree.ship("job: {script: make}\n")
    hidden = coordinator.project()
    hidden.work_tree(tmp_path / "hidden").ship(f"there: {{trigger: {project.path}}}\n")
    number = hidden.downstream("there")["id"]
    shown = page(project, f"pipelines/{number}")
    assert "triggered by another project" in shown
    assert hidden.path not in shown


def test_a_superseded_pipeline_says_so(project: Project, work_tree: WorkTree) -> None:
    work_tree.ship("job: {script: make}\n")
    first = project.pipeline()["id"]
    work_tree.ship("job: {script: make}\n", **{"more.txt": "more"})
    newer = project.pipeline()["id"]
    link = f'<a href="/{project.path}/-/pipelines/{newer}">#{newer}</a>'
    assert f"Superseded by {link}" in page(project, f"pipelines/{first}")


def test_schedules_are_listed(project: Project, work_tree: WorkTree) -> None:
    assert "No schedule yet" in page(project, "pipeline_schedules")
    work_tree.ship("job: {script: make}\n")
    body = {"ref": "main", "description": "Every <night>", "cron": "0 2 * * *"}
    schedule = project.root.post(f"projects/{project.id}/pipeline_schedules", body)
    project.root.post(f"projects/{project.id}/pipeline_schedules/{schedule['id']}/play")
    shown = page(project, "pipeline_schedules")
    assert "Every &lt;night&gt;" in shown
    number = project.pipeline()["id"]
    assert f'href="/{project.path}/-/pipelines/{number}"' in shown
    assert "schedule: Every &lt;night&gt;" in page(project, f"pipelines/{number}")


def test_a_merge_request_has_a_page_with_its_pipelines(project: Project, work_tree: WorkTree) -> None:
    work_tree.ship("job: {script: make, rules: [{if: $CI_MERGE_REQUEST_IID}]}\n")
    work_tree.commit({"b.txt": "b"})
    assert work_tree.push("-o", "merge_request.create", "HEAD:refs/heads/topic").ok
    number = project.pipeline()["id"]
    at_pipeline = page(project, f"pipelines/{number}")
    assert (
        f'<a href="/{project.path}/-/merge_requests/1">merge request !1 into main: topic</a>' in at_pipeline
    )
    assert f'href="/{project.path}/-/pipelines/{number}"' in page(project, "merge_requests/1")
