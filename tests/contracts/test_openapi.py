"""Schemathesis reads the description of the API and calls every operation in it, with what the description
allows: no answer is an error of the server's, and each is of a type that clients expect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from tests.coordinator.databases import database_url, on_both_databases
from tests.coordinator.server import ZIP, Coordinator, Project, running

pytestmark = on_both_databases

EXAMPLES = 4
CI = "stages: [a, b]\njob: {stage: a, script: echo}\nnext: {stage: b, script: echo, when: manual}\n"
# With these a token ends itself, and all others would be told 401 for the wrong reason.
ENDS_THE_TOKEN = ("/personal_access_tokens/self", "/personal_access_tokens/{token_id}", "/access_tokens/self")


@pytest.fixture(scope="module")
def coordinator(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Coordinator]:
    folder = tmp_path_factory.mktemp("coordinator")
    with running(folder, database_url=database_url(request)) as started:
        yield started


@pytest.fixture(scope="module")
def project(coordinator: Coordinator, tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = coordinator.project()
    made.work_tree(tmp_path_factory.mktemp("tree") / "tree").ship(CI)
    job = made.runner().take()
    job.trace(b"hello\n")
    job.upload(ZIP)
    return made


@pytest.fixture(scope="module")
def operations(coordinator: Coordinator) -> dict[str, Any]:
    schema = schemathesis.openapi.from_url(f"{coordinator.url}/api/v4/openapi.json")
    found = (result.ok() for result in schema.get_all_operations())
    return {f"{one.method.upper()} {one.path.removeprefix('/api/v4')}": one for one in found}


def test_every_operation_answers_what_it_says_it_does(
    coordinator: Coordinator, project: Project, operations: dict[str, Any]
) -> None:
    """The project, its pipeline and job are real ones in every second call, and there for all of them."""
    assert len(operations) > 100
    real = {
        "project_id": str(project.id),
        "pipeline_id": project.pipeline()["id"],
        "job_id": project.jobs()["job"]["id"],
        "group_id": "acme",
        "ref": "main",
        "name": "main",
        "file_path": ".gitlab-ci.yml",
    }
    kept = ("DELETE /projects/{project_id}", "DELETE /groups/{group_id}")
    for name, operation in operations.items():
        if any(path in name for path in ENDS_THE_TOKEN):
            continue
        _call(operation, coordinator.root.token, {} if name in kept else real)
    # What was said of the answers was said by somebody who may do everything, to the end.
    assert coordinator.root.get("user")["is_admin"] is True
    assert coordinator.root.get(f"projects/{project.id}")["id"] == project.id


def _call(operation: Any, token: str, real: dict[str, Any]) -> None:
    count = 0

    @given(case=operation.as_strategy())
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def call(case: Any) -> None:
        nonlocal count
        count += 1
        if count % 2:
            case.path_parameters |= {key: value for key, value in real.items() if key in case.path_parameters}
        response = case.call(headers={"PRIVATE-TOKEN": token}, timeout=30)
        what = f"{operation.method} {response.request.url} {case.body!r}: {response.status_code} {response.text[:300]}"
        assert response.status_code < 500, what
        documented = (
            operation.definition.raw["responses"].get(str(response.status_code), {}).get("content", {})
        )
        kind = response.headers.get("content-type", [""])[0].partition(";")[0]
        if response.status_code != 204 and "*/*" not in documented:
            assert kind in (documented or {"application/json"}), what

    call()


def test_whoever_has_no_token_is_told_so_by_every_operation(
    coordinator: Coordinator, operations: dict[str, Any]
) -> None:
    # A trigger's token is in what is sent.
    open_to_all = {name for name, one in operations.items() if "security" not in one.definition.raw}
    read_by_all = {name for name, one in operations.items() if {} in one.definition.raw.get("security", ())}
    assert {name.split(" ")[0] for name in read_by_all} == {"GET", "HEAD"}
    assert open_to_all == {
        "POST /projects/{project_id}/trigger/pipeline",
        "POST /projects/{project_id}/ref/{ref}/trigger/pipeline",
    }
    with coordinator.client() as client:
        for name, operation in operations.items():
            if name in open_to_all:
                continue
            # Nothing of this coordinator is public.
            wanted = (200, 400, 404) if name in read_by_all else (401,)
            method, path = name.split(" ", 1)
            filled = path
            for parameter in operation.path_parameters:
                filled = filled.replace("{" + parameter.name + "}", "1")
            body = {} if method in ("POST", "PUT", "PATCH") else None
            answer = client.request(method, f"/api/v4{filled}", json=body)
            assert answer.status_code in wanted, (name, answer.text)
            if answer.status_code == 200:
                assert answer.json() == [], name
            elif answer.status_code == 401:
                assert method == "HEAD" or answer.json() == {"message": "401 Unauthorized"}
