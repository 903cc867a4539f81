"""ID tokens of jobs, verified as a cloud does it: by what the coordinator publishes."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from tests.coordinator.server import DEVELOPER, Coordinator, Job, Project, Runner, WorkTree, running, until

AUDIENCE = "sts.amazonaws.com"
CI = """\
deploy:
  script: make deploy
  environment: {name: production, url: https://shop.example.com}
  timeout: 20m
  id_tokens:
    AWS_ID_TOKEN: {aud: sts.amazonaws.com}
    VAULT_ID_TOKEN: {aud: [https://vault.example.com, "$STORE/$CI_PROJECT_ID"]}
"""


def keys_of(coordinator: Coordinator) -> jwt.PyJWKSet:
    """As somebody without any token finds them, from the issuer's address alone."""
    with coordinator.client() as client:
        document = client.get("/.well-known/openid-configuration").json()
        assert document["issuer"] == coordinator.url
        answer = client.get(document["jwks_uri"])
        assert "max-age=86400" in answer.headers["Cache-Control"]
        assert client.get("/-/jwks").json() == answer.json()
    return jwt.PyJWKSet.from_dict(answer.json())


def verified(coordinator: Coordinator, token: str, audience: str = AUDIENCE) -> dict[str, Any]:
    key = keys_of(coordinator)[jwt.get_unverified_header(token)["kid"]]
    wanted: Any = {"require": ["exp", "iat", "nbf", "sub", "jti"]}
    return dict(jwt.decode(token, key, ["RS256"], audience=audience, issuer=coordinator.url, options=wanted))


def variable(job: Job, name: str) -> dict[str, Any]:
    return next(one for one in job.payload["variables"] if one["key"] == name)


def test_a_job_s_token_says_what_the_job_is(project: Project, work_tree: WorkTree, runner: Runner) -> None:
    project.protect("main")
    sha = work_tree.ship(CI).sha
    job = runner.take()
    told = verified(project.coordinator, job.variables["AWS_ID_TOKEN"])
    host = project.coordinator.url.removeprefix("http://")
    wanted = {
        "sub": f"project_path:{project.path}:ref_type:branch:ref:main",
        "aud": AUDIENCE,
        "project_id": str(project.id),
        "project_path": project.path,
        "project_visibility": "private",
        "namespace_path": "acme",
        "user_id": "1",
        "user_login": "root",
        "user_access_level": "owner",
        "pipeline_id": str(project.pipeline()["id"]),
        "pipeline_source": "push",
        "job_id": str(job.id),
        "ref": "main",
        "ref_type": "branch",
        "ref_path": "refs/heads/main",
        "ref_protected": "true",
        "environment": "production",
        "environment_protected": "false",
        "deployment_tier": "production",
        "environment_action": "start",
        "runner_id": runner.id,
        "runner_environment": "self-hosted",
        "sha": sha,
        "ci_config_ref_uri": f"{host}/{project.path}//.gitlab-ci.yml@refs/heads/main",
        "ci_config_sha": sha,
    }
    assert {name: told.get(name) for name in wanted} == wanted
    assert told["namespace_id"].isdigit()
    # It ends with the job's time.
    assert told["exp"] - told["iat"] == 1200


def test_audiences_are_expanded_and_every_token_is_for_its_own(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    project.set_variable("STORE", "https://store.example.com")
    work_tree.ship(CI)
    job = runner.take()
    place = f"https://store.example.com/{project.id}"
    told = verified(project.coordinator, job.variables["VAULT_ID_TOKEN"], place)
    assert told["aud"] == ["https://vault.example.com", place]
    with pytest.raises(jwt.InvalidAudienceError):
        verified(project.coordinator, job.variables["VAULT_ID_TOKEN"])
    with pytest.raises(jwt.InvalidAudienceError):
        verified(project.coordinator, job.variables["AWS_ID_TOKEN"], place)


def test_tokens_are_secrets_of_the_job_alone(project: Project, work_tree: WorkTree, runner: Runner) -> None:
    work_tree.ship(CI + "other: {script: make}\n")
    jobs = {job.name: job for job in (runner.take(), runner.take())}
    for name in ("AWS_ID_TOKEN", "VAULT_ID_TOKEN"):
        found = variable(jobs["deploy"], name)
        assert (found["masked"], found["public"], found["file"]) == (True, False, False)
        assert name not in jobs["other"].variables
        assert found["value"] not in project.coordinator.log


def test_a_member_s_pipeline_on_a_tag_is_said_to_be_that(
    project: Project, runner: Runner, tmp_path: Path
) -> None:
    member = project.add(DEVELOPER)
    tree = project.work_tree(tmp_path / "members", member)
    tree.commit({".gitlab-ci.yml": CI})
    tree.git("tag", "v1")
    assert tree.push("v1").ok
    told = verified(project.coordinator, runner.take().variables["AWS_ID_TOKEN"])
    assert told["sub"] == f"project_path:{project.path}:ref_type:tag:ref:v1"
    assert (told["ref_path"], told["ref_protected"]) == ("refs/tags/v1", "false")
    assert (told["user_login"], told["user_access_level"]) == (member.name, "developer")


def test_a_merge_request_s_token_names_its_source_branch_and_a_child_s_no_configuration(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship("job: {script: make}\n")
    ci = (
        "test: {script: make, rules: [{if: $CI_MERGE_REQUEST_IID}], id_tokens: {TOKEN: {aud: a}}}\n"
        "child: {trigger: {include: child.yml}, rules: [{if: $CI_MERGE_REQUEST_IID}]}\n"
    )
    work_tree.ship(
        ci, branch="topic", **{"child.yml": "inner: {script: make, id_tokens: {TOKEN: {aud: a}}}\n"}
    )
    asked = {"source_branch": "topic", "target_branch": "main", "title": "Topic"}
    project.root.post(f"projects/{project.id}/merge_requests", asked)
    found: dict[str, Job] = {}
    until(lambda: found.update(runner.take_all()) or {"test", "inner"} <= set(found), "both jobs are there")
    told = verified(project.coordinator, found["test"].variables["TOKEN"], "a")
    assert told["sub"] == f"project_path:{project.path}:ref_type:branch:ref:topic"
    assert (told["ref_path"], told["pipeline_source"]) == ("refs/heads/topic", "merge_request_event")
    assert "environment" not in told
    child = verified(project.coordinator, found["inner"].variables["TOKEN"], "a")
    assert child["pipeline_source"] == "parent_pipeline"
    assert "ci_config_ref_uri" in told
    assert "ci_config_ref_uri" not in child


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Coordinator]:
    with running(tmp_path / "data", for_the_first_time=True) as started:
        yield started


def test_the_key_is_its_owner_s_alone_and_stays_over_a_restart(fresh: Coordinator) -> None:
    path = fresh.data.id_token_key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = [key.key_id for key in keys_of(fresh).keys]
    fresh.end()
    fresh.start()
    assert [key.key_id for key in keys_of(fresh).keys] == before


def test_only_the_public_half_of_the_key_is_published(coordinator: Coordinator) -> None:
    with coordinator.client() as client:
        (key,) = client.get("/oauth/discovery/keys").json()["keys"]
    assert set(key) == {"kty", "kid", "use", "alg", "e", "n"}
