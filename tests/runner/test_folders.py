"""Where a job's files lie, and which number it has among those that run at once."""

from __future__ import annotations

import pytest

from shipline.errors import ProtocolError
from shipline.protocols.runner_api import JobPayload
from shipline.runner.config_file import DockerSection, RunnerSection
from shipline.runner.folders import Folders, job_folders
from shipline.runner.slots import Slot, Slots


def folders(section: RunnerSection, path: str = "acme/app", slot: Slot | None = None) -> Folders:
    payload = JobPayload.model_validate(
        {
            "id": 7,
            "token": "x",
            "job_info": {"name": "test", "project_id": 3, "project_full_path": path},
            "git_info": {"repo_url": "http://c/a.git", "ref": "main", "sha": "a" * 40},
        }
    )
    return job_folders(payload, section, slot or Slot(4, 2), "/home/me")


def section(**fields: object) -> RunnerSection:
    return RunnerSection("r", "http://c", "glrt-0123456789abc", **fields)  # type: ignore[arg-type]


def test_in_a_container_the_project_lies_in_its_own_volume() -> None:
    assert folders(section()) == Folders("/builds", "/builds/acme/app", "/cache", "acme/app")
    assert folders(section(builds_dir="/b", cache_dir="/c")) == Folders("/b", "/b/acme/app", "/c", "acme/app")


def test_in_a_folder_of_the_host_jobs_that_run_at_once_are_kept_apart() -> None:
    shared = section(docker=DockerSection(volumes=("/srv/builds:/builds:rw",)))
    assert folders(shared).project == "/builds/012345678/2/acme/app"


def test_the_shell_executors_folders_are_in_the_users_home_unless_the_config_names_them() -> None:
    assert folders(section(executor="shell")) == Folders(
        "/home/me/builds", "/home/me/builds/012345678/2/acme/app", "/home/me/cache", "acme/app"
    )
    named = folders(section(executor="shell", builds_dir="/b", cache_dir="/c"))
    assert named == Folders("/b", "/b/012345678/2/acme/app", "/c", "acme/app")


def test_file_variables_lie_beside_the_project_and_its_caches_by_its_path() -> None:
    found = folders(section())
    assert (found.temporary, found.project_cache) == ("/builds/acme/app.tmp", "/cache/acme/app")


@pytest.mark.parametrize("path", ["../../etc", "acme/../../etc", "/etc", "./etc"])
def test_a_projects_path_leads_nowhere_else(path: str) -> None:
    assert folders(section(), path).project in ("/builds/etc", "/builds/acme/etc")


def test_a_clone_path_is_within_the_builds() -> None:
    found = folders(section())
    assert found.cloned_to("/builds/go/src/app/").project == "/builds/go/src/app"
    for path in ("/etc", "/builds", "/builds/../etc", "app", "/builds-2/app"):
        with pytest.raises(ProtocolError, match="is not in /builds"):
            found.cloned_to(path)


def test_the_lowest_number_that_is_free_is_taken() -> None:
    slots = Slots()
    with slots.held("a", 1) as first, slots.held("a", 2) as second:
        assert (first, second) == (Slot(0, 0), Slot(1, 0))
        with slots.held("a", 1) as third, slots.held("b", 1) as other:
            assert (third, other) == (Slot(2, 1), Slot(0, 0))
        with slots.held("a", 1) as again:
            assert again == Slot(2, 1)
    with slots.held("a", 2) as last:
        assert last == Slot(0, 0)


def test_a_number_is_given_back_when_the_job_failed() -> None:
    slots = Slots()
    with pytest.raises(ValueError, match="x"), slots.held("a", 1):
        raise ValueError("x")
    with slots.held("a", 1) as slot:
        assert slot == Slot(0, 0)
