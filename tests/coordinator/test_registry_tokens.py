"""The registry's token service: what each caller's token opens."""

from __future__ import annotations

import base64
import time
from pathlib import Path

import httpx
import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.coordinator.server import DEVELOPER, GUEST, REPORTER, Coordinator, Project, Runner, WorkTree

from shipline.protocols.registry_token import ecr_password

SERVICE = "shipline-registry"
CI = "job:\n  script: echo\n"
Auth = tuple[str, str] | None


def ask(coordinator: Coordinator, auth: Auth, *scopes: str, service: str = SERVICE) -> httpx.Response:
    with coordinator.client() as client:
        return client.get("/jwt/auth", params={"service": service, "scope": list(scopes)}, auth=auth)


def granted(coordinator: Coordinator, auth: Auth, *scopes: str) -> dict[str, list[str]]:
    """Repository -> actions, of a token that the registry would accept."""
    answer = ask(coordinator, auth, *scopes)
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert document["token"] == document["access_token"]
    chain = jwt.get_unverified_header(document["token"])["x5c"]
    trusted = x509.load_pem_x509_certificate(
        coordinator.data.registry_token_certificate.read_bytes()
    ).public_bytes(serialization.Encoding.DER)
    assert base64.b64decode(chain[0]) == trusted
    key = x509.load_der_x509_certificate(trusted).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    claims = jwt.decode(document["token"], key, ["ES256"], audience=SERVICE, issuer="shipline")
    return {one["name"]: one["actions"] for one in claims["access"]}


def test_anonymous_callers_pull_the_mirror_only(coordinator: Coordinator, project: Project) -> None:
    scopes = (
        "repository:library/python:pull,push",
        f"repository:{project.path}:pull",
        "repository:shop:pull",
    )
    assert granted(coordinator, None, *scopes) == {"library/python": ["pull"]}


@pytest.mark.parametrize(
    ("level", "actions"), [(GUEST, None), (REPORTER, ["pull"]), (DEVELOPER, ["pull", "push"])]
)
def test_a_member_s_level_says_what_it_may(project: Project, level: int, actions: list[str] | None) -> None:
    user = project.add(level)
    found = granted(
        project.coordinator, (user.name, user.token), f"repository:{project.path}/web:pull,push,delete"
    )
    assert found.get(f"{project.path}/web") == actions


def test_who_is_no_member_gets_nothing(project: Project) -> None:
    user = project.coordinator.user()
    assert granted(project.coordinator, (user.name, user.token), f"repository:{project.path}:pull,push") == {}


def test_an_administrator_gets_all_of_it(project: Project) -> None:
    root = project.root
    scopes = (f"repository:{project.path}:pull,push,delete", "repository:shop:*")
    assert granted(project.coordinator, (root.name, root.token), *scopes) == {
        project.path: ["pull", "push", "delete"],
        "shop": ["pull", "push", "delete"],
    }


def test_a_job_s_token_opens_its_own_project_while_it_runs(
    coordinator: Coordinator, project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    other = coordinator.project(visibility="public")
    work_tree.ship(CI)
    job = runner.take()
    auth = ("gitlab-ci-token", job.token)
    scopes = [
        f"repository:{name}:pull,push,delete"
        for name in (
            project.path,
            f"{project.path}/web",
            other.path,
            "test_image",
            "shop/web",
            "library/python",
        )
    ]
    assert granted(coordinator, auth, *scopes) == {
        project.path: ["pull", "push"],
        f"{project.path}/web": ["pull", "push"],
        "test_image": ["pull"],
        "library/python": ["pull"],
    }
    assert ask(coordinator, ("root", job.token), *scopes).status_code == 401
    job.succeed()
    assert ask(coordinator, auth, *scopes).status_code == 401


def test_a_project_s_neighbour_of_a_longer_name_is_not_its_own(
    coordinator: Coordinator, work_tree: WorkTree, project: Project, runner: Runner
) -> None:
    work_tree.ship(CI)
    auth = ("gitlab-ci-token", runner.take().token)
    assert granted(coordinator, auth, f"repository:{project.path}-web:pull,push") == {}


@pytest.fixture
def ecr_key(coordinator: Coordinator) -> ec.EllipticCurvePrivateKey:
    """The local ECR's key, whose public half lies where its program puts it."""
    path: Path = coordinator.data.aws / "ecr-token.key"
    if not path.exists():
        made = ec.generate_private_key(ec.SECP256R1())
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(
            made.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        public = made.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        coordinator.data.ecr_public_key.write_bytes(public)
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def password(key: ec.EllipticCurvePrivateKey, *, service: str = SERVICE, lifetime: int = 3600) -> str:
    return ecr_password(service=service, now=int(time.time()), lifetime=lifetime, token_id="1", key=key)


def test_ecr_s_user_opens_what_belongs_to_no_project(
    coordinator: Coordinator, project: Project, ecr_key: ec.EllipticCurvePrivateKey
) -> None:
    scopes = [
        f"repository:{name}:pull,push,delete" for name in ("shop", "shop/web", project.path, "library/python")
    ]
    assert granted(coordinator, ("AWS", password(ecr_key)), *scopes) == {
        "shop": ["pull", "push"],
        "shop/web": ["pull", "push"],
        "library/python": ["pull"],
    }


def test_ecr_s_password_is_for_its_user_this_service_and_a_time(
    coordinator: Coordinator, ecr_key: ec.EllipticCurvePrivateKey
) -> None:
    scope = "repository:shop:pull"
    stranger = ec.generate_private_key(ec.SECP256R1())
    for auth in (
        ("root", password(ecr_key)),
        ("AWS", password(ecr_key, service="another-registry")),
        ("AWS", password(ecr_key, lifetime=-1)),
        ("AWS", password(stranger)),
        ("AWS", ""),
    ):
        assert ask(coordinator, auth, scope).status_code == 401, auth


@pytest.mark.parametrize("auth", [("root", "wrong"), ("", ""), ("gitlab-ci-token", ""), ("AWS", "x.y.z")])
def test_wrong_credentials_are_401(coordinator: Coordinator, auth: Auth) -> None:
    answer = ask(coordinator, auth, "repository:library/python:pull")
    assert answer.status_code == 401
    assert answer.json()["errors"][0]["code"] == "UNAUTHORIZED"


def test_signing_in_without_a_scope_gives_a_token_that_opens_nothing(coordinator: Coordinator) -> None:
    root = coordinator.root
    assert granted(coordinator, (root.name, root.token)) == {}


def test_another_service_is_400(coordinator: Coordinator) -> None:
    assert ask(coordinator, None, service="another").status_code == 400


def test_post_is_404_so_that_containerd_goes_on_with_get(coordinator: Coordinator) -> None:
    with coordinator.client() as client:
        form = {"grant_type": "password", "service": SERVICE, "username": "root", "password": "x"}
        assert client.post("/jwt/auth", data=form).status_code == 404
