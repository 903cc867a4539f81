"""Which volumes a job gets, which stay, and what keeps them apart."""

from __future__ import annotations

from typing import Any

from shipline.protocols.runner_api import JobPayload
from shipline.runner.config_file import DockerSection, RunnerSection
from shipline.runner.executor.volumes import Marks, Mounts, mounts
from shipline.runner.folders import job_folders
from shipline.runner.slots import Slot

MARKS = Marks({"a": "passing"}, {"a": "kept"})
STEM = "runner-012345678-project-3"


def made(
    slot: Slot | None = None,
    strategy: str = "fetch",
    protected: bool = False,
    caches: bool = False,
    **docker: Any,
) -> Mounts:
    section = RunnerSection("r", "http://c", "glrt-0123456789abc", docker=DockerSection(**docker))
    payload = JobPayload.model_validate(
        {
            "id": 7,
            "token": "x",
            "job_info": {"name": "test", "project_id": 3, "project_full_path": "acme/app"},
            "git_info": {
                "repo_url": "http://c/a.git",
                "ref": "main",
                "sha": "a" * 40,
                "protected": protected,
            },
            "cache": [{"paths": ["x"]}] if caches else [],
        }
    )
    return mounts(
        payload, section, job_folders(payload, section, slot or Slot()), slot, "job", strategy, MARKS
    )


def names(found: Mounts) -> dict[str, tuple[str, bool]]:
    return {one.path: (one.name, one.kept) for one in found.volumes}


def test_without_a_number_the_builds_end_with_the_job() -> None:
    found = made()
    assert names(found) == {"/builds": ("job", False)}
    assert found.volumes[0].labels == {"a": "passing"}


def test_what_is_fetched_stays_for_the_jobs_of_the_same_number() -> None:
    first, again, beside = (names(made(slot))["/builds"] for slot in (Slot(5, 0), Slot(9, 0), Slot(5, 1)))
    assert first[0].startswith(f"{STEM}-concurrent-0-")
    assert first == again
    assert beside[0].startswith(f"{STEM}-concurrent-1-")
    assert made(Slot()).volumes[0].labels == {"a": "kept"}


def test_what_is_cloned_does_not_stay() -> None:
    for strategy in ("clone", "empty", "none"):
        assert names(made(Slot(), strategy)) == {"/builds": ("job", False)}


def test_protected_refs_have_volumes_of_their_own() -> None:
    plain, protected = (names(made(Slot(), protected=one, caches=True)) for one in (False, True))
    for path in ("/builds", "/cache"):
        assert protected[path] == (f"{plain[path][0]}-protected", True)


def test_the_caches_volume_is_there_when_the_job_has_caches_and_one_for_all_its_numbers() -> None:
    assert "/cache" not in names(made(Slot()))
    found = [names(made(slot, caches=True))["/cache"] for slot in (Slot(), Slot(1, 1), None)]
    assert found[0][1] is True
    assert found[0] == found[1] == found[2]
    assert found[0][0].startswith(f"{STEM}-cache-")


def test_caches_may_lie_in_a_folder_of_the_host() -> None:
    found = made(Slot(), caches=True, cache_dir="/srv/cache/")
    assert f"/srv/cache/{STEM}:/cache" in found.binds
    assert "/cache" not in names(found)
    mounted = made(Slot(), caches=True, volumes=("/srv/own:/cache",))
    assert "/cache" not in names(mounted)
    assert "/srv/own:/cache" in mounted.binds


def test_volumes_with_a_path_alone_stay_and_others_are_mounted_as_they_are_written() -> None:
    found = made(Slot(), volumes=("/root/.m2/", "/srv/x:/x:ro"))
    assert names(found)["/root/.m2"][1] is True
    assert found.binds[-1] == "/srv/x:/x:ro"
    assert found.binds[0].endswith(":/builds")
    assert set(found.writable) == {"/builds", "/root/.m2"}


def test_where_the_cache_is_disabled_nothing_stays() -> None:
    found = made(Slot(), caches=True, disable_cache=True, volumes=("/root/.m2",))
    assert not [one for one in found.volumes if one.kept]
    assert set(names(found)) == {"/builds", "/cache", "/root/.m2"}


def test_builds_that_the_config_mounts_get_no_volume() -> None:
    found = made(Slot(), volumes=("/srv/builds:/builds",))
    assert found.volumes == ()
    assert found.binds == ("/srv/builds:/builds",)
