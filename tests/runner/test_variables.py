"""A job's variables, as its containers, its services and its log's masker get them."""

from __future__ import annotations

from typing import Any

import pytest

from shipline.protocols.runner_api import JobPayload, JobVariable
from shipline.runner.config_file import DockerSection, RunnerSection
from shipline.runner.folders import job_folders
from shipline.runner.slots import Slot
from shipline.runner.variables import Variables, job_variables, service_variables
from shipline.version import __version__

SECTION = RunnerSection("r", "http://c", "glrt-0123456789abc", docker=DockerSection(image="debian:bookworm"))


def payload(*variables: dict[str, Any], **fields: Any) -> JobPayload:
    return JobPayload.model_validate(
        {
            "id": 7,
            "token": "glcbt-x",
            "job_info": {"name": "test", "project_id": 3, "project_full_path": "acme/app"},
            "git_info": {"repo_url": "http://c/acme/app.git", "ref": "main", "sha": "a" * 40},
            "variables": list(variables),
            **fields,
        }
    )


def variable(key: str, value: str, **fields: Any) -> dict[str, Any]:
    return {"key": key, "value": value, "public": True, **fields}


def of(*variables: dict[str, Any], section: RunnerSection = SECTION) -> Variables:
    return job_variables(payload(*variables), section, 600)


def test_the_runner_adds_its_own() -> None:
    values = of().values
    assert values["CI_PROJECT_DIR"] == "/builds/acme/app"
    assert values["CI_BUILDS_DIR"] == "/builds"
    assert values["CI_SERVER"] == "yes"
    assert values["CI_JOB_TIMEOUT"] == "600"
    assert values["CI_JOB_STATUS"] == "running"
    assert values["CI_RUNNER_SHORT_TOKEN"] == "012345678"
    assert values["CI_RUNNER_VERSION"] == __version__
    assert values["CI_DISPOSABLE_ENVIRONMENT"] == "true"


def test_the_image_is_the_jobs_or_the_runners() -> None:
    assert of().values["CI_JOB_IMAGE"] == "debian:bookworm"
    asked = payload(image={"name": "python:3.11-slim"})
    assert job_variables(asked, SECTION, 600).values["CI_JOB_IMAGE"] == "python:3.11-slim"


def test_without_a_path_the_folder_is_named_after_the_projects_number() -> None:
    found = job_folders(payload(job_info={"name": "test", "project_id": 3}), SECTION, Slot())
    assert found.project == "/builds/project-3"


def test_the_jobs_variables_stand_above_the_runners_and_these_above_our_own() -> None:
    section = RunnerSection("r", "u", "t", environment=("A=runner", "B=runner=x", "CI_SERVER=no", "EMPTY="))
    values = of(variable("A", "job"), section=section).values
    assert (values["A"], values["B"], values["CI_SERVER"]) == ("job", "runner=x", "no")
    assert values["EMPTY"] == ""


def test_of_two_with_one_name_the_last_counts() -> None:
    assert of(variable("A", "1"), variable("A", "2")).values["A"] == "2"


@pytest.mark.parametrize("key", ["", "1A", "A-B", "A B", "A\n", "É", "A=B"])
def test_what_no_shell_could_name_is_left_out(key: str) -> None:
    assert key not in of(variable(key, "x")).values


def test_references_are_expanded_in_order_of_need() -> None:
    values = of(
        variable("URL", "https://$HOST/${NAME}"), variable("HOST", "h.$DOMAIN"), variable("DOMAIN", "example")
    ).values
    assert values["URL"] == "https://h.example/"


def test_ours_can_be_referred_to() -> None:
    assert of(variable("OUT", "$CI_PROJECT_DIR/out")).values["OUT"] == "/builds/acme/app/out"


def test_a_raw_value_keeps_its_dollars() -> None:
    assert of(variable("A", "$B$$", raw=True), variable("B", "b")).values["A"] == "$B$$"


def test_a_file_variable_is_a_path_beside_the_project() -> None:
    found = of(variable("KEY", "a $B b", file=True), variable("B", "x"), variable("ARGS", "-i $KEY"))
    assert found.files == {"KEY": ("/builds/acme/app.tmp/KEY", "a $B b")}
    assert found.values["KEY"] == "/builds/acme/app.tmp/KEY"
    assert found.values["ARGS"] == "-i /builds/acme/app.tmp/KEY"


def test_masked_values_are_secret_as_they_are_written_and_as_they_are_seen() -> None:
    found = of(variable("A", "pre-$B", masked=True), variable("B", "mid"), variable("C", "c"))
    assert found.secrets == ("pre-$B", "pre-mid")


def test_of_a_masked_file_the_content_is_secret_and_the_path_is_not() -> None:
    assert of(variable("KEY", "content", file=True, masked=True)).secrets == ("content",)


def test_public_ones_are_those_that_say_so_and_are_no_files() -> None:
    found = of(
        variable("SHOWN", "$HIDDEN!"),
        variable("HIDDEN", "h", public=False),
        variable("FILE", "content", file=True),
    )
    assert found.public["SHOWN"] == "h!"
    assert "HIDDEN" not in found.public
    assert "FILE" not in found.public
    assert found.public["CI_SERVER"] == "yes"


def test_a_service_sees_the_public_ones_and_its_own_above() -> None:
    found = of(variable("A", "job"), variable("B", "b"), variable("SECRET", "s", public=False))
    seen = service_variables(
        found,
        [
            JobVariable(key="A", value="service"),
            JobVariable(key="FROM", value="$B-$SECRET"),
            JobVariable(key="RAW", value="$B", raw=True),
        ],
    )
    assert (seen["A"], seen["B"], seen["FROM"], seen["RAW"]) == ("service", "b", "b-s", "$B")
    assert "SECRET" not in seen


def test_a_text_is_expanded_with_the_jobs_values() -> None:
    found = of(variable("A", "1"), variable("B", "$A$A"))
    assert found.expand("$A ${B} $$A $NONE.") == "1 11 $A ."


def test_folders_and_numbers_are_those_of_the_job() -> None:
    slot = Slot(4, 2)
    found = job_variables(payload(), SECTION, 600, job_folders(payload(), SECTION, slot), slot, network="net")
    assert found.values["CI_CONCURRENT_ID"] == "4"
    assert found.values["CI_CONCURRENT_PROJECT_ID"] == "2"
    assert found.values["RUNNER_TEMP_PROJECT_DIR"] == "/builds/acme/app.tmp"
    assert found.values["CI_BUILD_NETWORK_NAME"] == "net"


def test_the_coordinators_certificate_authority_is_a_file_of_the_job() -> None:
    tls = {
        "CI_SERVER_TLS_CA_FILE": "PEM",
        "CI_SERVER_TLS_CERT_FILE": "",
        "CI_SERVER_TLS_KEY_FILE": "SECRET KEY",
    }
    found = job_variables(payload(), SECTION, 600, tls=tls)
    assert found.files["CI_SERVER_TLS_CA_FILE"] == ("/builds/acme/app.tmp/CI_SERVER_TLS_CA_FILE", "PEM")
    assert "CI_SERVER_TLS_CERT_FILE" not in found.values
    assert found.secrets == ("SECRET KEY",)
    assert "CI_SERVER_TLS_CA_FILE" not in of().values


def test_a_shell_shares_its_environment() -> None:
    section = RunnerSection("r", "u", "t", executor="shell")
    values = of(section=section).values
    assert values["CI_SHARED_ENVIRONMENT"] == "true"
    assert "CI_DISPOSABLE_ENVIRONMENT" not in values


def test_feature_flags_are_the_jobs_then_the_configs_then_ours() -> None:
    assert of().truth("FF_NETWORK_PER_BUILD")
    section = RunnerSection("r", "u", "t", feature_flags={"FF_NETWORK_PER_BUILD": False, "FF_OTHER": True})
    assert not of(section=section).truth("FF_NETWORK_PER_BUILD")
    assert of(section=section).truth("FF_OTHER")
    assert of(variable("FF_NETWORK_PER_BUILD", "1"), section=section).truth("FF_NETWORK_PER_BUILD")


@pytest.mark.parametrize(
    ("value", "truth"),
    [("true", True), ("T", True), ("1", True), ("false", False), ("0", False), ("", None), ("yes", None)],
)
def test_what_is_no_truth_value_is_the_default(value: str, truth: bool | None) -> None:
    found = of(variable("A", value))
    assert found.truth("A", True) is (True if truth is None else truth)
    assert found.truth("A", False) is (False if truth is None else truth)


def test_an_empty_value_counts_as_not_set() -> None:
    assert of(variable("A", "")).get("A", "default") == "default"
    assert of(variable("A", "x")).get("A", "default") == "x"
    assert of().get("A") == ""
