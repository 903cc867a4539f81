"""How sources are got: the scripts run by a real shell, with real git, from a real server."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.runner import git_server
from tests.runner.git_server import PASSWORD, USER, GitServer

from shipline.errors import ProtocolError
from shipline.protocols.runner_api import JobPayload
from shipline.runner import git, script
from shipline.runner.config_file import RunnerSection
from shipline.runner.trace import GREEN, RESET
from shipline.runner.variables import Variables, job_variables

REFSPEC = "+refs/heads/main:refs/remotes/origin/main"
SECTION = RunnerSection("r", "http://c", "glrt-0123456789abc")


def payload(**fields: Any) -> JobPayload:
    return JobPayload.model_validate(
        {
            "id": 7,
            "token": "glcbt-x",
            "job_info": {"name": "test", "project_id": 3, "project_full_path": "acme/app"},
            "git_info": {"repo_url": "http://c/acme/app.git", "ref": "main", "sha": "a" * 40, "depth": 20},
            **fields,
        }
    )


def variables(**values: str) -> Variables:
    listed = [{"key": key, "value": value} for key, value in values.items()]
    return job_variables(payload(variables=listed), SECTION, 600)


def options(**values: str) -> git.GitOptions:
    return git.git_options(payload(), variables(**values))


def test_without_variables_so_many_commits_are_fetched_as_the_job_says() -> None:
    assert options() == git.GitOptions(depth=20, submodule_depth=20)


def test_a_job_that_may_not_fetch_clones() -> None:
    assert git.git_options(payload(allow_git_fetch=False), variables()).strategy == "clone"


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({"GIT_STRATEGY": "none"}, {"strategy": "none"}),
        ({"GIT_STRATEGY": ""}, {"strategy": "fetch"}),
        ({"GIT_DEPTH": "0"}, {"depth": 0, "submodule_depth": 0}),
        ({"GIT_DEPTH": "x"}, {"depth": 20}),
        ({"GIT_DEPTH": "5", "GIT_SUBMODULE_DEPTH": "1"}, {"depth": 5, "submodule_depth": 1}),
        ({"GIT_CHECKOUT": "false"}, {"checkout": False}),
        ({"GIT_CHECKOUT": "0"}, {"checkout": False}),
        ({"GIT_CLEAN_FLAGS": "none"}, {"clean": None}),
        ({"GIT_CLEAN_FLAGS": "-fd -e 'a b/'"}, {"clean": ("-fd", "-e", "a b/")}),
        ({"GIT_CLEAN_FLAGS": "-fd -e it's"}, {"clean": ("-fd", "-e", "it's")}),
        ({"GIT_FETCH_EXTRA_FLAGS": "--prune --no-tags"}, {"fetch": ("--prune", "--no-tags")}),
        ({"GIT_FETCH_EXTRA_FLAGS": "none"}, {"fetch": ()}),
        ({"GIT_SUBMODULE_STRATEGY": "recursive"}, {"submodules": "recursive"}),
        ({"GIT_SUBMODULE_PATHS": "a :(exclude)b"}, {"submodule_paths": ("a", ":(exclude)b")}),
        ({"GIT_SUBMODULE_UPDATE_FLAGS": "--jobs 4"}, {"submodule_update": ("--jobs", "4")}),
        ({"GIT_SUBMODULE_FORCE_HTTPS": "true"}, {"force_https": True}),
        ({"GIT_LFS_SKIP_SMUDGE": "1"}, {"lfs": False}),
    ],
)
def test_variables_say_how(values: Mapping[str, str], fields: Mapping[str, Any]) -> None:
    found = options(**values)
    assert {key: getattr(found, key) for key in fields} == fields


@pytest.mark.parametrize("key", ["GIT_STRATEGY", "GIT_SUBMODULE_STRATEGY"])
def test_a_strategy_that_there_is_not_is_refused(key: str) -> None:
    with pytest.raises(ProtocolError, match=f"{key} is 'pull'. It can be"):
        options(**{key: "pull"})


@pytest.mark.parametrize(
    ("repository", "clone_url", "address"),
    [
        ("http://u:p@127.0.0.1:8080/a/b.git", "", "http://127.0.0.1:8080/a/b.git"),
        ("http://u:p@127.0.0.1:8080/a/b.git", "http://c.internal:80", "http://c.internal:80/a/b.git"),
        ("https://u:p@gitlab.example/a/b.git", "http://c/gitlab/", "http://c/gitlab/a/b.git"),
        ("https://u:p@gitlab.example/a/b.git", "http://x:y@c/", "http://c/a/b.git"),
    ],
)
def test_credentials_leave_the_address_for_a_header(repository: str, clone_url: str, address: str) -> None:
    url, basic = git.address(repository, clone_url)
    assert url == address
    assert base64.b64decode(basic) == b"u:p"


def test_an_address_without_credentials_has_none() -> None:
    assert git.address("http://c/a/b.git", "") == ("http://c/a/b.git", "")


def settings(environment: Mapping[str, str]) -> list[tuple[str, str]]:
    count = int(environment["GIT_CONFIG_COUNT"])
    return [(environment[f"GIT_CONFIG_KEY_{n}"], environment[f"GIT_CONFIG_VALUE_{n}"]) for n in range(count)]


def test_the_credentials_are_for_the_whole_server_and_no_other() -> None:
    found = dict(settings(git.environment("http://c:8080/a/b.git", "eA==")))
    assert found["http.http://c:8080/.extraHeader"] == "Authorization: Basic eA=="
    assert not [key for key, value in settings(git.environment("http://c/a.git", "")) if "Basic" in value]


def test_the_servers_outer_address_leads_to_the_inner_one() -> None:
    found = settings(git.environment("http://inner:80/a.git", "", external="https://gitlab.example"))
    assert ("url.http://inner:80/.insteadOf", "https://gitlab.example/") in found
    same = settings(git.environment("http://c/a.git", "", external="http://c"))
    assert not [key for key, _ in same if "insteadOf" in key]


def test_addresses_for_ssh_may_be_forced_to_https() -> None:
    found = settings(
        git.environment(
            "http://inner/a.git", "", git.GitOptions(force_https=True), external="https://gitlab.example"
        )
    )
    forced = [value for key, value in found if key == "url.http://inner/.insteadOf"]
    assert "git@gitlab.example:" in forced
    assert "ssh://git@gitlab.example/" in forced
    assert "git@inner:" in forced


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with git_server.git_server(tmp_path / "server") as started:
        yield started


class Job:
    """One project's folder, and stages get_sources one after the other in it."""

    def __init__(self, server: GitServer, folder: Path, name: str = "acme/app") -> None:
        self.server, self.folder, self.name = server, folder, name
        self.said = ""

    def sources(
        self,
        sha: str,
        made: git.GitOptions | None = None,
        refspec: str = REFSPEC,
        more: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        url, basic = git.address(self.server.url(self.name), "")
        chosen = made or git.GitOptions()
        commands = git.get_sources(chosen, str(self.folder), url, [refspec], sha, "main")
        environment = git.environment(url, basic, chosen) | dict(more or {})
        text = script.frame(git.with_environment(environment, commands))
        done = subprocess.run(
            ["sh"],
            input=text,
            capture_output=True,
            text=True,
            timeout=60,
            env={"PATH": os.environ["PATH"], "HOME": "/nowhere"},
        )
        self.said = done.stdout
        return done

    def good(self, sha: str, made: git.GitOptions | None = None, **more: Any) -> list[str]:
        done = self.sources(sha, made, **more)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def head(self) -> str:
        return git_server.git("rev-parse", "HEAD", folder=self.folder)

    def count(self) -> int:
        return int(git_server.git("rev-list", "--count", "HEAD", folder=self.folder))


@pytest.fixture
def job(server: GitServer, tmp_path: Path) -> Job:
    return Job(server, tmp_path / "builds" / "a group" / "it's app")


def work_tree(server: GitServer) -> tuple[Path, str, str]:
    """The work tree of acme/app, with two commits."""
    work = server.create("acme/app", {"file": "one"})
    old = git_server.git("rev-parse", "HEAD", folder=work)
    return work, old, server.push(work, {"file": "two"})


def test_exactly_the_commit_is_checked_out(server: GitServer, job: Job) -> None:
    _, old, _ = work_tree(server)
    assert job.good(old) == [
        "Fetching changes...",
        f"{GREEN}Checking out {old[:8]} as detached HEAD (ref is main)...{RESET}",
    ]
    assert (job.folder / "file").read_text() == "one"
    assert job.head() == old


def test_the_refs_name_is_only_shown(server: GitServer, job: Job) -> None:
    work, old, new = work_tree(server)
    git_server.git("push", "--quiet", "origin", f"{new}:refs/pipelines/5", folder=work)
    git_server.git("push", "--quiet", "--force", "origin", f"{old}:refs/heads/main", folder=work)
    job.good(new, refspec="+refs/pipelines/5:refs/pipelines/5")
    assert job.head() == new


def test_a_depth_fetches_only_so_many_commits_and_none_all_of_them(server: GitServer, job: Job) -> None:
    _, _, new = work_tree(server)
    assert job.good(new, git.GitOptions(depth=1))[0] == "Fetching changes with git depth set to 1..."
    assert job.count() == 1
    job.good(new)
    assert job.count() == 2


def test_what_the_job_before_changed_is_taken_back_and_what_it_left_removed(
    server: GitServer, job: Job
) -> None:
    _, old, new = work_tree(server)
    job.good(old)
    (job.folder / "file").write_text("changed")
    (job.folder / "left").write_text("x")
    job.good(new)
    assert (job.folder / "file").read_text() == "two"
    assert not (job.folder / "left").exists()


def test_the_work_tree_is_cleaned_as_the_flags_say(server: GitServer, job: Job) -> None:
    _, _, new = work_tree(server)
    job.good(new)
    (job.folder / "kept here").mkdir()
    (job.folder / "kept here" / "x").write_text("x")
    (job.folder / "left").write_text("x")
    job.good(new, options(GIT_CLEAN_FLAGS="-ffdx -e 'kept here/'", GIT_DEPTH="0"))
    assert (job.folder / "kept here" / "x").exists()
    assert not (job.folder / "left").exists()
    (job.folder / "left").write_text("x")
    job.good(new, replace(git.GitOptions(), clean=None))
    assert (job.folder / "left").exists()


def test_clone_begins_with_an_empty_folder(server: GitServer, job: Job) -> None:
    _, _, new = work_tree(server)
    job.good(new)
    (job.folder / ".git" / "mine").write_text("x")
    job.good(new, git.GitOptions(strategy="clone"))
    assert not (job.folder / ".git" / "mine").exists()
    assert (job.folder / "file").read_text() == "two"


def test_none_leaves_the_folder_as_it_is_and_empty_empties_it(server: GitServer, job: Job) -> None:
    assert job.good("a" * 40, git.GitOptions(strategy="none")) == ["Skipping Git repository setup"]
    (job.folder / "left").write_text("x")
    job.good("a" * 40, git.GitOptions(strategy="none"))
    assert (job.folder / "left").exists()
    job.good("a" * 40, git.GitOptions(strategy="empty"))
    assert list(job.folder.iterdir()) == []
    assert server.asked == []


def test_without_checkout_the_commit_is_fetched_only(server: GitServer, job: Job) -> None:
    _, old, new = work_tree(server)
    job.good(old)
    assert job.good(new, git.GitOptions(checkout=False))[-1] == "Skipping Git checkout"
    assert (job.folder / "file").read_text() == "one"
    assert git_server.git("rev-parse", "origin/main", folder=job.folder) == new


@pytest.mark.parametrize("lock", ["index.lock", "shallow.lock", "HEAD.lock", "refs/remotes/origin/main.lock"])
def test_what_a_killed_job_left_locked_is_unlocked(server: GitServer, job: Job, lock: str) -> None:
    _, old, new = work_tree(server)
    job.good(old)
    (job.folder / ".git" / lock).parent.mkdir(parents=True, exist_ok=True)
    (job.folder / ".git" / lock).write_text("")
    job.good(new)
    assert job.head() == new


def test_hooks_and_settings_of_the_job_before_do_not_run(server: GitServer, job: Job, tmp_path: Path) -> None:
    _, old, new = work_tree(server)
    job.good(old)
    ran, trap = tmp_path / "ran", job.folder / ".git" / "hooks" / "post-checkout"
    trap.parent.mkdir(exist_ok=True)
    trap.write_text(f"#!/bin/sh\ntouch {ran}\n")
    trap.chmod(0o755)
    for key in ("core.fsmonitor", "filter.x.smudge", "core.sshCommand"):
        git_server.git("config", key, f"touch {ran};", folder=job.folder)
    (job.folder / ".git" / "info").mkdir(exist_ok=True)
    (job.folder / ".git" / "info" / "attributes").write_text("* filter=x\n")
    job.good(new)
    assert not ran.exists()


def test_a_commit_that_is_not_there_fails(server: GitServer, job: Job) -> None:
    work_tree(server)
    assert job.sources("a" * 40).returncode != 0


def test_a_repository_of_the_newer_object_format_is_fetched(server: GitServer, job: Job) -> None:
    work = server.create("acme/app", {"file": "x"}, object_format="sha256")
    sha = git_server.git("rev-parse", "HEAD", folder=work)
    made = git.GitOptions(object_format="sha256")
    job.good(sha, made)
    job.good(sha, made)
    assert job.head() == sha


def test_no_file_and_no_address_keeps_the_credentials(server: GitServer, job: Job) -> None:
    _, _, new = work_tree(server)
    job.good(new)
    kept = [path for path in (job.folder / ".git").rglob("*") if path.is_file()]
    secrets = (PASSWORD.encode(), base64.b64encode(f"{USER}:{PASSWORD}".encode()))
    assert not [path for path in kept if any(secret in path.read_bytes() for secret in secrets)]
    url = git_server.git("remote", "get-url", "origin", folder=job.folder)
    assert url == server.url("acme/app", credentials=False)


def test_what_the_job_itself_fetches_gets_the_token_of_its_environment(server: GitServer, job: Job) -> None:
    _, _, new = work_tree(server)
    job.good(new)
    quiet = {"GIT_TERMINAL_PROMPT": "0"}
    git_server.git("fetch", "origin", folder=job.folder, environment=quiet | {"CI_JOB_TOKEN": PASSWORD})
    with pytest.raises(subprocess.CalledProcessError):
        git_server.git("fetch", "origin", folder=job.folder, environment=quiet | {"CI_JOB_TOKEN": "wrong"})


def with_submodules(server: GitServer) -> str:
    """acme/app with lib and other; lib has deep."""
    server.create("acme/deep", {"deep.txt": "deep"})
    lib = server.create("acme/lib", {"lib.txt": "lib"})
    server.create("acme/other", {"other.txt": "other"})
    work = server.create("acme/app", {"file": "x"})

    def add(folder: Path, name: str, url: str) -> None:
        allowed = ["-c", "protocol.file.allow=always"]
        bare = str(server.root / "acme" / f"{name}.git")
        git_server.git(*allowed, "submodule", "--quiet", "add", bare, name, folder=folder)
        git_server.git("config", "-f", ".gitmodules", f"submodule.{name}.url", url, folder=folder)

    add(lib, "deep", "../deep.git")
    server.push(lib, {})
    add(work, "lib", "../lib.git")
    add(work, "other", server.url("acme/other", credentials=False))
    return server.push(work, {})


def test_submodules_are_left_alone_unless_they_are_asked_for(server: GitServer, job: Job) -> None:
    job.good(with_submodules(server))
    assert not (job.folder / "lib" / "lib.txt").exists()


def test_normal_submodules_are_those_of_the_project_and_recursive_theirs_too(
    server: GitServer, job: Job
) -> None:
    sha = with_submodules(server)
    job.good(sha, git.GitOptions(submodules="normal"))
    assert (job.folder / "lib" / "lib.txt").read_text() == "lib"
    assert (job.folder / "other" / "other.txt").read_text() == "other"
    assert not (job.folder / "lib" / "deep" / "deep.txt").exists()
    assert server.refused == []
    job.good(sha, git.GitOptions(submodules="recursive"))
    assert (job.folder / "lib" / "deep" / "deep.txt").read_text() == "deep"


def test_submodules_may_be_chosen_by_their_paths(server: GitServer, job: Job) -> None:
    sha = with_submodules(server)
    job.good(sha, options(GIT_SUBMODULE_STRATEGY="normal", GIT_SUBMODULE_PATHS="lib", GIT_DEPTH="0"))
    assert (job.folder / "lib" / "lib.txt").exists()
    assert not (job.folder / "other" / "other.txt").exists()


def test_what_a_job_left_in_a_submodule_is_removed(server: GitServer, job: Job) -> None:
    sha = with_submodules(server)
    made = git.GitOptions(submodules="normal")
    job.good(sha, made)
    (job.folder / "lib" / "left").write_text("x")
    job.good(sha, made)
    assert not (job.folder / "lib" / "left").exists()
