"""What the registry and the docker:dind of jobs are told."""

from __future__ import annotations

import ipaddress
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from shipline.config import Config, Coordinator, DataFolder, Registry
from shipline.host.registry import INNER_BRIDGE, INNER_POOL, PORT, configuration, write_dind_folder

CONFIG = Config(
    coordinator=Coordinator(container_url="http://coordinator.shipline.internal:8080"),
    registry=Registry(
        address="registry.shipline.internal:5050",
        engine_address="127.0.0.1:5050",
        aliases=("gitlab.example.com", "123456789012.dkr.ecr.us-east-1.amazonaws.com"),
        service="the-service",
        issuer="the-issuer",
    ),
)


@pytest.fixture
def document() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(configuration(CONFIG))
    return read


def test_the_configuration_is_yaml_too(document: dict[str, Any]) -> None:
    assert yaml.safe_load(configuration(CONFIG)) == document


def test_the_registry_sends_clients_to_the_coordinator_for_tokens(document: dict[str, Any]) -> None:
    assert document["auth"] == {
        "token": {
            "realm": "http://coordinator.shipline.internal:8080/jwt/auth",
            "service": "the-service",
            "issuer": "the-issuer",
            "rootcertbundle": "/etc/docker/registry/token.crt",
        }
    }


def test_the_registry_speaks_tls_and_keeps_images_that_can_be_deleted(document: dict[str, Any]) -> None:
    assert document["version"] == 0.1
    assert document["http"]["addr"] == f":{PORT}"
    assert set(document["http"]["tls"]) == {"certificate", "key"}
    assert document["storage"]["filesystem"]["rootdirectory"] == "/var/lib/registry"
    assert document["storage"]["delete"] == {"enabled": True}


@pytest.fixture
def dind(tmp_path: Path) -> Path:
    data = DataFolder(tmp_path)
    data.registry.mkdir()
    (data.registry / "ca.crt").write_text("the authority")
    write_dind_folder(data, CONFIG)
    return data.runner / "docker"


def test_a_dind_takes_the_registry_as_mirror_and_addresses_of_its_own(dind: Path) -> None:
    daemon = json.loads((dind / "daemon.json").read_text())
    assert daemon["registry-mirrors"] == ["https://registry.shipline.internal:5050"]
    assert daemon["bip"] == INNER_BRIDGE
    assert daemon["default-address-pools"] == [{"base": INNER_POOL, "size": 24}]


def test_a_dinds_addresses_hide_nothing_of_the_host() -> None:
    bridge = ipaddress.ip_interface(INNER_BRIDGE).network
    pool = ipaddress.ip_network(INNER_POOL)
    assert not bridge.overlaps(pool)
    for usual in ("172.16.0.0/12", "192.168.0.0/16", "10.0.0.0/16"):
        assert not ipaddress.ip_network(usual).overlaps(bridge)
        assert not ipaddress.ip_network(usual).overlaps(pool)


def test_a_dind_trusts_the_authority_under_every_name_of_the_registry(dind: Path) -> None:
    trusted = {str(path.relative_to(dind / "certs.d")) for path in dind.glob("certs.d/*/ca.crt")}
    assert trusted == {
        "registry.shipline.internal:5050/ca.crt",
        "gitlab.example.com:5050/ca.crt",
        "123456789012.dkr.ecr.us-east-1.amazonaws.com:5050/ca.crt",
    }
    assert {path.read_text() for path in dind.glob("certs.d/*/ca.crt")} == {"the authority"}


def test_the_folder_of_a_dind_may_be_written_again(dind: Path, tmp_path: Path) -> None:
    (tmp_path / "registry" / "ca.crt").write_text("another")
    write_dind_folder(DataFolder(tmp_path), CONFIG)
    assert {path.read_text() for path in dind.glob("certs.d/*/ca.crt")} == {"another"}
