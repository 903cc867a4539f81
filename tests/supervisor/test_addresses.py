from __future__ import annotations

import pytest

from shipline.config import Config, Coordinator
from shipline.errors import HostError
from shipline.supervisor.addresses import settle

GATEWAY = "172.17.0.1"


def test_free_ports_stay_as_they_are() -> None:
    config = settle(Config(), GATEWAY, lambda port: True)
    assert (config.coordinator.port, config.aws.port) == (8080, 4566)
    assert config.registry.address == "registry.shipline.internal:5050"
    assert config.registry.engine_address == "127.0.0.1:5050"


def test_a_taken_port_becomes_the_next_free_one_and_stays_over_a_restart() -> None:
    first = settle(Config(), GATEWAY, lambda port: port not in {8080, 8081, 5050})
    assert first.coordinator.external_url == "http://127.0.0.1:8082"
    assert first.registry.engine_address == "127.0.0.1:5051"
    again = settle(first, GATEWAY, lambda port: True)
    assert again == first


def test_containers_use_the_bridge_address_and_people_loopback() -> None:
    config = settle(Config(), GATEWAY, lambda port: True)
    assert config.coordinator.bind == ("127.0.0.1", GATEWAY)
    assert config.coordinator.container_url == "http://172.17.0.1:8080"
    assert config.aws.endpoint_url == "http://127.0.0.1:4566"


def test_no_two_programs_get_one_port() -> None:
    config = settle(Config(coordinator=Coordinator(port=4566)), GATEWAY, lambda port: True)
    assert (config.coordinator.port, config.aws.port) == (4566, 4567)


def test_a_machine_without_free_ports_is_an_error() -> None:
    with pytest.raises(HostError, match="None of the ports 8080 to 8279 is free"):
        settle(Config(), GATEWAY, lambda port: False)


def test_registry_aliases_are_kept_and_added_to() -> None:
    first = settle(Config(), GATEWAY, lambda port: True, ["gitlab.example.com"])
    second = settle(first, GATEWAY, lambda port: True, ["other.example.com", "gitlab.example.com"])
    assert second.registry.aliases == ("gitlab.example.com", "other.example.com")
    assert second.registry.for_engine()["gitlab.example.com"] == "127.0.0.1:5050"
