"""GET /jwt/auth: the registry's token service, as GitLab is for its own registry."""

from __future__ import annotations

import secrets
import time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from shipline.coordinator import access, tokens
from shipline.coordinator.http.git import basic_credentials
from shipline.coordinator.job_payload import JOB_USER
from shipline.coordinator.models import Project
from shipline.coordinator.services import services
from shipline.protocols.registry_token import (
    ECR_USER,
    LIFETIME_SECONDS,
    Scope,
    is_ecr_password,
    parse_scopes,
    registry_token,
)

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from shipline.coordinator.models import Job

MIRROR = "library/"


@csrf_exempt
def auth(request: HttpRequest) -> HttpResponse:
    """Answers a token for as much of what was asked as the caller may have. Wrong credentials: 401."""
    if request.method not in ("GET", "HEAD"):
        # containerd and BuildKit try OAuth's POST first; as GitLab does, 404 sends them to GET.
        return JsonResponse({"message": "404 Not Found"}, status=404)
    config = services().config.registry
    if request.GET.get("service", "") != config.service:
        return JsonResponse({"errors": [{"code": "UNSUPPORTED", "message": "unknown service"}]}, status=400)
    scopes = parse_scopes(request.GET.getlist("scope"))
    header = request.headers.get("Authorization", "")
    username, password = basic_credentials(header)
    if not header:
        granted = tuple(_mirror(scope) for scope in scopes)
    elif username == ECR_USER and is_ecr_password(
        password, service=config.service, public_key=_ecr_key(services().data.ecr_public_key)
    ):
        granted = tuple(_ecr(scope) for scope in scopes)
    elif username == JOB_USER and (job := tokens.job_of(password)):
        granted = tuple(_job(scope, job) for scope in scopes)
    elif found := tokens.access_token_of(password):
        granted = tuple(_within(frozenset(found.scopes), _user(scope, found.user)) for scope in scopes)
    else:
        error = {"code": "UNAUTHORIZED", "message": "the user name or the token is wrong"}
        return JsonResponse({"errors": [error]}, status=401)
    key, certificate = _signing(services().data.registry_token_certificate)
    token = registry_token(
        [scope for scope in granted if scope.actions],
        subject=username,
        service=config.service,
        issuer=config.issuer,
        now=int(time.time()),
        token_id=secrets.token_hex(8),
        key=key,
        certificate=certificate,
    )
    return JsonResponse({"token": token, "access_token": token, "expires_in": LIFETIME_SECONDS})


def _only(scope: Scope, *allowed: str) -> Scope:
    wanted = ("pull", "push", "delete") if "*" in scope.actions else scope.actions
    return Scope(scope.kind, scope.name, tuple(action for action in wanted if action in allowed))


def _mirror(scope: Scope) -> Scope:
    """Anybody may pull what mirrors the public hub."""
    return _only(scope, *(("pull",) if scope.name.startswith(MIRROR) else ()))


def _owner(name: str) -> Project | None:
    """The project whose registry holds the repository: the one with the longest path that it lies under."""
    parts = name.split("/")
    paths = ["/".join(parts[:count]) for count in range(len(parts), 0, -1)]
    found = {project.path_with_namespace.lower(): project for project in Project.objects.all()}
    return next((found[path] for path in paths if path in found), None)


def _ecr(scope: Scope) -> Scope:
    """The local ECR's repositories are those that belong to no project and are not the mirror's."""
    if scope.kind != "repository" or _owner(scope.name) is not None:
        return _only(scope)
    return _only(scope, "pull", *(() if scope.name.startswith(MIRROR) else ("push",)))


def _job(scope: Scope, job: Job) -> Scope:
    """A job pulls and pushes its project's images; it pulls those of the whole instance, which lie in no
    project, such as a shared test image."""
    owner = _owner(scope.name)
    if owner is None:
        shared = scope.kind == "repository" and "/" not in scope.name
        return _only(scope, "pull") if shared or scope.name.startswith(MIRROR) else _only(scope)
    return _only(scope, "pull", "push") if owner.pk == job.project_id else _only(scope)


def _within(held: frozenset[str], scope: Scope) -> Scope:
    """No more than the access token's own scopes open."""
    pull = ("pull",) if held & tokens.REGISTRY_READ else ()
    push = ("push", "delete") if held & tokens.REGISTRY_WRITE else ()
    return _only(scope, *pull, *push)


def _user(scope: Scope, user: User) -> Scope:
    if user.is_superuser:
        return _only(scope, "pull", "push", "delete")
    owner = _owner(scope.name)
    if owner is None:
        return _mirror(scope)
    if access.level(user, owner) >= access.PUSH:
        return _only(scope, "pull", "push")
    return _only(scope, *(("pull",) if access.may_read(user, owner) else ()))


@lru_cache(maxsize=4)
def _signing(path: Path) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = serialization.load_pem_private_key(path.with_suffix(".key").read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{path.with_suffix('.key')} is not the key that shipline made.")
    return key, x509.load_pem_x509_certificate(path.read_bytes())


def _ecr_key(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""
