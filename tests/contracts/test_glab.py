"""GitLab's own command line, `glab`, against a coordinator. It is no Python package: these run where one is on
PATH or in SHIPLINE_GLAB, and say so where there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.coordinator.server import Coordinator, Project, WorkTree, running

GLAB = os.environ.get("SHIPLINE_GLAB") or shutil.which("glab")
pytestmark = pytest.mark.skipif(GLAB is None, reason="no glab on PATH nor in SHIPLINE_GLAB")
CI = """\
stages: [test, deploy]
test: {stage: test, script: make test}
deploy: {stage: deploy, script: make deploy, when: manual}
"""


@pytest.fixture(scope="module")
def coordinator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coordinator]:
    with running(tmp_path_factory.mktemp("coordinator")) as started:
        yield started


@dataclass(frozen=True)
class Glab:
    work_tree: WorkTree
    home: Path

    def __call__(self, *words: str, check: bool = True) -> str:
        """In the work tree, as somebody who has signed in; answers all that it prints."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("GITLAB_", "CI_", "GIT_"))
        }
        mine = {
            "HOME": str(self.home),
            "GLAB_CONFIG_DIR": str(self.home),
            "GITLAB_HOST": "127.0.0.1",
            "NO_PROMPT": "1",
            "NO_COLOR": "1",
        }
        ended = subprocess.run(
            [str(GLAB), *words],
            cwd=self.work_tree.folder,
            env=kept | mine,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        assert ended.returncode == 0 or not check, ended.stdout
        return ended.stdout


@pytest.fixture
def project(coordinator: Coordinator) -> Project:
    return coordinator.project()


@pytest.fixture
def glab(project: Project, tmp_path: Path) -> Glab:
    tree = project.work_tree(tmp_path / "tree")
    tree.ship(CI)
    home = tmp_path / "home"
    home.mkdir()
    # glab knows a host without its port.
    configuration = home / "config.yml"
    configuration.write_text(
        "check_update: false\nhost: 127.0.0.1\nhosts:\n  127.0.0.1:\n    api_protocol: http\n"
        f"    api_host: {urlsplit(project.coordinator.url).netloc}\n    git_protocol: http\n"
        f"    token: {project.root.token}\n"
    )
    configuration.chmod(0o600)
    return Glab(tree, home)


def test_it_signs_in_and_calls_what_it_has_no_command_for(glab: Glab, project: Project) -> None:
    assert "Logged in to 127.0.0.1 as root" in glab("auth", "status", check=False)
    assert f'"id": {project.id}' in glab("api", "projects/:fullpath")
    assert project.path in glab("repo", "list")


def test_it_lists_runs_and_follows_pipelines(glab: Glab, project: Project) -> None:
    first = project.pipeline()["id"]
    assert f"#{first}" in glab("ci", "list")
    assert "Created pipeline" in glab("ci", "run", "--branch", "main")
    second = project.pipeline()["id"]
    assert second != first
    runner = project.runner()
    for _ in range(2):
        runner.take().succeed()
    told = glab("ci", "status", "--branch", "main")
    assert "success" in told
    assert f"/-/pipelines/{second}" in told
    glab("ci", "delete", str(first))
    assert [one["id"] for one in project.pipelines()] == [second]


def test_it_follows_a_log_and_retries_a_job(glab: Glab, project: Project) -> None:
    job = project.runner().take()
    job.trace(b"compiling\nlinking\n")
    job.fail()
    assert "compiling\nlinking\n" in glab("ci", "trace", str(job.id))
    glab("ci", "retry", str(job.id))
    assert project.jobs()["test"]["id"] != job.id


def test_it_downloads_artifacts(glab: Glab, project: Project, tmp_path: Path) -> None:
    import io
    import zipfile

    job = project.runner().take()
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("report.txt", "fine")
    job.upload(content.getvalue())
    job.succeed()
    into = tmp_path / "artifacts"
    glab("ci", "artifact", "main", "test", "--path", f"{into}/")
    assert (into / "report.txt").read_text() == "fine"


def test_it_sets_lists_changes_and_deletes_variables(glab: Glab, project: Project) -> None:
    glab("variable", "set", "KEY", "a-long-value", "--masked", "--scope", "production")
    (made,) = project.root.get(f"projects/{project.id}/variables")
    assert (made["value"], made["masked"], made["environment_scope"]) == ("a-long-value", True, "production")
    assert "KEY" in glab("variable", "list")
    glab("variable", "update", "KEY", "another-value", "--scope", "production")
    assert project.root.get(f"projects/{project.id}/variables/KEY")["value"] == "another-value"
    glab("variable", "delete", "KEY", "--scope", "production")
    assert project.root.get(f"projects/{project.id}/variables") == []
