"""What a runner is told of its job."""

from __future__ import annotations

import hashlib

import pytest
from tests.coordinator.databases import on_both_databases
from tests.coordinator.runner_api.configurations import CI, FULL, dotenv
from tests.coordinator.server import (
    ZIP,
    Project,
    Runner,
    WorkTree,
)

pytestmark = on_both_databases


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
            "executor_opts": {},
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
                "executor_opts": {},
                "ports": [],
            }
        ],
        "artifacts": [],
        "cache": [],
        "hooks": [],
        "secrets": {},
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


CACHES = """\
job:
  script: make
  hooks: {pre_get_sources_script: [echo before]}
  image:
    name: python:3.12
    docker: {platform: linux/arm64, user: "1000"}
    kubernetes: {user: "1001"}
  services:
    - name: postgres:16
      docker: {platform: linux/amd64}
  cache:
    - key: pip
      paths: [.pip/]
      fallback_keys: [pip-old]
    - key: {files: [poetry.lock, package.json]}
      paths: [.venv/]
      policy: pull
      when: always
      unprotect: true
    - key: {files: [no.lock], prefix: none}
      untracked: true
    - key: {files_commits: [poetry.lock], prefix: commits}
      paths: [a]
  artifacts:
    when: on_failure
    reports:
      coverage_report: {coverage_format: cobertura, path: coverage.xml}
      sast: [sast.json]
"""


def test_caches_hooks_and_options_of_executors_reach_the_runner(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    project.protect("main")
    files = {"poetry.lock": "one", "package.json": "two"}
    first = work_tree.ship(CACHES, **files).sha
    job = runner.take()
    ids = [work_tree.git("rev-parse", f"HEAD:{name}").stdout.strip() for name in files]
    content = hashlib.sha1("-".join(sorted(ids)).encode()).hexdigest()
    commits = hashlib.sha1(first.encode()).hexdigest()
    common = {"untracked": False, "policy": "pull-push", "when": "on_success", "fallback_keys": []}
    assert job.payload["cache"] == [
        common | {"key": "pip-protected", "paths": [".pip/"], "fallback_keys": ["pip-old-protected"]},
        common
        | {"key": f"1_poetry_package-{content}", "paths": [".venv/"], "policy": "pull", "when": "always"},
        common | {"key": "none-default-protected", "paths": [], "untracked": True},
        common | {"key": f"commits-{commits}-protected", "paths": ["a"]},
    ]
    assert job.payload["hooks"] == [{"name": "pre_get_sources_script", "script": ["echo before"]}]
    assert job.payload["image"]["executor_opts"] == {
        "docker": {"platform": "linux/arm64", "user": "1000"},
        "kubernetes": {"user": "1001"},
    }
    assert job.payload["services"][0]["executor_opts"] == {"docker": {"platform": "linux/amd64"}}
    reports = [
        (one["name"], one["artifact_type"], one["artifact_format"], one["paths"], one["when"])
        for one in job.payload["artifacts"]
    ]
    assert sorted(reports) == [
        ("cobertura-coverage.xml", "cobertura", "gzip", ["coverage.xml"], "always"),
        ("gl-sast-report.json", "sast", "raw", ["sast.json"], "always"),
    ]
    # Another branch has caches of its own; what did not change has the same key.
    work_tree.ship(CACHES + "# changed\n", branch="topic", **files)
    keys = [cache["key"] for cache in runner.take().payload["cache"]]
    assert keys == [
        "pip-non_protected",
        f"1_poetry_package-{content}",
        "none-default-non_protected",
        f"commits-{commits}-non_protected",
    ]


def test_a_cache_s_key_follows_its_files(work_tree: WorkTree, runner: Runner) -> None:
    ci = "job: {script: make, cache: {key: {files: ['*.lock']}, paths: [a]}}\n"
    keys = []
    for text in ("one", "two", "one"):
        work_tree.ship(ci, **{"a.lock": text, "b.lock": "same"})
        keys.append(runner.take().payload["cache"][0]["key"])
    assert keys[0] == keys[2] != keys[1]


@pytest.mark.parametrize(
    ("variables", "depth", "whole"),
    [
        ("", 20, False),
        ("  GIT_DEPTH: 5\n", 5, False),
        ("  GIT_DEPTH: 0\n", 0, True),
        ("  GIT_DEPTH: x\n", 0, True),
    ],
    ids=["default", "some", "none", "words"],
)
def test_how_deep_a_clone_goes_is_the_job_s_or_the_project_s(
    project: Project, work_tree: WorkTree, runner: Runner, variables: str, depth: int, whole: bool
) -> None:
    work_tree.ship((f"variables:\n{variables}" if variables else "") + CI)
    git = runner.take().payload["git_info"]
    number = project.pipeline()["id"]
    wanted = [f"+refs/pipelines/{number}:refs/pipelines/{number}"]
    if whole:
        wanted += ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"]
    else:
        wanted += ["+refs/heads/main:refs/remotes/origin/main"]
    assert (git["depth"], git["refspecs"]) == (depth, wanted)


def test_variables_of_the_job_itself_are_told(project: Project, work_tree: WorkTree, runner: Runner) -> None:
    work_tree.ship("workflow: {name: My pipeline}\nMy Job!: {script: make, when: manual}\n")
    assert project.act("play", project.jobs()["My Job!"]["id"]).status_code == 200
    variables = runner.take().variables
    wanted = {"CI_JOB_NAME_SLUG": "my-job", "CI_JOB_MANUAL": "true", "CI_PIPELINE_NAME": "My pipeline"}
    assert {name: variables[name] for name in wanted} == wanted
    assert variables["CI_BUILD_ID"] == variables["CI_JOB_ID"]
    assert variables["CI_PIPELINE_CREATED_AT"] <= variables["CI_JOB_STARTED_AT"]
