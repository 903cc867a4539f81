"""The network of a job's containers."""

from __future__ import annotations

import pytest

from shipline.runner.config_file import DockerSection
from shipline.runner.executor.network import job_network


def test_a_job_has_a_network_of_its_own() -> None:
    found = job_network(DockerSection(), "job", True, {"a": "b"})
    assert found.body == {"Name": "job", "Driver": "bridge", "Labels": {"a": "b"}}
    assert (found.mode, found.own, found.knows_aliases) == ("job", True, True)
    assert found.endpoints(["x"]) == {"NetworkingConfig": {"EndpointsConfig": {"job": {"Aliases": ["x"]}}}}


def test_its_mtu_may_be_smaller() -> None:
    body = job_network(DockerSection(network_mtu=1400), "job", True, {}).body
    assert body is not None
    assert body["Options"] == {"com.docker.network.driver.mtu": "1400"}


@pytest.mark.parametrize(
    ("mode", "aliases"),
    [("bridge", False), ("host", False), ("none", False), ("container:x", False), ("my-net", True)],
)
def test_a_mode_of_the_config_takes_its_place(mode: str, aliases: bool) -> None:
    found = job_network(DockerSection(network_mode=mode), "job", True, {})
    assert (found.mode, found.own, found.knows_aliases) == (mode, False, aliases)
    assert bool(found.endpoints(["x"])) is aliases


def test_the_flag_for_it_may_be_off() -> None:
    found = job_network(DockerSection(), "job", False, {})
    assert (found.mode, found.own) == ("bridge", False)
