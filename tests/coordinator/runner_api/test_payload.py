"""What a runner is told of its job."""

from __future__ import annotations

from tests.coordinator.runner_api.configurations import CI, FULL, dotenv
from tests.coordinator.server import (
    ZIP,
    Project,
    Runner,
    WorkTree,
)

NO_OPTIONS = {"docker": {"platform": "", "user": ""}, "kubernetes": {"user": ""}}


def test_the_payload_has_every_member(project: Project, work_tree: WorkTree, runner: Runner) -> None:
    pushed = work_tree.ship(FULL)
    build = runner.take()
    assert build.upload(ZIP, artifact_type="archive", artifact_format="zip").status_code == 201
    build.succeed()
    test = runner.take()
    pipeline = project.pipeline()
    coordinator = project.coordinator
    host = coordinator.url.removeprefix("http://")
    repository = f"http://gitlab-ci-token:{test.token}@{host}/{project.path}.git"
    payload = dict(test.payload)
    payload.pop("variables")
    features = payload.pop("features")
    assert features["trace_sections"] is True
    assert {"glpat-", "glcbt-"} <= set(features["token_mask_prefixes"])
    assert {"script_failure", "image_pull_failure"} <= set(features["failure_reasons"])
    assert payload["job_info"].pop("instance_id")
    assert payload["job_info"].pop("instance_uuid")
    assert payload["job_info"].pop("time_in_queue_seconds") >= 0
    assert payload == {
        "id": test.id,
        "token": test.token,
        "allow_git_fetch": True,
        "job_info": {
            "id": test.id,
            "name": "test",
            "stage": "test",
            "pipeline_id": pipeline["id"],
            "project_id": project.id,
            "project_name": project.path.rpartition("/")[2],
            "project_full_path": project.path,
            "namespace_id": None,
            "root_namespace_id": None,
            "organization_id": 1,
            "user_id": 1,
            "scoped_user_id": None,
            "project_jobs_running_on_instance_runners_count": "+Inf",
            "queue_size": 1,
            "queue_depth": 0,
        },
        "git_info": {
            "repo_url": repository,
            "repo_object_format": "sha1",
            "ref": "main",
            "sha": pushed.sha,
            "before_sha": "0" * 40,
            "ref_type": "branch",
            "refspecs": [
                f"+refs/pipelines/{pipeline['id']}:refs/pipelines/{pipeline['id']}",
                "+refs/heads/main:refs/remotes/origin/main",
            ],
            "depth": 20,
            "protected": False,
        },
        "runner_info": {"timeout": 600, "runner_session_url": None, "uuid": ""},
        "inputs": [],
        "steps": [
            {
                "name": "script",
                "script": ["pip install .", "pytest"],
                "timeout": 600,
                "when": "on_success",
                "allow_failure": False,
            },
            {
                "name": "after_script",
                "script": ["echo bye"],
                "timeout": 600,
                "when": "always",
                "allow_failure": True,
            },
        ],
        "image": {
            "name": "python:3.12",
            "alias": None,
            "entrypoint": [""],
            "command": None,
            "variables": [],
            "pull_policy": ["if-not-present"],
            "executor_opts": NO_OPTIONS,
            "ports": [],
        },
        "services": [
            {
                "name": "postgres:16",
                "alias": "db",
                "entrypoint": None,
                "command": ["postgres", "-N", "20"],
                "variables": [
                    {
                        "key": "POSTGRES_PASSWORD",
                        "value": "postgres",
                        "public": True,
                        "masked": False,
                        "file": False,
                        "raw": False,
                    }
                ],
                "pull_policy": [],
                "executor_opts": NO_OPTIONS,
                "ports": [],
            }
        ],
        "artifacts": [],
        "cache": [],
        "hooks": [],
        "secrets": {},
        "run": "",
        "policy_options": {
            "execution_policy_job": False,
            "policy_name": "",
            "policy_variables_override_allowed": None,
            "policy_variables_override_exceptions": [],
        },
        "credentials": [
            {"type": "registry", "url": url, "username": "gitlab-ci-token", "password": test.token}
            for url in ("registry.shipline.internal:5000", "gitlab.example.com")
        ],
        "dependencies": [
            {
                "id": build.id,
                "name": "build",
                "token": test.token,
                "artifacts_file": {"filename": "artifacts.zip", "size": len(ZIP)},
            }
        ],
    }
    assert build.payload["artifacts"] == [
        {
            "name": "built",
            "untracked": False,
            "paths": ["dist/"],
            "exclude": ["*.tmp"],
            "when": "on_success",
            "artifact_type": "archive",
            "artifact_format": "zip",
            "expire_in": "1 week",
        },
        {
            "name": ".env",
            "untracked": False,
            "paths": ["build.env"],
            "exclude": [],
            "when": "always",
            "artifact_type": "dotenv",
            "artifact_format": "gzip",
            "expire_in": "1 week",
        },
        {
            "name": "junit.xml",
            "untracked": False,
            "paths": ["report.xml"],
            "exclude": [],
            "when": "always",
            "artifact_type": "junit",
            "artifact_format": "gzip",
            "expire_in": "1 week",
        },
    ]


def test_the_predefined_variables_are_those_of_the_job(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    sha = work_tree.ship(CI, message="The title\n\nMore of it.").sha
    job = runner.take()
    pipeline = project.pipeline()
    registry = "registry.shipline.internal:5000"
    wanted = {
        "CI": "true",
        "GITLAB_CI": "true",
        "CI_SERVER_URL": project.coordinator.url,
        "CI_API_V4_URL": f"{project.coordinator.url}/api/v4",
        "CI_PROJECT_ID": str(project.id),
        "CI_PROJECT_PATH": project.path,
        "CI_PROJECT_NAMESPACE": "acme",
        "CI_PROJECT_URL": f"{project.coordinator.url}/{project.path}",
        "CI_DEFAULT_BRANCH": "main",
        "CI_COMMIT_SHA": sha,
        "CI_COMMIT_SHORT_SHA": sha[:8],
        "CI_COMMIT_BEFORE_SHA": "0" * 40,
        "CI_COMMIT_REF_NAME": "main",
        "CI_COMMIT_REF_SLUG": "main",
        "CI_COMMIT_BRANCH": "main",
        "CI_COMMIT_REF_PROTECTED": "false",
        "CI_COMMIT_TITLE": "The title",
        "CI_COMMIT_DESCRIPTION": "More of it.",
        "CI_COMMIT_AUTHOR": "Sam Example <sam@example.com>",
        "CI_PIPELINE_ID": str(pipeline["id"]),
        "CI_PIPELINE_IID": str(pipeline["iid"]),
        "CI_PIPELINE_SOURCE": "push",
        "CI_PIPELINE_URL": pipeline["web_url"],
        "CI_JOB_ID": str(job.id),
        "CI_JOB_NAME": "job",
        "CI_JOB_STAGE": "test",
        "CI_JOB_TOKEN": job.token,
        "CI_JOB_URL": f"{project.coordinator.url}/{project.path}/-/jobs/{job.id}",
        "CI_RUNNER_ID": str(runner.id),
        "CI_RUNNER_DESCRIPTION": "for tests",
        "CI_REGISTRY": registry,
        "CI_REGISTRY_IMAGE": f"{registry}/{project.path}",
        "CI_REGISTRY_USER": "gitlab-ci-token",
        "CI_REGISTRY_PASSWORD": job.token,
        "CI_REPOSITORY_URL": job.payload["git_info"]["repo_url"],
        "GITLAB_USER_LOGIN": "root",
    }
    assert {name: job.variables.get(name) for name in wanted} == wanted
    assert "CI_COMMIT_TAG" not in job.variables
    # Whatever holds the token is told as a secret.
    for variable in job.payload["variables"]:
        if job.token in variable["value"]:
            assert (variable["masked"], variable["public"]) == (True, False), variable["key"]


def test_a_runner_s_tags_are_told_to_its_jobs(project: Project, work_tree: WorkTree) -> None:
    work_tree.ship(CI)
    assert (
        project.runner(tag_list=["docker", "ec2"]).take().variables["CI_RUNNER_TAGS"] == '["docker", "ec2"]'
    )


def test_a_runner_s_timeout_bounds_the_job_s(project: Project, work_tree: WorkTree) -> None:
    work_tree.ship("job:\n  script: echo\n  timeout: 2h\n")
    job = project.runner(maximum_timeout=1200).take()
    assert job.payload["runner_info"]["timeout"] == 1200
    assert job.variables["CI_JOB_TIMEOUT"] == "1200"


def test_dotenv_variables_reach_dependent_jobs(work_tree: WorkTree, runner: Runner) -> None:
    work_tree.ship(FULL)
    build = runner.take()
    text = 'VERSION=1.2\nURL="http://a/?b=c"\nEMPTY=\n'
    assert build.upload(dotenv(text), artifact_type="dotenv", artifact_format="gzip").status_code == 201
    build.succeed()
    variables = runner.take().variables
    assert (variables["VERSION"], variables["URL"]) == ("1.2", '"http://a/?b=c"')
    assert variables["EMPTY"] == ""
