"""What a job's files go through: sources, caches, artifacts."""

from __future__ import annotations

import base64
import io
import os
import zipfile
from collections.abc import Mapping

from tests.runner.file_server import ACCESS_KEY, SECRET_KEY
from tests.runner.git_server import PASSWORD, USER
from tests.runner.jobs.conftest import Place

from shipline.runner.config_file import CacheSection, S3Section
from shipline.runner.slots import Slot

FETCH = {"GIT_STRATEGY": "fetch"}


async def test_the_commit_is_there_and_no_file_of_the_sources_holds_the_token(place: Place) -> None:
    info = place.repository(**{"a/b": "content"})
    ended = await place.run(
        "cat a/b README; echo",
        f"! grep -r {PASSWORD} .git && echo no token",
        "git --version >/dev/null 2>&1 && git remote get-url origin || grep url .git/config",
        git_info=info,
        variables=FETCH,
    )
    assert ended.good, ended.log
    assert "contenthello" in ended.log
    assert "no token" in ended.log
    assert f"http://{place.host}:{place.git.port}/acme/app.git" in ended.log
    assert place.git.refused == []


async def test_a_debug_trace_of_the_sources_does_not_show_the_credentials(place: Place) -> None:
    hooks = [{"name": "pre_get_sources_script", "script": ["echo hook $A"]}]
    variables = FETCH | {"CI_DEBUG_TRACE": "true", "A": "1"}
    ended = await place.run("true", git_info=place.repository(), variables=variables, hooks=hooks)
    assert ended.good, ended.log
    assert "+ git fetch origin" in ended.log
    assert "+ echo hook 1" in ended.log
    assert "Authorization" not in ended.log
    assert base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode() not in ended.log


async def test_fetch_goes_on_with_the_work_tree_of_the_job_before_and_clone_does_not(place: Place) -> None:
    info = place.repository()
    keep = FETCH | {"GIT_CLEAN_FLAGS": "none"}
    seen = 'test -e left && echo "left is there" || echo "left is gone"; touch left'
    first = await place.run(seen, git_info=info, variables=keep)
    assert "left is gone" in first.lines, first.log
    again = await place.run(seen, git_info=info, variables=keep)
    assert "left is there" in again.lines
    beside = await place.run(seen, git_info=info, variables=keep, slot=Slot(1, 1))
    assert "left is gone" in beside.lines
    cleaned = await place.run(seen, git_info=info, variables=FETCH)
    assert "left is gone" in cleaned.lines
    cloned = await place.run(seen, git_info=info, variables=keep | {"GIT_STRATEGY": "clone"})
    assert "left is gone" in cloned.lines


async def test_hooks_of_the_job_and_the_config_stand_around_the_sources(place: Place) -> None:
    place.configure(pre_get_sources_script="echo config before", post_get_sources_script="echo config behind")
    hooks = [
        {"name": "pre_get_sources_script", "script": ["echo job before $A"]},
        {"name": "post_get_sources_script", "script": ["echo job behind; cat README; echo"]},
    ]
    ended = await place.run("true", git_info=place.repository(), variables=FETCH | {"A": "1"}, hooks=hooks)
    assert ended.good, ended.log
    shown = [line for line in ended.log.splitlines() if line.startswith(("config", "job", "hello"))]
    assert shown == ["config before", "job before 1", "config behind", "job behind", "hello"]


async def test_a_clone_path_is_where_the_sources_are(place: Place) -> None:
    there = FETCH | {"GIT_CLONE_PATH": "$CI_BUILDS_DIR/go/src/app"}
    ended = await place.run('echo "in $PWD"; cat README; echo', git_info=place.repository(), variables=there)
    assert ended.good, ended.log
    assert "/go/src/app" in ended.log
    out = await place.run("true", variables={"GIT_CLONE_PATH": "/etc/app"})
    assert out.result.failure_reason == "runner_configuration_error"
    assert "GIT_CLONE_PATH '/etc/app' is not in" in out.log


async def test_sources_that_cannot_be_had_fail_the_job_before_its_script(place: Place) -> None:
    info = place.repository() | {"sha": "b" * 40}
    ended = await place.run("echo ran", git_info=info, variables=FETCH)
    assert ended.result.failure_reason == "runner_system_failure"
    assert "getting the sources failed" in ended.log
    assert "ran" not in ended.lines


CACHE = [{"key": "$CI_JOB_NAME-x", "paths": ["deps/"], "policy": "pull-push"}]
FILL = 'test -e deps/a && echo "deps are there" || { mkdir -p deps; echo content > deps/a; echo "deps are made"; }'


async def test_a_cache_comes_back_in_the_next_job_of_the_project(place: Place) -> None:
    first = await place.run(FILL, cache=CACHE)
    assert "deps are made" in first.lines, first.log
    assert "Restoring cache" in first.log
    assert "Created cache" in first.log
    again = await place.run(FILL, "touch -d '1 hour ago' deps/a", cache=CACHE, slot=Slot(1, 1))
    assert "deps are there" in again.lines, again.log
    assert "Successfully extracted cache" in again.log
    assert "Archive is up to date!" in again.log


async def test_a_cache_is_pulled_and_pushed_as_its_policy_and_when_say(place: Place) -> None:
    pull = [{**CACHE[0], "policy": "pull"}]
    assert "Not uploading cache due to policy" in (await place.run(FILL, cache=pull)).log
    assert "deps are made" in (await place.run(FILL, cache=pull)).lines
    failed = [{**CACHE[0], "when": "on_failure"}]
    assert "Saving cache" not in (await place.run(FILL, cache=failed)).log
    assert "Saving cache for failed job" in (await place.run(FILL, "exit 1", cache=failed)).log
    push = [{**CACHE[0], "policy": "push"}]
    pushed = await place.run(FILL, cache=push)
    assert "Not downloading cache due to policy" in pushed.log
    assert "deps are made" in pushed.lines
    assert "deps are there" in (await place.run(FILL, cache=CACHE)).lines


async def test_another_key_is_fallen_back_on(place: Place) -> None:
    await place.run(FILL, cache=[{**CACHE[0], "key": "main"}])
    ended = await place.run(FILL, cache=[{**CACHE[0], "key": "new", "fallback_keys": ["none", "main"]}])
    assert "Checking cache for main..." in ended.log
    assert "deps are there" in ended.lines


def store(place: Place, **fields: object) -> CacheSection:
    return CacheSection(
        type="s3",
        path="ci",
        s3=S3Section(
            server_address=f"{place.host}:{place.files.port}",
            access_key=ACCESS_KEY,
            secret_key=SECRET_KEY,
            bucket_name="store",
            bucket_location="eu-west-1",
            insecure=True,
        ),
        **fields,  # type: ignore[arg-type]
    )


async def test_a_cache_is_kept_in_an_object_store_by_signed_addresses(place: Place) -> None:
    place.configure(cache=store(place))
    first = await place.run(FILL, cache=CACHE)
    assert "Created cache" in first.log, first.log
    name = f"/store/ci/runner/{place.section.short_token}/project/3/test-x"
    assert list(place.files.objects) == [name]
    # Another machine: nothing is kept there yet.
    place.configure(cache_dir=f"{place.section.cache_dir or '/cache'}-2")
    again = await place.run(FILL, cache=CACHE)
    assert "deps are there" in again.lines, again.log
    asked = [(one.method, one.path) for one in place.files.asked]
    assert asked == [("GET", name), ("PUT", name), ("GET", name)]
    assert not [one for one in place.files.asked if "JOB-TOKEN" in one.headers]
    for log in (first.log, again.log):
        assert "X-Amz" not in log


async def test_a_cache_that_is_larger_than_the_limit_is_not_kept(place: Place) -> None:
    place.configure(cache=store(place, max_uploaded_archive_size=100))
    ended = await place.run("mkdir deps; head -c 5000 /dev/urandom > deps/a", cache=CACHE)
    assert ended.good
    assert "exceeds the limit of 100 bytes" in ended.log
    assert place.files.objects == {}


async def test_a_store_that_refuses_is_told_and_no_failure(place: Place) -> None:
    place.configure(cache=store(place))
    place.files.answers += [403, 403]
    ended = await place.run(FILL, cache=CACHE)
    assert ended.good
    assert "the cache could not be uploaded (status 403)" in ended.log


def archive(members: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name, content in members.items():
            made.writestr(name, content)
    return buffer.getvalue()


DEPENDENCIES = [
    {"id": 5, "name": "build", "token": PASSWORD, "artifacts_file": {"filename": "artifacts.zip"}},
    {"id": 6, "name": "lint", "token": PASSWORD},
]


async def test_artifacts_of_jobs_before_are_there_and_the_jobs_own_are_sent(place: Place) -> None:
    place.files.artifacts[5] = archive({"dist/app": "built"})
    artifacts = [
        {"name": "$CI_JOB_NAME-$A", "paths": ["dist/", "../out"], "exclude": ["dist/*.tmp"], "expire_in": "1 week"},
        {"name": "junit.xml", "paths": ["r/*.xml"], "artifact_type": "junit", "artifact_format": "gzip",
         "when": "always"},
        {"name": "no", "paths": ["dist/"], "when": "on_failure"},
    ]  # fmt: skip
    ended = await place.run(
        "cat dist/app; echo; echo x > dist/b.tmp; echo y > dist/c; mkdir r; echo '<x/>' > r/1.xml",
        dependencies=DEPENDENCIES,
        artifacts=artifacts,
        variables={"A": "1", "CI_JOB_NAME": "test"},
    )
    assert ended.good, ended.log
    assert "built" in ended.log
    assert "Downloading artifacts for build (5)..." in ended.log
    assert "../out: path is not a subpath of project directory" in ended.log
    (first, content, query), (second, _, report) = place.files.uploaded
    assert (first, second) == ("test-1.zip", "junit.xml.gz")
    assert sorted(zipfile.ZipFile(io.BytesIO(content)).namelist()) == ["dist/app", "dist/c"]
    assert query == {"artifact_format": "zip", "artifact_type": "archive", "expire_in": "1 week"}
    assert report["artifact_type"] == "junit"


async def test_artifacts_that_cannot_be_sent_fail_a_job_that_was_good(place: Place) -> None:
    place.files.answers.append(413)
    ended = await place.run("echo x > a", artifacts=[{"paths": ["a"]}])
    assert (ended.result.failure_reason, ended.result.exit_code) == ("script_failure", 1)
    assert "larger than the coordinator takes" in ended.log


async def test_artifacts_of_jobs_before_that_are_not_there_fail_the_job(place: Place) -> None:
    ended = await place.run("echo ran", dependencies=DEPENDENCIES)
    assert ended.result.failure_reason == "runner_system_failure"
    assert "(of: build)" in ended.log
    assert "ran" not in ended.lines


async def test_the_shell_executor_leaves_out_services_and_says_so(shell: Place) -> None:
    ended = await shell.run("echo as $(id -u)", services=[{"name": "postgres:15"}])
    assert f"as {os.getuid()}" in ended.log
    assert "this executor isolates nothing" in ended.log
    assert "the shell executor has no services; the job's are left out" in ended.log
